"""Lines about the data of a run that stand on its page and on the terminal."""

from collections.abc import Mapping

from isoglot.report.results.names import failures_sentence, language_name
from isoglot.report.results.summary import RunSummary


def notes_of(summary: RunSummary) -> list[str]:
    """The lines about a run: what its numbers rest on, and what is missing."""
    parts = own_code, planted_faults, missing_answers, empty_languages, lengths_in_training
    return [line for part in parts for line in part(summary)]


def missing_answers(summary: RunSummary) -> list[str]:
    """A line for each model that gave no answer to some requests of a stage, with the reasons."""
    return [
        f"Round {entry.round}, {stage}: {failures_sentence(failures)}"
        for entry in summary.rounds
        for stage, failures in entry.failures.items()
    ]


def own_code(summary: RunSummary) -> list[str]:
    """A line for each function of the user's that rewarded completions."""
    return [
        f"Rewards by code of the run's own, which isoglot does not know: {path}"
        for path in summary.own_code
    ]


def planted_faults(summary: RunSummary) -> list[str]:
    """A line for the answers that were made wrong on purpose."""
    return [f"Wrong numbers were planted on purpose: {each}" for each in summary.planted]


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
