"""`results.json` of `isoglot evaluate`, and of each task in its folder."""

from collections.abc import Sequence

from isoglot.core.documents import Document
from isoglot.report.results.rows import ResultRow, Results


class TaskResults(Document):
    """The results of one task; of one that asks across languages, in two more forms."""

    LEFT_OUT = frozenset({"directions", "answer_languages"})

    results: Sequence[ResultRow]
    directions: Sequence[ResultRow] | None = None
    """Rows with `high→low` and so on in place of the language."""
    answer_languages: Sequence[ResultRow] | None = None
    """Rows by the language of the answer."""


class Evaluation(Results):
    """One model on several tasks, compared with a baseline where there is one."""

    model: str = ""
    baseline: str | None = None

    @property
    def title(self) -> str:
        return self.model or "A model without a name"

    @property
    def model_name(self) -> str:
        return self.model
