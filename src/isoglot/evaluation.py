"""Measuring a policy: completions first, grades second, results with their signatures."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from isoglot.config import EvaluationTask
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import read_shard, shard_paths, write_json
from isoglot.evals.grade import GRADERS
from isoglot.evals.task import Graded, grade_completions, summarise
from isoglot.stages import Job, run_samplers, write_prompts


def make_evaluation(job: Job, out: Path) -> Mapping[str, Any]:
    """A task's completions first, then their grades: grading again needs no model."""
    recipe, task = job.recipe, job.task
    assert task is not None
    asked = out / "prompts"
    write_prompts(task.prompts, recipe, recipe.all_languages, task.num_families, 0, True, asked)
    answering = replace(job, inputs={"prompts": asked})
    title = job.title(f"evaluate {task.name}")
    completions = out / "completions"
    run_samplers(answering, title, lambda: [job.sampler()], 1, task.decoding, completions)
    graded, identifier = [], job.identifier()
    for prompts, answers in zip(shard_paths(asked), shard_paths(completions), strict=True):
        graded += grade_completions(
            read_shard(prompts, Prompt),
            read_shard(answers, Completion),
            identifier,
            GRADERS[task.grader],
            cut_off=task.cut_off,
        )
    _write_results(job, graded, identifier.name, out)
    return {"rows": len(graded)}


def read_graded(folder: Path) -> list[Graded]:
    """The grades that `make_evaluation` left in its folder."""
    rows = json.loads((folder / "graded.json").read_text(encoding="utf-8"))["rows"]
    return [Graded(*row) for row in rows]


def _write_results(job: Job, graded: list[Graded], identifier: str, out: Path) -> None:
    task = job.task
    assert task is not None
    results = summarise(
        graded,
        task=task.name,
        metric=task.metric,
        trained=job.recipe.languages,
        seed=job.recipe.seed,
        signature=_signature(task, job.recipe.seed, identifier),
    )
    write_json(out / "graded.json", {"rows": [list(asdict(row).values()) for row in graded]})
    write_json(out / "results.json", {"results": [_json_row(asdict(row)) for row in results]})


def _json_row(row: dict[str, Any]) -> dict[str, Any]:
    """NaN, the mean of nothing, is null in JSON."""
    nan = lambda value: isinstance(value, float) and math.isnan(value)  # noqa: E731
    return {name: None if nan(value) else value for name, value in row.items()}


def _signature(task: EvaluationTask, seed: int, identifier: str) -> str:
    from isoglot import __version__

    decoding = task.decoding
    how = "greedy" if decoding.temperature == 0 else f"temp={decoding.temperature}"
    return (
        f"{task.name}|grader:{task.grader}|n:{task.num_families}|shots:0|decode:{how}"
        f"|max:{decoding.max_new_tokens}|cut_off:{task.cut_off}|seed:{seed}|lid:{identifier}"
        f"|v:{__version__}"
    )
