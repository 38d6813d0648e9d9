"""The off-target and mixed rates of every model and language as tables."""

from collections.abc import Callable, Sequence

from isoglot.core.errors import InputError
from isoglot.report.cells import Column, Scale
from isoglot.report.results.names import language_name, without_revisions
from isoglot.report.results.rows import Known
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
        )
        for entry in summary.rounds
        for row in entry.results
        if row.measure.is_off_target
    ]


def audit_tables(summary: RunSummary) -> list[Table]:
    """The off-target rates, and the mixed ones where there are any.

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
    return Table(
        "Off-target rate of each model",
        columns,
        [
            TableRow(r.sampler, [language_name(r.language), r.interval, r.n, r.unknown, r.mixed])
            for r in rows
        ],
        is_open=False,
    )
