"""The sections of a run's page on its data: translations, demonstrations, checkpoint selection."""

from isoglot.report.charts.curves import checkpoint_choices
from isoglot.report.charts.training import training_charts
from isoglot.report.page import PageSection
from isoglot.report.pages.run_counts import privilege_table, transform_tables, translation_table
from isoglot.report.pages.run_data import (
    cleaning_table,
    demonstration_table,
    overlap_table,
    route_table,
)
from isoglot.report.results.summary import RunSummary
from isoglot.report.table import Table

_TRANSLATED = {
    "prompts": "A prompt that is not kept is left out of its family.",
    "answers": "An answer with an artefact stays to be rejected and is never chosen; the gate "
    "artefact leaves it out.",
}
_TRANSFORMED = (
    "A model rewrote each prompt in its own language. What was cut off, failed, reads as before, "
    "is in another language or of another length is dropped, and so are gold answers, unless the "
    "pass keeps them, or makes them again: With gold counts the prompts of families that agree."
)
_ROUTES = (
    "Measured on n answers to the development families, in %: usable ones (Use), chrF++ against "
    "references, answers in another language (Off), translations with an artefact (Art), answers "
    "that failed, were cut off or are empty (Fail). A dash is unknown or does not apply. Rank is "
    "the weighted mean by which a route is chosen among those that miss no threshold."
)
_CLEANED = "Of near-duplicates one stays. Character n-grams are compared, within a language."
_OVERLAP = (
    "Rows that hold an item are dropped. Rate: such rows, of all rows of the language. Items that "
    "are too short to be found are unknown."
)
_CHOICE = (
    "Mean reward of greedy answers to prompts that were kept out of training. The policy of the "
    "marked step was saved, so a training that went on too long does no harm."
)


_TRAINING = (
    "Means since the last line of the log, by language. Chosen that falls with rejected, or a "
    "margin that grows in one language alone, is a training that goes wrong."
)


def translation_sections(summary: RunSummary) -> list[PageSection]:
    """Prompts and answers kept and lost, where the run translated or rewrote them."""
    likely = " Log-probability: the translator's own, mean of a token, of what was kept."
    found = []
    for what, caption in _TRANSLATED.items():
        if table := translation_table(summary, what):
            has_likely = table.columns[-1].title == "Log-probability"
            found += _of_table(f"translated-{what}", table, caption + likely * has_likely)
    for entry in summary.rounds:
        for place, table in enumerate(transform_tables(entry)):
            found += _of_table(f"transformed-{entry.round}-{place}", table, _TRANSFORMED)
    return found


def demonstration_sections(summary: RunSummary) -> list[PageSection]:
    """For each round with routes, what each was measured at, and the demonstrations; cleaning."""
    found = []
    for entry in summary.rounds:
        found += _of_table(f"routes-{entry.round}", route_table(entry), _ROUTES)
        found += _of_table(
            f"demonstrations-{entry.round}",
            demonstration_table(entry),
            "Prompts without a demonstration are counted by reason.",
        )
        found += _of_table(
            f"privileged-{entry.round}",
            privilege_table(entry),
            "The context is what the teacher reads beside the prompt: the family's prompt and best "
            "answer in the dominant language. Prompts without one are counted by reason.",
        )
    return [
        *found,
        *_of_table("cleaned", cleaning_table(summary), _CLEANED),
        *_of_table("contamination", overlap_table(summary), _OVERLAP),
    ]


def _of_table(anchor: str, table: Table | None, caption: str) -> list[PageSection]:
    return [PageSection(anchor, table.title, caption, tables=[table])] if table else []


def training_section(summary: RunSummary) -> list[PageSection]:
    """The logs of the trainings, where there are any."""
    charts = [chart for entry in summary.rounds for chart in training_charts(entry)]
    if not charts:
        return []
    return [PageSection("training", "Training", _TRAINING, charts, is_panels=True)]


def choice_section(summary: RunSummary) -> list[PageSection]:
    """The checks that checkpoints were selected by, where there are any."""
    charts = checkpoint_choices(summary)
    return [PageSection("choice", "Checkpoint selection", _CHOICE, charts)] if charts else []
