"""`results.json` of `isoglot evaluate`, and of each task in its folder."""

from collections.abc import Mapping, Sequence

from isoglot.core.documents import Document
from isoglot.core.failures import Failures
from isoglot.report.results.names import failures_sentence, language_name
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

    LEFT_OUT = frozenset({"left_out", "without_answer", "failures"})

    model: str = ""
    baseline: str | None = None
    left_out: Mapping[str, Sequence[str]] | None = None
    """Task → languages that were wanted and have no rows."""
    without_answer: Mapping[str, Mapping[str, int]] | None = None
    """Task → language → questions that the file of completions, evaluated as a model, lacks."""

    failures: Mapping[str, Failures] | None = None
    """Task → the answers that a server did not give."""

    @property
    def notes(self) -> list[str]:
        """Sentences on what is missing, task by task."""
        left_out = [
            f"{task}: no rows in {', '.join(map(language_name, tags))}"
            for task, tags in (self.left_out or {}).items()
        ]
        lacking = [
            f"{task}: the file has no completion of {sum(nums.values())} questions that were drawn "
            f"({', '.join(f'{num} {tag}' for tag, num in nums.items())}); they have no value"
            for task, nums in (self.without_answer or {}).items()
        ]
        failed = [
            f"{task}: {failures_sentence(failures)}"
            for task, failures in (self.failures or {}).items()
        ]
        return [*left_out, *lacking, *failed]

    @property
    def title(self) -> str:
        return self.model or "A model without a name"

    @property
    def model_name(self) -> str:
        return self.model
