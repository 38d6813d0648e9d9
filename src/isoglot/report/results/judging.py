"""Comparisons of two models by a judge and ratings of one: `results.json` and `judge.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from isoglot.core.documents import Document
from isoglot.report.results.names import without_revisions
from isoglot.report.results.rows import GroupRow, ResultRow, Results

_COUNTS = frozenset({"wins", "ties", "losses", "invalid", "unanswered", "standard_error"})


class JudgedResult(ResultRow):
    """One metric of a comparison of A with B in one language, or `mean` over languages."""

    LEFT_OUT = ResultRow.LEFT_OUT | _COUNTS

    task: str = Field("", exclude=True)
    trained: bool = Field(False, exclude=True)
    standard_error: float | None = None
    """The standard error of a win rate, over families; AlpacaEval's where each is one prompt."""
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    """A's, in the rows of the win rate; None in others, as the next two."""
    invalid: int | None = None
    """Pairs with an unreadable verdict."""
    unanswered: int | None = None
    """Pairs that were not judged because a sampler failed on the prompt."""


class JudgedComparison(Results):
    """Every metric of a comparison, language by language."""

    VERSION = 2

    version: int = VERSION
    a: str
    b: str
    judge: str
    cost_usd: float | None = None
    results: Sequence[JudgedResult]
    groups: Sequence[GroupRow] = Field((), exclude=True)

    @property
    def names(self) -> tuple[str, str]:
        """Both models, without their revisions where they still differ."""
        a, b = without_revisions([self.a, self.b])
        return a, b

    @property
    def model_name(self) -> str:
        return f"{self.a} against {self.b}"


class ComparisonRecord(Document):
    """The models that a folder compares, the judge's settings, and its cost over all runs."""

    a: str
    b: str
    settings: Mapping[str, Any]
    sources: Mapping[str, str | None] = Field(default_factory=dict)
    judge: str = ""
    cost_usd: float | None = None
    day: str | None = None
    """The day that the judge's chat template took for today."""


class RatingResult(ResultRow):
    """The mean rating in one language, over all turns or of one turn; a tenth of the grade."""

    LEFT_OUT = ResultRow.LEFT_OUT | {"invalid", "unanswered"}

    invalid: int | None = None
    """Unreadable ratings, in the rows over all turns; None in others, as the next one."""
    unanswered: int | None = None
    """Answers that were not rated because the model failed on the prompt."""


class Ratings(Results):
    """Every rating of one model by one judge."""

    model: str
    judge: str
    cost_usd: float | None = None
    results: Sequence[RatingResult]

    @property
    def model_name(self) -> str:
        return self.model


class RatingRecord(Document):
    """The model and task that a folder rates, the judge's settings, and its cost over all runs."""

    model: str
    task: str
    settings: Mapping[str, Any]
    sources: Mapping[str, str | None] = Field(default_factory=dict)
    judge: str = ""
    cost_usd: float | None = None
    day: str | None = None
    """The day that the judge's chat template took for today."""
