"""Lines about the data of a run that stand on its page and on the terminal."""

from collections.abc import Mapping

from isoglot.report.results.names import language_name
from isoglot.report.results.summary import RunSummary


def own_code(summary: RunSummary) -> list[str]:
    """A line for each function of the user's that rewarded completions."""
    return [
        f"Rewards by code of the run's own, which isoglot does not know: {path}"
        for path in summary.own_code
    ]


def empty_languages(summary: RunSummary) -> list[str]:
    """A line for each round in which languages have no demonstration."""
    return [
        f"Round {entry.round}: no demonstration is left in "
        f"{', '.join(map(language_name, entry.cleaned.empty_languages))}"
        for entry in summary.rounds
        if entry.cleaned and entry.cleaned.empty_languages
    ]


def lengths_in_training(summary: RunSummary) -> list[str]:
    """A line for each round whose training left rows out, or cut them, because of their length."""
    notes = []
    for entry in summary.rounds:
        if entry.too_long:
            rows = _by_language(entry.too_long)
            notes.append(f"Round {entry.round}: too long for the training and left out: {rows}")
        if entry.cut:
            rows = _by_language(entry.cut)
            notes.append(f"Round {entry.round}: cut to max_length in the training: {rows}")
    return notes


def _by_language(counts: Mapping[str, int]) -> str:
    return "rows in " + ", ".join(f"{language_name(tag)} {num}" for tag, num in counts.items())
