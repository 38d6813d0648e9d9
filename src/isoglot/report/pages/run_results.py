"""The results of a run as tables: languages over rounds, directions, preference pairs."""

from collections.abc import Mapping, Sequence

from isoglot.report.cells import POINTS, Badge, Cell, Column, Steps
from isoglot.report.results.names import language_name
from isoglot.report.results.progress import Progress, change_over
from isoglot.report.results.rows import OFF_TARGET, Interval, Measure, ResultRow
from isoglot.report.results.summary import RunSummary
from isoglot.report.table import Table, TableRow

_MARKS = {"dominant": "★", "trained": "●", "never trained": "○"}
_DIRECTIONS = {
    "high→high": "High → high",
    "high→low": "High → low",
    "low→high": "Low → high",
    "low→low": "Low → low",
    "same": "Same language",
}


def language_table(progress: Progress) -> Table:
    """The primary measure by language and policy, its change, and off-target rates."""
    main, rounds = progress.primary, progress.rounds
    values, changes = progress.series(main), progress.changes(main)
    rates = progress.series(progress.off_target)
    columns = [Column("Language"), Column("", is_text=True), *_policies(rounds)]
    columns += [Column("Change", POINTS)] * (len(rounds) > 1) + [Column("Off-target, %")]
    rows = [
        TableRow.of_language(
            tag,
            [
                Badge(progress.group(tag), _MARKS[progress.group(tag)]),
                *_values(values.get(tag, {}), rounds),
                *([changes.get(tag)] * (len(rounds) > 1)),
                Steps(_values(rates.get(tag, {}), rounds)),
            ],
            section=progress.group(tag),
        )
        for tag in progress.languages
        if tag in values or tag in rates
    ]
    title = f"{main.title}, %" if main else "No results yet"
    marks = "   ".join(f"{mark} {group}" for group, mark in _MARKS.items())
    caption = f"{marks}   change: points, 95 % interval"
    return Table(title, columns, rows, caption, is_open=len(rows) <= 16)


def direction_tables(summary: RunSummary, *, with_languages: bool = False) -> list[Table]:
    """A table for each measure of a cross-lingual task: by direction, then by answer language."""
    rows = [row for entry in summary.rounds for row in entry.directions]
    measures = dict.fromkeys(row.measure for row in rows)
    rounds = [entry.round for entry in summary.rounds if entry.directions]
    columns = [Column("Prompt → answer"), *_policies(rounds), Column("Change", POINTS)]
    columns += [Column(name) for name in ("Off-target, %", "n", "Unknown")]
    return [
        Table(
            f"{measure.title}, by direction, %",
            columns,
            [
                row
                for part in ("directions", "answer_languages")[: 1 + with_languages]
                for row in _direction_rows(summary, measure, part, rounds)
            ],
        )
        for measure in measures
        if not measure.is_language_fault
    ]


def pair_table(summary: RunSummary) -> Table | None:
    """Kept, dropped and reward accuracy of each round's pairs; None without pairs."""
    rows = [
        TableRow(
            str(entry.round),
            [
                pairs.kept,
                pairs.types or None,
                sum(pairs.dropped.values()),
                pairs.reward_accuracy.interval if pairs.reward_accuracy else None,
            ],
        )
        for entry in summary.rounds
        if (pairs := entry.pairs)
    ]
    columns = [Column("Round"), Column("Kept"), Column("Of which", is_text=True)]
    columns += [Column("Dropped"), Column("Reward accuracy, %")]
    return Table("Pairs of each round", columns, rows) if rows else None


def _direction_rows(
    summary: RunSummary, measure: Measure, name: str, rounds: Sequence[int]
) -> list[TableRow]:
    values, rates = (
        _by_round(summary, wanted, name) for wanted in (measure, Measure(measure.task, OFF_TARGET))
    )
    order = [direction for direction in _DIRECTIONS if direction in values]
    order += sorted((tag for tag in values if tag not in _DIRECTIONS), key=language_name)
    rows = []
    for each in order:
        last = values[each][max(values[each])]
        cells: list[Cell] = [
            *_values(values[each], rounds),
            change_over(values[each]),
            Steps(_values(rates[each], rounds)) if each in rates else None,
            last.n,
            last.unknown,
        ]
        is_group = each in _DIRECTIONS
        head = _DIRECTIONS.get(each) or language_name(each)
        rows.append(TableRow(head, cells, "" if is_group else each, is_group=is_group))
    return rows


def _by_round(summary: RunSummary, measure: Measure, name: str) -> dict[str, dict[int, Interval]]:
    found: dict[str, dict[int, Interval]] = {}
    for entry in summary.rounds:
        rows: Sequence[ResultRow] = getattr(entry, name)
        for row in rows:
            if row.measure == measure:
                found.setdefault(row.language, {})[entry.round] = row.interval
    return found


def _policies(rounds: Sequence[int]) -> list[Column]:
    return [Column(f"M{index}") for index in rounds]


def _values(by_round: Mapping[int, Interval], rounds: Sequence[int]) -> list[float | None]:
    return [by_round[index].value if index in by_round else None for index in rounds]
