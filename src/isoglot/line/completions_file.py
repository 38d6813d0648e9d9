"""A file of completions in place of a model: its rows joined with the questions of a task."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from isoglot.benchmarks.benchmark import Answering
from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import Completion, FinishReason, Prompt, content_id
from isoglot.core.rows import read_rows
from isoglot.core.store import read_shard, shard_paths
from isoglot.models.load import FileSamplerConfig, ModelConfig, load_likelihood, load_sampler

_BY_TEXT = ("task", "language", "prompt")
"""The columns that identify a question without its id, as far as a file has them."""


def load_model(model: ModelConfig) -> Callable[[str], Callable[[Answering], Any]]:
    """Return a loader of a model, which is the same for all tasks."""

    @cache
    def load(answering: Answering) -> Any:
        return load_likelihood(model) if answering == "likelihood" else load_sampler(model)

    return lambda task: load  # noqa: ARG005


def load_file_answers(config: FileSamplerConfig) -> Callable[[str], Callable[[Answering], Any]]:
    """Return a loader of the completions of a task in a file.

    Rows are joined by `prompt_id`, or, in a file without it, by its columns `prompt` (the text of
    the question, or its turns), `language` and `task`.
    """
    columns: tuple[str, ...] = ()
    there = next((row for _, row in read_rows(config.path)), {})
    if not config.id_columns and "prompt_id" not in there and "prompt" in there:
        columns = tuple(column for column in _BY_TEXT if column in there)
        config = config.model_copy(update={"id_columns": columns})
    load = load_model(config)("")

    def of_task(task: str) -> Callable[[Answering], Any]:
        def load_task(answering: Answering) -> Any:
            return _Questions(load(answering), config.path, columns, task)

        return load_task

    return of_task


class _Questions:
    """The completions of one task in a file.

    Raises InputError where the file has none of the first questions that are drawn.
    """

    def __init__(self, sampler: Any, path: Path, columns: Sequence[str], task: str) -> None:
        self.name = sampler.name
        self._sampler, self._path, self._columns, self._task = sampler, path, columns, task
        self._is_checked = False

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """See `Sampler.sample`."""
        asked = [self._with_id(prompt) for prompt in prompts] if self._columns else prompts
        is_found = any(self._sampler.has(prompt.prompt_id) for prompt in asked)
        if prompts and not (is_found or self._is_checked):
            by = ", ".join(self._columns) or "prompt_id"
            raise InputError(
                f"{self._path}: expected completions of the {len(prompts)} questions that were "
                f"drawn of {self._task}, joined by {by}, came none, as of "
                f"{prompts[0].text[:40]!r}; write the questions with --questions and the same "
                "--tasks, --languages, --limit, --shots and --seed"
            )
        self._is_checked = True
        return self._sampler.sample(asked, sampling, tick)

    def _with_id(self, prompt: Prompt) -> Prompt:
        """The prompt with the id that the sampler makes of a row with the same columns."""
        texts = [turn["content"] for turn in prompt.prompt]
        values = {"task": self._task, "language": prompt.language}
        for text in ("\n\n".join(texts), texts[-1]):
            values["prompt"] = text
            asked = replace(prompt, prompt_id=content_id(*(values[name] for name in self._columns)))
            if self._sampler.has(asked.prompt_id):
                break
        return asked


def num_without_answer(folder: Path) -> dict[str, int]:
    """Count the answers of a task that failed, by language."""
    rows = (
        row for path in shard_paths(folder / "completions") for row in read_shard(path, Completion)
    )
    failed = (row.language for row in rows if row.finish_reason == FinishReason.ERROR)
    return dict(sorted(Counter(failed).items()))
