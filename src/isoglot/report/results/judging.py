"""Comparisons of two models by a judge: `results.json` and `judge.json` of `isoglot judge A B`."""

from typing import Any

from pydantic import Field

from isoglot.core.documents import Document, Part

MEAN = "mean"
"""The `language` of a row that holds the mean over languages, each with the same weight."""


class JudgedResult(Part):
    """One metric of a comparison of A with B in one language, or the mean over languages."""

    language: str
    """A tag, or `mean`."""
    metric: str
    value: float | None
    """None, as `low` and `high`, where nothing is known."""
    low: float | None
    high: float | None
    """`low` and `high` bound the 95 % interval."""
    n: int
    unknown: int
    """Pairs without a value, which are not part of `n`."""
    signature: str
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    """A's, in the rows of the win rate; None in others, as the next two."""
    invalid: int | None = None
    """Pairs with an unreadable verdict."""
    unanswered: int | None = None
    """Pairs that were not judged because a sampler failed on the prompt."""


class JudgedComparison(Document):
    """Every metric of a comparison, language by language."""

    a: str
    b: str
    judge: str
    seed: int
    cost_usd: float | None
    results: tuple[JudgedResult, ...]


class ComparisonRecord(Document):
    """The models that a folder compares, the judge's settings, and its cost over all runs."""

    a: str
    b: str
    settings: dict[str, Any]
    sources: dict[str, str | None] = Field(default_factory=dict)
    judge: str = ""
    cost_usd: float | None = None
