"""The off-target and mixed rates of every model and language as tables."""

from collections.abc import Callable, Sequence

from isoglot.core.errors import InputError
from isoglot.report.cells import Cell, Column, Scale
from isoglot.report.results.names import language_name, without_revisions
from isoglot.report.results.rows import (
    MIXED,
    OFF_TARGET,
    THOUGHT_OFF_TARGET,
    Known,
    Measure,
    ResultRow,
    rows_of,
)
from isoglot.report.results.summary import AuditRow, RunSummary
from isoglot.report.table import Table, TableRow


def _audit_rows(summary: RunSummary) -> list[AuditRow]:
    """Off-target rates of the answers of each round, then of each policy M_t on each task."""
    answers = list(summary.audit.rows) if summary.audit else []
    return answers + [
        AuditRow(
            sampler=f"{entry.policy} {row.task}",
            language=row.language,
            off_target_rate=row.value,
            low=row.low,
            high=row.high,
            n=row.n,
            unknown=row.unknown,
            thought_off_target_rate=thoughts.value if thoughts else None,
            num_thoughts=thoughts.n if thoughts else 0,
            mixed=mixed.value if mixed else None,
        )
        for entry in summary.rounds
        for row in entry.results
        if row.metric == OFF_TARGET
        for thoughts in [_beside(row, THOUGHT_OFF_TARGET, entry.results)]
        for mixed in [_beside(row, MIXED, entry.results)]
    ]


def _beside(answers: ResultRow, metric: str, rows: Sequence[ResultRow]) -> ResultRow | None:
    """The row of another rate of the same answers; None without, as of one that does not think."""
    return rows_of(rows, Measure(answers.task, metric)).get(answers.language)


def audit_tables(summary: RunSummary) -> list[Table]:
    """The off-target rates, and those of mixed answers and of thoughts where there are any.

    Models down, languages across, rate in percent; `?` where no language was identified.

    Raises:
        InputError: the run has no rates yet.
    """
    rows = _audit_rows(summary)
    if not rows:
        raise InputError("the run has no completions to audit yet: expected `generate` to be done")
    tables = [_matrix("Off-target rate, %", rows, lambda row: row.off_target_rate)]
    if counted := [row for row in rows if row.mixed is not None]:
        tables.append(_matrix("Mixed answers, %", counted, lambda row: row.mixed))
    if thinking := [row for row in rows if row.num_thoughts]:
        title = "Off-target rate of thoughts, %"
        tables.append(_matrix(title, thinking, lambda row: row.thought_off_target_rate))
    return tables


def _matrix(title: str, rows: Sequence[AuditRow], rate_of: Callable[[AuditRow], Known]) -> Table:
    tags = sorted({row.language for row in rows})
    rates = {(row.sampler, row.language): rate_of(row) for row in rows}
    models = list(dict.fromkeys(row.sampler for row in rows))
    scale = Scale(100, 0, "%")
    return Table(
        title,
        [Column("Model"), *(Column(tag, scale) for tag in tags)],
        [
            TableRow(
                name,
                [
                    ("" if (model, tag) not in rates else "?")
                    if (rate := rates.get((model, tag))) is None
                    else rate
                    for tag in tags
                ],
            )
            for model, name in zip(models, without_revisions(models), strict=True)
        ],
    )


def audit_list(rows: Sequence[AuditRow]) -> Table:
    """A row for each model and language, with intervals and counts."""
    columns = [Column("Model"), Column("Language", is_text=True)]
    columns += [Column(name) for name in ("Off-target, %", "n", "Unknown", "Mixed, %")]
    thinks = any(row.num_thoughts for row in rows)
    columns += [Column(name) for name in ("Thoughts off-target, %", "n")] * thinks
    listed = []
    for r in rows:
        cells: list[Cell] = [language_name(r.language), r.interval, r.n, r.unknown, r.mixed]
        cells += (r.thought_off_target_rate, r.num_thoughts) if thinks else ()
        listed.append(TableRow(r.sampler, cells))
    return Table("Off-target rate of each model", columns, listed, is_open=False)
