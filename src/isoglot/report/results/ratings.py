"""Ratings of one model's answers: `results.json` and `judge.json` of `isoglot judge A`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from isoglot.core.documents import Document
from isoglot.report.results.evaluation import MEND, RESULTS_FILE
from isoglot.report.results.rows import ResultRow, Results


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

    @classmethod
    def read_from(cls, folder: Path) -> Self:
        """Read the results in a folder; raises InputError where there are none."""
        return cls.read(folder / RESULTS_FILE, mend=MEND)

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
