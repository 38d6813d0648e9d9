"""The table of runs next to each other: one measure, a column for each run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from isoglot.report.cells import Cell, Column, scale_of, step_of
from isoglot.report.results.names import column_names
from isoglot.report.results.paired import changes_between
from isoglot.report.results.rows import MEAN, Interval, Measure, ResultRow, groups_of, rows_of
from isoglot.report.results.runs import ComparedRun, Comparison
from isoglot.report.table import Table, TableRow

Changes = Mapping[str, Mapping[str, Interval]]
"""Name of a run → language, or `mean` → its change from the first run."""


def changes_of(comparison: Comparison, measure: Measure) -> Changes:
    """The change of each run but the first; none of off-target rates."""
    if measure.is_off_target:
        return {}
    first, *others = comparison.runs
    return {run.name: changes_between(first, run, measure) for run in others}


def comparison_table(
    comparison: Comparison, measure: Measure, changes: Changes, unit: str = ""
) -> Table:
    """The mean over the languages that all runs have a value in, then every language.

    `unit` follows the name of each run: on a page, which does not show the title of a table.
    """
    found = {run.name: rows_of(run.rows, measure) for run in comparison.runs}
    tags = [tag for tag in comparison.languages if any(tag in part for part in found.values())]
    shared = [
        tag
        for tag in tags
        if all(tag in part and part[tag].value is not None for part in found.values())
    ]
    scale = scale_of(measure)
    columns = [Column("Language")]
    columns += [Column(name + unit, scale, form="value") for name in column_names(list(found))]
    columns.append(Column("n (unknown)"))

    def cells(tag: str, values: Mapping[str, Interval | None], count: str) -> list[Cell]:
        shown: list[Cell] = []
        for name, value in values.items():
            change = changes.get(name, {}).get(tag)
            shown.append(replace(value, change=change) if value else None)
        return [*shown, count]

    rows = []
    if shared:
        means = {run.name: _mean(run, measure, shared) for run in comparison.runs}
        rows.append(TableRow(f"Mean of {len(shared)}", cells(MEAN, means, ""), is_group=True))
    for tag in tags:
        values = {n: part[tag].interval if tag in part else None for n, part in found.items()}
        counts = [_count(part.get(tag)) for part in found.values()]
        count = counts[0] if len(set(counts)) == 1 else " / ".join(counts)
        rows.append(TableRow.of_language(tag, cells(tag, values, count)))
    caption = (
        f"in brackets: {step_of(scale).unit} from {comparison.names[0]}, coloured beyond 95 %"
        if changes
        else ""
    )
    return Table(f"{measure.title}, {scale.unit}", columns, rows, caption)


def _mean(run: ComparedRun, measure: Measure, shared: Sequence[str]) -> Interval:
    """The mean over the shared languages, with the run's own bounds where these are of the same."""
    found = rows_of(run.rows, measure)
    value = fmean(found[tag].value or 0.0 for tag in shared)
    own = groups_of(run.groups, measure).get(MEAN)
    is_same = own is not None and set(own.languages) == set(shared)
    return Interval(value, own.low, own.high) if own and is_same else Interval(value)


def _count(row: ResultRow | None) -> str:
    """`250 (3)`: examples with a value, and without one."""
    counts = (row.n, row.unknown) if row else (None, None)
    n, unknown = ("–" if count is None else str(count) for count in counts)
    return f"{n} ({unknown})"
