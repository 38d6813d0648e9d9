"""The tables of the win rates of a study: two for its page, one for a terminal."""

from collections.abc import Sequence

from isoglot.report.pages.study_tables import SECONDS, claims_table
from isoglot.report.results.names import count_of, language_name
from isoglot.report.results.study import STUDY_GROUPS, Study, StudyCell, StudyWinRate
from isoglot.report.table import Cell, Column, Row, Table, number


def study_tables(study: Study) -> list[Table]:
    """The tables for a terminal, in the order in which they are read."""
    tables = [_cells_table(study, judge) for judge in study.judges]
    return [*tables, *([claims_table(study.findings)] if study.findings else [])]


def _cells_table(study: Study, judge: str) -> Table:
    columns = [Column("cell")]
    columns += [Column(name, form="words") for name in ("trained", "unseen", "decided only")]
    columns += [Column("wins / ties / losses"), Column("s", SECONDS)]
    rows = []
    for cell in study.cells:
        rates = cell.rates(judge)
        errors = [f"seed {run.seed}: {run.error}" for run in cell.runs if run.error]
        trained, unseen, every = (rates.get(group) for group in ("trained", "unseen", "all"))
        line: list[Cell] = [row.interval if row else None for row in (trained, unseen)]
        line += [every.decided_interval if every else None, _counts(every), cell.total_seconds]
        head = f"{cell.cell}\nfailed: {errors[0]}" if errors else cell.cell
        rows.append(Row(head, line))
    return Table(
        f"{study.name}: win-rate against M0 on {study.task} by {judge}, %",
        columns,
        rows,
        "means over languages, ties as half a win; in brackets 95 % intervals over "
        f"{count_of(len(study.seeds), 'seed')} and the prompts",
    )


def means_table(cells: Sequence[StudyCell], judge: str) -> Table:
    """Win rates of each cell: means over groups of languages."""
    names = [f"{name.capitalize()}, %" for name in STUDY_GROUPS.values()]
    columns = [Column("Cell"), *(Column(n, form="words") for n in (*names, "Decided only, %"))]
    columns.append(Column("Wins / ties / losses"))
    rows = []
    for cell in cells:
        rates = cell.rates(judge)
        line: list[Cell] = [rates[g].interval if g in rates else None for g in STUDY_GROUPS]
        every = rates.get("all")
        line += [every.decided_interval if every else None, _counts(every)]
        rows.append(Row(cell.cell, line))
    return Table("", columns, rows)


def languages_table(cells: Sequence[StudyCell], judge: str, tags: Sequence[str]) -> Table:
    """Win rates of each cell in each language."""
    columns = [
        Column("Cell and language"),
        *(Column(name, form="words") for name in ("Win-rate, %", "Decided only, %")),
        *map(Column, ("Wins / ties / losses", "n", "Off-target, %", "Each seed, %")),
    ]
    rows = [
        Row(
            f"{cell.cell}: {language_name(tag)}{' ●' if row.trained else ''}",
            [
                row.interval,
                row.decided_interval,
                _counts(row),
                row.n,
                f"{number(row.base_off_target)} → {number(row.off_target)}",
                ", ".join(map(number, row.win_rate_by_seed)),
            ],
            tag,
        )
        for cell in cells
        for tag in tags
        if (row := cell.rates(judge).get(tag))
    ]
    return Table("", columns, rows, is_open=False)


def _counts(row: StudyWinRate | None) -> str | None:
    """Wins, ties and losses, and the examples that the judge could not tell."""
    if row is None:
        return None
    invalid = f" ({row.invalid} invalid)" if row.invalid else ""
    return f"{row.wins} / {row.ties} / {row.losses}{invalid}"
