"""The table of measures by language: groups of languages, then every language with its counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from isoglot.report.cells import GRADES, Cell, Column
from isoglot.report.charts.tiers import TRAINED
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.judging import Ratings
from isoglot.report.results.names import count_of, metric_name, tier
from isoglot.report.results.rows import (
    MIXED,
    OFF_TARGET,
    THOUGHT_OFF_TARGET,
    GroupRow,
    Measure,
    ResultRow,
    Results,
    cut_off_sentence,
    cut_off_title,
    group_title,
    groups_of,
    language_order,
    measures_of,
    rows_of,
    unknown_sentence,
)
from isoglot.report.table import Table, TableRow

_COUNTS = {"n": "n", "unknown": "Unknown", "invalid": "Unreadable", "unanswered": "Not answered"}
_FAULTS = {OFF_TARGET: "Off-target", THOUGHT_OFF_TARGET: "Thoughts off-target", MIXED: "Mixed"}
_WIDE = 2
"""Most measures for which a terminal shows both bounds instead of ±."""


def measures_table(
    title: str,
    results: Results,
    columns: Mapping[Measure, Column],
    *,
    counts: Sequence[str] = (),
    caption: str = "",
) -> Table:
    """A column for each measure; of the first one also the `counts`, and the resource tiers.

    Where answers were cut off at the token limit, a last column has their number.
    """
    found = {measure: rows_of(results.results, measure) for measure in columns}
    groups = {measure: groups_of(results.groups, measure) for measure in columns}
    main = next(iter(columns), Measure("", ""))
    rows = []
    for name in dict.fromkeys(name for part in groups.values() for name in part):
        titles = {group_title(name, found[m]) for m, part in groups.items() if name in part}
        # The worst language is named, unless that of each measure is another.
        head = titles.pop() if len(titles) == 1 else titles.pop().partition(" (")[0]
        pick = {measure: part[name] for measure, part in groups.items() if name in part}
        size = count_of(len(next(iter(pick.values())).languages), "language")
        rows.append(TableRow(head, _cells(columns, pick, size, main, counts), is_group=True))
    for tag in language_order(results.results):
        own = {measure: part[tag] for measure, part in found.items() if tag in part}
        if not own:
            continue
        mark = TRAINED if any(row.trained for row in own.values()) else ""
        cells = _cells(columns, own, tier(tag), main, counts)
        rows.append(TableRow.of_language(tag, cells, mark, tier(tag)))
    heads = [Column("Language"), *([Column("Resources")] if counts else []), *columns.values()]
    heads += [Column(_COUNTS[name]) for name in counts]
    if title_of_cut := cut_off_title(row for part in found.values() for row in part.values()):
        heads.append(Column(title_of_cut))
        cut = {tag: row.num_cut_off for part in found.values() for tag, row in part.items()}
        rows = [replace(row, cells=[*row.cells, cut.get(row.tag)]) for row in rows]
    return Table(title, heads, rows, caption)


def _cells(
    columns: Mapping[Measure, Column],
    pick: Mapping[Measure, ResultRow] | Mapping[Measure, GroupRow],
    resources: str,
    main: Measure,
    counts: Sequence[str],
) -> list[Cell]:
    cells: list[Cell] = [resources or None] if counts else []
    for measure in columns:
        row = pick.get(measure)
        # Of a rate of language faults next to another measure the value is enough.
        is_minor = measure.is_language_fault and measure != main
        cells.append(None if row is None else row.value if is_minor else row.interval)
    return [*cells, *(getattr(pick.get(main), name, None) for name in counts)]


def measure_table(results: Evaluation, measure: Measure) -> Table:
    """Tabulate a measure of an evaluation, with LC&Acc and language faults: for a page."""
    columns = {measure: Column("Value, %")}
    caption = ""
    if rows_of(results.results, measure.in_language):
        name = metric_name(measure.in_language.metric)
        columns[measure.in_language] = Column(f"{name}, %")
        caption = f"{name}: right and in the language asked for"
    for rate, title in _FAULTS.items():
        rates = Measure(measure.task, rate)
        if rates != measure and rows_of(results.results, rates):
            columns[rates] = Column(f"{title}, %")
    return measures_table(measure.title, results, columns, counts=("n", "unknown"), caption=caption)


def task_table(results: Evaluation, task: str) -> Table:
    """All measures of a task of an evaluation, and its language faults: for a terminal."""
    rows = [row for row in results.results if row.task == task]
    is_wide = len(measures_of(rows)) <= _WIDE
    columns = {
        m: Column(f"{task} {metric_name(m.metric)}", form="brackets" if is_wide else "half")
        for m in measures_of(rows)
    }
    for rate, title in _FAULTS.items():
        if rows_of(rows, rates := Measure(task, rate)):
            columns[rates] = Column(f"{task} {title.lower()}", form="value")
    parts = ["95 % intervals" if is_wide else "± half the 95 % interval"]
    if results.baseline:
        parts.append("in brackets: points from the baseline, * beyond their interval")
    parts += filter(None, [cut_off_sentence(rows), unknown_sentence(_scored(rows))])
    parts += [note for note in results.notes if note.startswith(f"{task}: ")]
    return measures_table(f"{results.title}, %", results, columns, caption="; ".join(parts))


def _scored(rows: Sequence[ResultRow]) -> list[ResultRow]:
    return [row for row in rows if not row.measure.is_language_fault]


def rating_measures(ratings: Ratings) -> list[Measure]:
    """The rating over all turns, then that of each turn."""
    return sorted(measures_of(ratings.results), key=lambda m: (len(m.metric), m.metric))


def rating_table(ratings: Ratings) -> Table:
    """The rating over all turns and of each turn: for a page and a terminal."""
    measures = rating_measures(ratings)
    is_alone = len(measures) == 1
    columns = {
        m: Column(metric_name(m.metric), GRADES, form="brackets" if is_alone else "half")
        for m in measures
    }
    return measures_table(
        f"{ratings.model}, grades from 1 to 10",
        ratings,
        columns,
        counts=("n", "invalid", "unanswered"),
        caption=f"judge: {ratings.judge}; "
        + ("95 % intervals" if is_alone else "± half the 95 % interval"),
    )
