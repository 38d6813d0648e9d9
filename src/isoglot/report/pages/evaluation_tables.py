"""The tables of an evaluation: one measure for a page, all measures of a task for a terminal."""

from collections.abc import Mapping, Sequence

from isoglot.report.charts.tiers import TRAINED
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.names import count_of, metric_name, tier
from isoglot.report.results.rows import (
    OFF_TARGET,
    GroupRow,
    Interval,
    Measure,
    ResultRow,
    group_title,
    groups_of,
    language_order,
    measures_of,
    rows_of,
    unknown_sentence,
)
from isoglot.report.table import Cell, Column, Row, Table

_WIDE = 2
"""With more measures than this a terminal shows ± instead of both bounds."""


def measure_table(results: Evaluation, measure: Measure) -> Table:
    """One measure with changes, off-target rates and counts: the groups, then every language."""
    found, groups = rows_of(results.results, measure), groups_of(results.groups, measure)
    off_target = Measure(measure.task, OFF_TARGET)
    rates = {} if measure.is_off_target else rows_of(results.results, off_target)
    group_rates = groups_of(results.groups, off_target)
    columns = [Column("Language"), Column("Resources"), Column("Value, %")]
    columns += [Column("Off-target, %")] * bool(rates) + [Column("n"), Column("Unknown")]

    def cells(resources: str, value: Interval, rate: ResultRow | GroupRow | None) -> list[Cell]:
        beside: list[Cell] = [rate.value if rate else None] if rates else []
        return [resources or None, value, *beside, value.n, value.unknown]

    rows = [
        Row(
            group_title(name, found),
            cells(count_of(len(row.languages), "language"), row.interval, group_rates.get(name)),
            is_group=True,
        )
        for name, row in groups.items()
    ]
    rows += [
        Row.of_language(
            tag,
            cells(tier(tag), found[tag].interval, rates.get(tag)),
            TRAINED if found[tag].trained else "",
            tier(tag),
        )
        for tag in language_order(results.results)
        if tag in found
    ]
    return Table(measure.title, columns, rows)


def task_table(results: Evaluation, task: str) -> Table:
    """Languages, then groups, as rows; each measure of a task as a column, then off-target."""
    rows = [row for row in results.results if row.task == task]
    groups = [row for row in results.groups if row.task == task]
    measures = measures_of(rows)
    off_target = Measure(task, OFF_TARGET)
    found = {m: rows_of(rows, m) for m in [*measures, off_target]}
    found = {measure: part for measure, part in found.items() if part}
    is_wide = len(measures) <= _WIDE
    columns = [Column("Language")]
    columns += [
        Column(f"{task} off-target", form="value")
        if measure.is_off_target
        else Column(f"{task} {metric_name(measure.metric)}", form="brackets" if is_wide else "half")
        for measure in found
    ]
    lines = [
        Row.of_language(
            tag,
            _cells({measure: part.get(tag) for measure, part in found.items()}),
            TRAINED if any(tag in p and p[tag].trained for p in found.values()) else "",
            tier(tag),
        )
        for tag in language_order(rows)
    ]
    by_group = {measure: groups_of(groups, measure) for measure in found}
    for name in dict.fromkeys(name for part in by_group.values() for name in part):
        titles = {group_title(name, found[m]) for m, part in by_group.items() if name in part}
        title = titles.pop() if len(titles) == 1 else titles.pop().partition(" (")[0]
        cells = _cells({measure: part.get(name) for measure, part in by_group.items()})
        lines.append(Row(title, cells, is_group=True))
    return Table(f"{results.title}, %", columns, lines, _caption(results, rows, is_wide))


def _cells(pick: Mapping[Measure, ResultRow | GroupRow | None]) -> list[Cell]:
    """Off-target rates without their change: less is better there."""
    return [
        "" if row is None else row.value if measure.is_off_target else row.interval
        for measure, row in pick.items()
    ]


def _caption(results: Evaluation, rows: Sequence[ResultRow], is_wide: bool) -> str:
    parts = ["95 % intervals" if is_wide else "± half the 95 % interval"]
    if results.baseline:
        parts.append("in brackets: points from the baseline, green and red beyond their interval")
    if text := unknown_sentence(row for row in rows if row.metric != OFF_TARGET):
        parts.append(text)
    return "; ".join(parts)
