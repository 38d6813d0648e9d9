"""What cleaning took out of the demonstrations: duplicates, and what evaluation sets ask."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isoglot.report.old_page import Grid, Line, Section
from isoglot.report.results.measures import Summary, language_name, rounds
from isoglot.report.tables import percent, plain_table

if TYPE_CHECKING:
    from rich.table import Table

_Tables = list[tuple[str, str, str, list[str], list[tuple[str, list[str]]]]]


def cleaning_sections(summary: Summary) -> list[Section]:
    """What stayed and went, and what of the evaluation sets was found; where a run cleaned."""
    return [
        Section(
            anchor,
            title,
            caption,
            "Nothing was cleaned.",
            grid=Grid(columns, [Line(cells[0], cells[1:], tag) for tag, cells in lines]),
        )
        for anchor, title, caption, columns, lines in _tables(summary)
    ]


def cleaning_tables(summary: Summary) -> "list[Table]":
    """The same for the console."""
    return [
        plain_table(title, columns, [cells for _, cells in lines])
        for _, title, _, columns, lines in _tables(summary)
    ]


def empty_languages(summary: Summary) -> list[str]:
    """A line for each round in which languages have no demonstration."""
    return [
        f"Round {entry['round']}: no demonstration is left in {', '.join(map(language_name, tags))}"
        for entry in rounds(summary)
        if (tags := (entry.get("cleaned") or {}).get("empty_languages"))
    ]


def _tables(summary: Summary) -> _Tables:
    cleaned = [entry["cleaned"] for entry in rounds(summary) if entry.get("cleaned")]
    if not cleaned:
        return []
    kept: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {}
    for each in cleaned:
        for tag, row in each["by_language"].items():
            kept[tag] += row["kept"]
            dropped.setdefault(tag, Counter()).update(row["dropped"])
    reasons = sorted({why for counts in dropped.values() for why in counts})
    demonstrations = [
        (tag, [language_name(tag), str(kept[tag]), *(str(dropped[tag][why]) for why in reasons)])
        for tag in sorted(dropped)
    ]
    overlaps = [
        (row["language"], _overlap(row)) for each in cleaned for row in each["contamination"]
    ]
    tables: _Tables = [
        (
            "cleaned",
            "Demonstrations kept and dropped",
            "Of near-duplicates one stays. Character n-grams are compared, within a language.",
            ["Language", "Kept", *(why.replace("_", " ") for why in reasons)],
            demonstrations,
        )
    ]
    if overlaps:
        tables.append(
            (
                "contamination",
                "Evaluation items found in demonstrations",
                "Rows that hold an item are dropped. Rate: such rows, of all rows of the language. "
                "Items that are too short to be found are unknown.",
                ["Language", "Task", "Rows", "Hold an item", "Rate", "Items", "Found", "Unknown"],
                overlaps,
            )
        )
    return tables


def _overlap(row: Mapping[str, Any]) -> list[str]:
    numbers = (row["rows"], row["contaminated"])
    items = (row["items"], row["found_items"], row["unknown_items"])
    rate = f"{percent(row['rate'])} %" if row["rate"] is not None else "unknown"
    return [language_name(row["language"]), row["task"], *map(str, numbers), rate, *map(str, items)]
