"""What became of translated prompts and answers, by language: kept, lost, and why."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoglot.report.old_page import Grid, Line, Section
from isoglot.report.results.measures import Summary, language_name, rounds
from isoglot.report.tables import UNKNOWN, plain_table

if TYPE_CHECKING:
    from rich.table import Table

_TITLES = {
    "prompts": "Prompts kept and lost in translation",
    "answers": "Answers kept and lost in translation",
}
_CAPTIONS = {
    "prompts": "A prompt that is not kept is left out of its family.",
    "answers": "An answer with an artefact stays to be rejected and is never chosen; the gate "
    "artefact leaves it out.",
}
_LOG_PROBABILITY = "Log-probability"
_LIKELY = " Log-probability: the translator's own, mean of a token, of what was kept."


def translation_sections(summary: Summary) -> list[Section]:
    """A section for prompts and one for answers, each where the run translated them."""
    return [
        Section(
            f"translated-{what}",
            _TITLES[what],
            _CAPTIONS[what] + (_LIKELY if _LOG_PROBABILITY in columns else ""),
            "Nothing was translated.",
            grid=Grid(columns, [Line(cells[0], cells[1:], tag) for tag, cells in lines]),
        )
        for what, columns, lines in _tables(summary)
    ]


def translation_tables(summary: Summary) -> "list[Table]":
    """The same for the console."""
    return [
        plain_table(_TITLES[what], columns, [cells for _, cells in lines])
        for what, columns, lines in _tables(summary)
    ]


def _tables(summary: Summary) -> list[tuple[str, list[str], list[tuple[str, list[str]]]]]:
    """Prompts or answers, the columns, and tag and cells of each language; all rounds together."""
    rows = [row for entry in rounds(summary) for row in entry.get("translations") or ()]
    found = []
    for what in _TITLES:
        of_language: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            if row["what"] == what:
                of_language.setdefault(row["language"], []).append(row)
        reasons = sorted(
            {why for part in of_language.values() for row in part for why in row["lost"]}
        )
        if of_language:
            columns = ["Language", "Kept", "Lost", *(why.replace("_", " ") for why in reasons)]
            lines = [(tag, _cells(tag, of_language[tag], reasons)) for tag in sorted(of_language)]
            likely = [_log_probability(of_language[tag]) for tag in sorted(of_language)]
            if any(value is not None for value in likely):
                columns.append(_LOG_PROBABILITY)
                for (_, cells), value in zip(lines, likely, strict=True):
                    cells.append(UNKNOWN if value is None else f"{value:.3f}")
            found.append((what, columns, lines))
    return found


def _log_probability(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The mean over what all rounds kept; None where no translator said it."""
    known = [row for row in rows if row.get("log_probability") is not None]
    num = sum(row["kept"] for row in known)
    return sum(row["kept"] * row["log_probability"] for row in known) / num if num else None


def _cells(tag: str, rows: Sequence[Mapping[str, Any]], reasons: Sequence[str]) -> list[str]:
    lost = [sum(row["lost"].get(why, 0) for row in rows) for why in reasons]
    kept = sum(row["kept"] for row in rows)
    return [language_name(tag), *map(str, (kept, sum(lost), *lost))]
