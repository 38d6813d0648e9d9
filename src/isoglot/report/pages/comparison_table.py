"""The table of runs next to each other: one measure, a column for each run."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from isoglot.report.cells import UNKNOWN, Column, scale_of, step_of
from isoglot.report.results.names import column_names
from isoglot.report.results.paired import MIN_SHARED, compared_values
from isoglot.report.results.rows import MEAN, Interval, Measure, ResultRow, groups_of, rows_of
from isoglot.report.results.runs import ComparedRun, Comparison
from isoglot.report.table import Table, TableRow

RunValues = Mapping[str, Mapping[str, Interval]]
"""Name of a run → language, or `mean` → its value, with its change from the first run."""


def compared_of(comparison: Comparison, measure: Measure) -> RunValues:
    """The values of each run; changes of all but the first one, and none of language faults."""
    if measure.is_language_fault:
        return {
            run.name: {tag: row.interval for tag, row in rows_of(run.rows, measure).items()}
            for run in comparison.runs
        }
    values = compared_values(comparison.runs, measure)
    return dict(zip(comparison.names, values, strict=True))


def changes_of(compared: RunValues) -> dict[str, dict[str, Interval]]:
    """Name of each run but the first → language, or `mean` → its change."""
    _, *others = compared.items()
    return {
        name: {tag: value.change for tag, value in values.items() if value.change}
        for name, values in others
    }


def comparison_table(
    comparison: Comparison, measure: Measure, compared: RunValues, unit: str = ""
) -> Table:
    """The mean over the languages that all runs have a value in, then every language.

    `unit` follows the name of each run: on a page, which does not show the title of a table.
    """
    tags = [tag for tag in comparison.languages if any(tag in part for part in compared.values())]
    known = [
        tag
        for tag in tags
        if all(tag in part and part[tag].value is not None for part in compared.values())
    ]
    last = list(compared.values())[-1]
    changed = [tag for tag in known if last[tag].change] or known
    scale = scale_of(measure)
    columns = [Column("Language")]
    columns += [Column(name + unit, scale, form="value") for name in column_names(list(compared))]
    columns.append(Column("n (unknown)"))
    rows = []
    if known:
        means = [_mean(run, measure, changed, compared[run.name]) for run in comparison.runs]
        rows.append(TableRow(f"Mean of {len(changed)}", [*means, ""], is_group=True))
    for tag in tags:
        values = [part.get(tag) for part in compared.values()]
        own = [rows_of(run.rows, measure).get(tag) for run in comparison.runs]
        rows.append(TableRow.of_language(tag, [*values, _counts(own, values)]))
    caption = ""
    if any(changes_of(compared).values()):
        caption = (
            f"in brackets: {step_of(scale).unit} from {comparison.names[0]}, * beyond 95 %; "
            f"on the prompts that all share, {UNKNOWN} of fewer than {MIN_SHARED}"
        )
    return Table(f"{measure.title}, {scale.unit}", columns, rows, caption)


def _mean(
    run: ComparedRun, measure: Measure, tags: Sequence[str], values: Mapping[str, Interval]
) -> Interval:
    """The mean over languages, with its change, or with the run's own bounds of the same ones."""
    found = values.get(MEAN)
    if found and found.has_bounds:
        return found
    value = fmean(values[tag].value or 0.0 for tag in tags)
    own = groups_of(run.groups, measure).get(MEAN)
    is_same = own is not None and set(own.languages) == set(tags)
    change = found.change if found else None
    return Interval(value, own.low, own.high, change) if own and is_same else Interval(value)


def _counts(own: Sequence[ResultRow | None], values: Sequence[Interval | None]) -> str:
    """`250 (3)`, of each run where they differ; and how many are shared, where some are not."""
    counts = list(dict.fromkeys(map(_count, own)))
    count = counts[0] if len(counts) == 1 else " / ".join(map(_count, own))
    shared = values[0].n if values[0] else None
    is_less = shared is not None and any(row and (row.n or 0) > shared for row in own)
    return f"{count}; {shared} shared" if is_less else count


def _count(row: ResultRow | None) -> str:
    """`250 (3)`: examples with a value, and without one."""
    counts = (row.n, row.unknown) if row else (None, None)
    n, unknown = (UNKNOWN if count is None else str(count) for count in counts)
    return f"{n} ({unknown})"
