"""The costs of a study: seconds, tokens and pairs of each cell."""

from collections.abc import Sequence
from statistics import fmean

from isoglot.report.cells import POINTS, UNKNOWN, Cell, Column, Scale, Toned, number
from isoglot.report.results.study import StudyBudget, StudyCell, StudyRun
from isoglot.report.table import Table, TableRow

SECONDS = Scale(1, 0, "s")


def costs_table(cells: Sequence[StudyCell], budget: StudyBudget | None) -> Table:
    """Seconds by stage, tokens and pairs of each cell; a cell off the budget is marked."""
    runs = [run for cell in cells for run in cell.runs]
    stages = dict.fromkeys(s for r in runs for s in (*(r.seconds or ()), *(r.shared_seconds or ())))
    names = [*(f"{stage}, s" for stage in stages), "All, s", "Shared, s"]
    columns = [Column("Cell"), *(Column(name, SECONDS) for name in names)]
    names = ["Tokens written", "Tokens trained", "Both", "Pairs, each seed"]
    columns += map(Column, names)
    rows = []
    for cell in cells:
        done = [run for run in cell.runs if run.error is None]
        pairs = [run.pairs for run in done if run.pairs is not None]
        line: list[Cell] = [_seconds(done, stage) for stage in stages]
        line += [
            cell.total_seconds,
            sum((sum((run.shared_seconds or {}).values()) for run in done), 0.0),
            _mean_tokens([run.written_tokens for run in done]),
            _mean_tokens([run.trained_tokens for run in done]),
            _compute(cell, budget),
            ", ".join(map(str, pairs)) or None,
        ]
        rows.append(TableRow(cell.cell, line))
    return Table("", columns, rows)


def _seconds(runs: Sequence[StudyRun], stage: str) -> str:
    """`12*`: the seconds that were spent here; an asterisk where another cell's work was taken."""
    spent = [run.seconds[stage] for run in runs if run.seconds and stage in run.seconds]
    is_taken = any(stage in (run.shared_seconds or ()) for run in runs)
    return f"{sum(spent):.0f}{'*' * is_taken}" if spent or is_taken else UNKNOWN


def _mean_tokens(counts: Sequence[int | None]) -> str | None:
    """`1,204,000`: the mean over runs that counted."""
    known = [num for num in counts if num is not None]
    return f"{fmean(known):,.0f}" if known else None


def _compute(cell: StudyCell, budget: StudyBudget | None) -> Cell:
    """The mean compute of a run, coloured where it misses the budget."""
    if cell.tokens is None or budget is None or budget.holds(cell):
        return None if cell.tokens is None else f"{cell.tokens:,.0f}"
    share = cell.tokens / budget.tokens - 1
    return Toned(f"{cell.tokens:,.0f} ({number(share, POINTS)} % off the budget)", "bad")
