"""Comparisons of two models by a judge: `results.json` and `judge.json` of `isoglot judge A B`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from isoglot.core.documents import Document
from isoglot.report.results.evaluation import MEND, RESULTS_FILE
from isoglot.report.results.names import without_revisions
from isoglot.report.results.rows import GroupRow, ResultRow, Results

_COUNTS = frozenset({"wins", "ties", "losses", "invalid", "unanswered"})


class JudgedResult(ResultRow):
    """One metric of a comparison of A with B in one language, or `mean` over languages."""

    LEFT_OUT = ResultRow.LEFT_OUT | _COUNTS

    task: str = Field("", exclude=True)
    trained: bool = Field(False, exclude=True)
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

    a: str
    b: str
    judge: str
    cost_usd: float | None = None
    results: Sequence[JudgedResult]
    groups: Sequence[GroupRow] = Field((), exclude=True)

    @classmethod
    def read_from(cls, folder: Path) -> Self:
        """Read the results in a folder; raises InputError where there are none."""
        return cls.read(folder / RESULTS_FILE, mend=MEND)

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
