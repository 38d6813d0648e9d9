"""Demonstrations without near-duplicates and without items of the evaluation sets."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from isoglot.core.records import Demonstration, Dropped, content_id, prompt_key
from isoglot.core.section import Section

NEAR_DUPLICATE = "near_duplicate"
CONTAMINATED = "contaminated"


class CleanConfig(Section):
    """Thresholds of cleaning; texts are compared by character n-grams (`core/ngrams.py`)."""

    max_similarity: float | None = Field(0.8, gt=0, le=1)
    """Jaccard similarity of n-grams from which on two rows of a language are near-duplicates: one
    stays. 1 drops rows that differ in blanks, case and punctuation only; null drops only equal rows
    of a family, as for sentences made from templates."""
    max_overlap: float | None = Field(0.8, gt=0, le=1)
    """Share of the n-grams of an evaluation item in its language from which on a row is
    contaminated and dropped; null does not look for items."""
    min_grams: int = Field(15, ge=1)
    """N-grams below which an evaluation item counts as unknown: too short to be found."""
    english_everywhere: bool = False
    """Look for English items in the rows of every language, not only in the English ones."""


class Drop(NamedTuple):
    """The reason to drop a row."""

    reason: str
    similarity: float
    """Jaccard similarity to the kept row, or the share of the evaluation item in this one."""
    of: str
    """Id of the kept row, or `task id` of the evaluation item."""


def row_id(row: Demonstration) -> str:
    """Return the id of a row; equal rows of a family have the same."""
    return content_id(
        row.family, row.prompt_id, row.language, row.answer_language, row.model, row.text
    )


def comparison_group(row: Demonstration) -> str:
    """Return the languages of prompt and answer; only rows of one group are compared."""
    return " ".join(dict.fromkeys((row.language, row.answer_language)))


def compared_text(row: Demonstration) -> str:
    """Return the text of all turns but the system's."""
    return "\n".join(turn["content"] for turn in row.messages if turn["role"] != "system")


def clean(
    rows: Sequence[Demonstration], drops: Mapping[str, Drop]
) -> tuple[list[Demonstration], list[Dropped]]:
    """Split the rows of a shard into kept and dropped ones; `drops` is keyed by `row_id`.

    Of equal rows, which are in one family and so in one shard, only the first may be kept.
    """
    kept: list[Demonstration] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    for row in rows:
        id = row_id(row)
        drop = drops.get(id)
        if drop is None and id in seen:
            drop = Drop(NEAR_DUPLICATE, 1.0, id)
        seen.add(id)
        if drop is None:
            kept.append(row)
            continue
        key, why = (*prompt_key(row), row.answer_language), f"{drop.similarity:.3f} of {drop.of}"
        dropped.append(Dropped(*key, "demonstration", drop.reason, row.text, why))
    return kept, dropped
