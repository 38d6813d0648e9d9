"""Ratings of one model's answers: `results.json` and `judge.json` of `isoglot judge A`."""

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from isoglot.core.documents import Document, Part

Known = Annotated[
    float | None,
    BeforeValidator(lambda v: None if isinstance(v, float) and math.isnan(v) else v),
]
"""A float, or None for NaN, the mean of nothing."""


class RatingResult(Part):
    """The mean rating in one language, over all turns or of one turn; a tenth of the grade."""

    task: str
    language: str
    trained: bool
    metric: str
    """`rating`, or `rating_turn_N` where there are several turns."""
    value: Known
    low: Known
    high: Known
    """`low` and `high` bound the 95 % interval."""
    n: int
    unknown: int
    """Answers without a rating, which are not part of `n`."""
    signature: str
    invalid: int | None = None
    """Unreadable ratings, in the rows over all turns; None in others, as the next one."""
    unanswered: int | None = None
    """Answers that were not rated because the model failed on the prompt."""


class RatingGroup(Part):
    """The mean rating over a group of languages, or the lowest one."""

    task: str
    metric: str
    group: str
    """`mean`, `tier:high`, `tier:mid`, `tier:low` or `worst`."""
    languages: tuple[str, ...]
    value: Known
    low: Known
    high: Known
    change: Known = None
    change_low: Known = None
    change_high: Known = None


class Ratings(Document):
    """Every rating of one model by one judge."""

    model: str
    judge: str
    seed: int
    cost_usd: float | None
    results: tuple[RatingResult, ...]
    groups: tuple[RatingGroup, ...]


class RatingRecord(Document):
    """The model and task that a folder rates, the judge's settings, and its cost over all runs."""

    model: str
    task: str
    settings: dict[str, Any]
    sources: dict[str, str | None] = Field(default_factory=dict)
    judge: str = ""
    cost_usd: float | None = None
