"""Demonstrations without near-duplicates and without what the evaluation sets ask."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from isoglot.core.records import Demonstration, Dropped, content_id
from isoglot.core.section import Section

NEAR_DUPLICATE = "near_duplicate"
CONTAMINATED = "contaminated"
REASONS = (NEAR_DUPLICATE, CONTAMINATED)


class CleanConfig(Section):
    """What is dropped before training; compared are character n-grams (`core/ngrams.py`)."""

    max_similarity: float | None = Field(0.8, gt=0, le=1)
    """Two rows of a language that share this part of all their n-grams (Jaccard) are near-
    duplicates: one stays. 1 drops what differs in blanks, case and punctuation alone; null drops
    equal rows of a family alone, as for sentences made from templates."""
    max_overlap: float | None = Field(0.8, gt=0, le=1)
    """A row that holds this part of the n-grams of an evaluation item in its language is
    contaminated and dropped; null does not look."""
    min_grams: int = Field(15, ge=1)
    """An evaluation item with fewer n-grams of its own is unknown: too short to be found."""
    english_everywhere: bool = False
    """English items are looked for in the rows of every language, not in the English ones alone."""


class Drop(NamedTuple):
    """Why a row is dropped."""

    reason: str
    similarity: float
    """Jaccard to the kept row, or the part of the evaluation item that stands in this one."""
    of: str
    """The id of the kept row, or `task id` of the evaluation item."""


def row_id(row: Demonstration) -> str:
    """What a row is known by: equal rows of a family have the same."""
    return content_id(
        row.family, row.prompt_id, row.language, row.answer_language, row.model, row.text
    )


def group_of(row: Demonstration) -> str:
    """What a row is compared within: its language, or the pair of languages of prompt, answer."""
    return " ".join(dict.fromkeys((row.language, row.answer_language)))


def said(row: Demonstration) -> str:
    """All turns but the system's."""
    return "\n".join(turn["content"] for turn in row.messages if turn["role"] != "system")


def clean(
    rows: Sequence[Demonstration], drops: Mapping[str, Drop]
) -> tuple[list[Demonstration], list[Dropped]]:
    """The rows of a shard that stay, and the others with their reasons.

    Of equal rows, which are in one family and so in one shard, the first is asked about.
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
        else:
            dropped.append(_dropped(row, drop))
    return kept, dropped


def _dropped(row: Demonstration, drop: Drop) -> Dropped:
    return Dropped(
        family=row.family,
        prompt_id=row.prompt_id,
        language=row.answer_language,
        pair_type="demonstration",
        reason=drop.reason,
        chosen_text=row.text,
        rejected_text=f"{drop.similarity:.3f} of {drop.of}",
    )
