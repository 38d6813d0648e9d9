"""Results of prompts that ask across languages: by direction, and by the language of the answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isoglot.report.old_page import Grid, Line, Section
from isoglot.report.results.measures import (
    OFF_TARGET,
    Measure,
    Row,
    Summary,
    change,
    language_name,
    number,
    rounds,
)
from isoglot.report.tables import UNKNOWN, interval, percent, signed

if TYPE_CHECKING:
    from rich.table import Table

_NAMES = {
    "high→high": "High → high",
    "high→low": "High → low",
    "low→high": "Low → high",
    "low→low": "Low → low",
    "same": "Same language",
}

Found = Mapping[str, Mapping[int, Row]]
"""Direction or language → round → result."""


def direction_sections(summary: Summary) -> list[Section]:
    """A table for each measure of a cross-lingual task; none without such a task."""
    return [
        Section(
            f"directions-{i}",
            f"{measure.title}, by direction",
            "From the resources of the prompt's language to those of the answer's; below, by the "
            "language that the answer is asked in. Off-target: answers in another language.",
            "",
            grid=Grid(
                ["Asked", *_columns(summary), "n", "Unknown"],
                _lines(summary, measure, "directions")
                + _lines(summary, measure, "answer_languages"),
            ),
        )
        for i, measure in enumerate(_measures(summary))
    ]


def direction_tables(summary: Summary) -> list["Table"]:
    """The directions for a console."""
    from rich.table import Table
    from rich.text import Text

    tables = []
    for measure in _measures(summary):
        table = Table(title=Text(f"{measure.title}, by direction, %"), padding=(0, 1, 0, 0))
        table.add_column("asked")
        for name in (*_columns(summary), "n", "unknown"):
            table.add_column(name.lower() if name[0] != "M" else name, justify="right")
        for line in _lines(summary, measure, "directions"):
            table.add_row(line.head, *line.cells)
        tables.append(table)
    return tables


def _columns(summary: Summary) -> list[str]:
    return [*(f"M{index}" for index in _indices(summary)), "Change", "95 % interval", "Off-target"]


def _indices(summary: Summary) -> list[int]:
    return [int(entry["round"]) for entry in rounds(summary) if entry.get("directions")]


def _measures(summary: Summary) -> list[Measure]:
    """Those with a direction, but the off-target rates, in order of appearance."""
    rows = (row for entry in rounds(summary) for row in entry.get("directions") or ())
    found = dict.fromkeys(Measure(row["task"], row["metric"]) for row in rows)
    return [measure for measure in found if measure.metric != OFF_TARGET]


def _found(summary: Summary, measure: Measure, key: str) -> Found:
    found: dict[str, dict[int, Row]] = {}
    for entry in rounds(summary):
        for row in entry.get(key) or ():
            if (row["task"], row["metric"]) == measure:
                found.setdefault(row["language"], {})[int(entry["round"])] = row
    return found


def _lines(summary: Summary, measure: Measure, key: str) -> list[Line]:
    values = _found(summary, measure, key)
    rates = _found(summary, Measure(measure.task, OFF_TARGET), key)
    order = [name for name in _NAMES if name in values]
    order += sorted((tag for tag in values if tag not in _NAMES), key=language_name)
    return [
        Line(
            _NAMES.get(name) or language_name(name),
            _cells(_indices(summary), name, values[name], rates.get(name, {})),
            "" if name in _NAMES else name,
            is_group=name in _NAMES,
        )
        for name in order
    ]


def _cells(
    indices: Sequence[int], name: str, values: Mapping[int, Row], rates: Mapping[int, Row]
) -> list[str]:
    known = {index: row for index, row in values.items() if number(row) is not None}
    moved, last = change(known, name), values[max(values)]
    ends = (
        [number(rates[index]) for index in dict.fromkeys((min(rates), max(rates)))] if rates else []
    )
    return [
        *(percent(number(values.get(index))) for index in indices),
        signed(moved.value if moved else None),
        interval(moved) or UNKNOWN,
        " → ".join(percent(rate) for rate in ends) or UNKNOWN,
        *(str(last.get(key, UNKNOWN)) for key in ("n", "unknown")),
    ]
