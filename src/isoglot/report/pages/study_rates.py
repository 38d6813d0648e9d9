"""The tables of the win rates of a study: by cell, and by cell and language."""

from collections.abc import Sequence

from isoglot.report.cells import Cell, Column, number
from isoglot.report.pages.study_costs import SECONDS
from isoglot.report.pages.study_tables import claims_table
from isoglot.report.results.names import count_of, language_name
from isoglot.report.results.study import STUDY_GROUPS, Study, StudyCell, StudyWinRate
from isoglot.report.table import Table, TableRow


def study_tables(study: Study) -> list[Table]:
    """The tables for a terminal, in the order in which they are read."""
    tables = [cells_table(study, judge) for judge in study.judges]
    return [*tables, *([claims_table(study.findings)] if study.findings else [])]


def cells_table(study: Study, judge: str) -> Table:
    """Win rates of each cell: means over groups of languages, outcomes and seconds."""
    names = [*(name.capitalize() for name in STUDY_GROUPS.values()), "Decided only"]
    columns = [Column("Cell"), *(Column(f"{name}, %", form="words") for name in names)]
    columns += [Column("Wins / ties / losses"), Column("Seconds", SECONDS)]
    rows = []
    for cell in study.cells:
        rates = cell.rates(judge)
        line: list[Cell] = [rates[g].interval if g in rates else None for g in STUDY_GROUPS]
        every = rates.get("all")
        line += [every.decided_interval if every else None, _counts(every), cell.total_seconds]
        errors = [f"seed {run.seed}: {run.error}" for run in cell.runs if run.error]
        head = f"{cell.cell}\nfailed: {errors[0]}" if errors else cell.cell
        rows.append(TableRow(head, line))
    return Table(
        f"{study.name}: win-rate against M0 on {study.task} by {judge}, %",
        columns,
        rows,
        "means over languages, ties as half a win; in brackets 95 % intervals over "
        f"{count_of(len(study.seeds), 'seed')} and the prompts",
    )


def languages_table(cells: Sequence[StudyCell], judge: str, tags: Sequence[str]) -> Table:
    """Win rates of each cell in each language."""
    columns = [
        Column("Cell and language"),
        *(Column(name, form="words") for name in ("Win-rate, %", "Decided only, %")),
        *map(Column, ("Wins / ties / losses", "n", "Off-target, %", "Each seed, %")),
    ]
    rows = [
        TableRow(
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
