"""The decision table of `route:`: by language, what each way was measured at and which was chosen,
and what became of the prompts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoglot.report.old_page import Grid, Line, Section
from isoglot.report.results.measures import (
    Summary,
    language_name,
    number,
    rounds,
    without_revisions,
)
from isoglot.report.tables import UNKNOWN, percent, plain_table

if TYPE_CHECKING:
    from rich.table import Table

_WAYS, _DEMONSTRATIONS = "Which way each language goes", "Demonstrations by language"
_COLUMNS = ("Way", "n", "Use", "chrF", "Off", "Art", "Fail", "Rank", "Decision")
_CAPTION = (
    "Measured on n answers to the development families, in %: usable ones (Use), chrF++ against "
    "references, answers in another language (Off), translations with an artefact (Art), answers "
    "that failed, were cut off or are empty (Fail). A dash is unknown or does not apply. Rank is "
    "the weighted mean by which a way is chosen among those that miss no threshold."
)
_LOST = "Prompts without a demonstration are counted by why."


def route_sections(summary: Summary) -> list[Section]:
    """For each round with routes, the ways of each language, and the demonstrations made."""
    found = []
    for entry in _routed(summary):
        number_of, table = entry["round"], entry["demonstrations"]
        ways = [Line(_name(way), cells, way["language"]) for way, cells in _ways(table)]
        columns, lines = _kept(table)
        found += [
            Section(
                f"routes-{number_of}",
                _WAYS,
                _CAPTION,
                "No way was measured.",
                grid=Grid(["Language", *_COLUMNS], ways),
            ),
            Section(
                f"demonstrations-{number_of}",
                _DEMONSTRATIONS,
                _LOST,
                "There are none.",
                grid=Grid(columns, [Line(language_name(tag), c, tag) for tag, c in lines]),
            ),
        ]
    return found


def route_tables(summary: Summary) -> "list[Table]":
    """The same for the console."""
    found = []
    for entry in _routed(summary):
        table = entry["demonstrations"]
        columns, lines = _kept(table)
        ways = [[_name(way), *cells] for way, cells in _ways(table)]
        kept = [[language_name(tag), *cells] for tag, cells in lines]
        found += [
            plain_table(_WAYS, ["Language", *_COLUMNS], ways, texts=("Way", "Decision")),
            plain_table(_DEMONSTRATIONS, columns, kept),
        ]
    return found


def without_route(summary: Summary) -> list[str]:
    """A line for each language whose ways all miss a threshold, or that has none."""
    return [
        f"{language_name(tag)} ({tag}) has no way that passes: {why}"
        for entry in _routed(summary)
        for tag, why in entry["demonstrations"]["without"].items()
    ]


def _routed(summary: Summary) -> list[Mapping[str, Any]]:
    return [entry for entry in rounds(summary) if entry.get("demonstrations")]


def _name(way: Mapping[str, Any]) -> str:
    return language_name(way["language"])


def _ways(table: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], list[str]]]:
    ways = table["ways"]
    names = list(dict.fromkeys(way["way"] for way in ways))
    short = dict(zip(names, without_revisions(names), strict=True))
    return [(way, _cells(way, short[way["way"]])) for way in ways]


def _cells(way: Mapping[str, Any], name: str) -> list[str]:
    rates = ("usable", "chrf", "off_target_rate", "artefact_rate", "failed_rate")
    quality = number(way, "quality")
    return [
        name,
        str(way["num_answers"]),
        *(percent(number(way, rate)) for rate in rates),
        UNKNOWN if quality is None else f"{quality:.3f}",
        _decision(way),
    ]


def _decision(way: Mapping[str, Any]) -> str:
    reward = number(way, "reward")
    said = "" if reward is None else f" (reward {reward:.3g})"
    if not way["is_chosen"]:
        return way["why"] + said
    return ("chosen" if way["why"] == "best" else f"chosen: {way['why']}") + said


def _kept(table: Mapping[str, Any]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The columns, and of each language its tag and cells."""
    by_language: Mapping[str, Mapping[str, Any]] = table["by_language"]
    reasons = sorted({why for row in by_language.values() for why in row["dropped"]})
    columns = ["Language", "Kept", "Dropped", *(why.replace("_", " ") for why in reasons)]
    return columns, [(tag, _counts(row, reasons)) for tag, row in by_language.items()]


def _counts(row: Mapping[str, Any], reasons: Sequence[str]) -> list[str]:
    dropped = [row["dropped"].get(why, 0) for why in reasons]
    return list(map(str, (row["kept"], sum(dropped), *dropped)))
