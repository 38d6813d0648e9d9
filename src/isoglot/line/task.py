"""Measuring a policy on one task: answers first, grades second, results with their signatures."""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from isoglot.benchmarks.benchmark import Answering, BenchmarkConfig
from isoglot.benchmarks.catalogue import metrics_of
from isoglot.benchmarks.conversations import content_of, next_turn
from isoglot.benchmarks.examples import (
    answering_of,
    read_examples,
    score_choices,
    select_families,
)
from isoglot.core.protocols import LanguageIdentifier, Tick
from isoglot.core.records import Choice, Completion, Graded, Prompt, Result
from isoglot.core.store import read_shard, shard_path, shard_paths, write_json, write_shard
from isoglot.evals.aggregate import Group, aggregate
from isoglot.evals.grading import OFF_TARGET_RATE, grade_choices, grade_completions, grader_metric
from isoglot.evals.metric import Metric
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.line.answers import run_sampler
from isoglot.line.job import Job, MapShards, num_rows
from isoglot.line.prompts import write_cross_lingual
from isoglot.line.sources import PromptSelection, with_system, write_prompts
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.evaluation import FILE as RESULTS
from isoglot.report.results.evaluation import TaskResults
from isoglot.report.results.rows import ResultRow


class _NoIdentifier:
    """Knows no language: for metrics that only turn sums into values."""

    name = "none"

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        return [None for _ in texts]


NO_IDENTIFIER = _NoIdentifier()

_QUESTIONS = "questions.json"

Load = Callable[[Answering], Any]
"""The model to be measured: a sampler for `generation`, a `LikelihoodModel` for `likelihood`."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One task for one model."""

    task: EvaluationTask
    selection: PromptSelection
    trained: Collection[str]
    """Languages that the model was trained on in a run."""
    title: str
    silent: bool = False
    executor: MapShards = map_shards

    @property
    def answering(self) -> Answering:
        """How the task is answered."""
        prompts = self.task.prompts
        return answering_of(prompts) if isinstance(prompts, BenchmarkConfig) else "generation"


def make_evaluation(job: Job, out: Path) -> Mapping[str, Any]:
    """The evaluation of a round's policy as a stage of its run."""
    recipe, task = job.recipe, job.task
    assert task is not None
    selection = PromptSelection(
        # Neither their order nor what a run will train on changes how M0 is measured.
        tuple(sorted(recipe.all_languages)),
        task.num_families,
        recipe.seed,
        system=recipe.system,
        families_per_shard=recipe.families_per_shard,
    )
    title = job.title(f"evaluate {task.name}")
    trained = recipe.trained_languages(job.round)
    measurement = Measurement(task, selection, trained, title, job.silent, job.executor)
    return measure(measurement, job.model, job.identifier(), out)


def measure(
    measurement: Measurement, load: Load, identifier: LanguageIdentifier, out: Path
) -> Mapping[str, Any]:
    """Ask, then grade: leaves prompts, answers, `graded.parquet` and `results.json` in `out`."""
    ask(measurement, out)
    answer = {"generation": _write_answers, "likelihood": _weigh_choices}[measurement.answering]
    answer(measurement, load, out)
    return grade(measurement, identifier, out)


def grade(measurement: Measurement, identifier: LanguageIdentifier, out: Path) -> Mapping[str, Any]:
    """The grades and results of the answers that stand in `out`; needs no model."""
    task, metrics = measurement.task, task_metrics(measurement.task, identifier)
    graded: list[Graded] = []
    for folder in (out, *sorted(out.glob("turn-*"))):
        for path in shard_paths(folder / "prompts"):
            prompts = read_shard(path, Prompt)
            if measurement.answering == "likelihood":
                choices = read_shard(folder / "choices" / path.name, Choice)
                graded += grade_choices(prompts, choices, metrics)
            else:
                answers = read_shard(folder / "completions" / path.name, Completion)
                graded += grade_completions(
                    prompts, answers, identifier, metrics[:-1], cut_off=task.cut_off
                )
    write_shard(out / "graded.parquet", graded, Graded)

    def rows_of(graded: Sequence[Graded]) -> list[ResultRow]:
        results = aggregate(
            graded,
            metrics,
            task=task.name,
            trained=measurement.trained,
            seed=measurement.selection.seed,
            signature=_signature(measurement, identifier.name, out),
        )
        return [ResultRow.of(row) for row in results]

    results = by_language(task, out, graded)
    rows = {name: rows_of(part) for name, part in results.items()}
    TaskResults(**rows).write(out / RESULTS)
    return {"rows": num_rows(out / "prompts", Prompt)}


def task_metrics(
    task: EvaluationTask, identifier: LanguageIdentifier = NO_IDENTIFIER
) -> list[Metric]:
    """The metrics of a task, its own first; the off-target rate is the last.

    Where grades are read and not given, no identifier is needed.
    """
    if isinstance(task.prompts, BenchmarkConfig):
        return [*metrics_of(task.prompts, identifier), OFF_TARGET_RATE]
    return [grader_metric(task.metric, task.grader), OFF_TARGET_RATE]


def read_graded(folder: Path) -> list[Graded]:
    """The grades that `measure` left in its folder."""
    return read_shard(folder / "graded.parquet", Graded)


def by_language(
    task: EvaluationTask, folder: Path, graded: list[Graded]
) -> dict[str, list[Graded]]:
    """The grades that stand in `folder` as `results`, by the language of the prompt.

    Those of a cross-lingual task also with another thing in its place: `directions` has `high→low`
    and so on there, `answer_languages` the language asked for.
    """
    if task.cross_lingual is None:
        return {"results": graded}
    prompts = (row for path in shard_paths(folder / "prompts") for row in read_shard(path, Prompt))
    answer_in = {(prompt.family, prompt.prompt_id): prompt.answer_language for prompt in prompts}
    answers = [replace(row, language=answer_in[row.family, row.prompt_id]) for row in graded]
    directions = [
        replace(answer, language=task.cross_lingual.direction(row.language, answer.language))
        for row, answer in zip(graded, answers, strict=True)
    ]
    return {"results": graded, "directions": directions, "answer_languages": answers}


def read_results(folder: Path) -> TaskResults:
    """The results that `measure` left in its folder."""
    return TaskResults.read(folder / RESULTS, mend="delete the folder, and run the command again")


def ask(measurement: Measurement, out: Path) -> None:
    """The questions, in shards of whole families: prompts, offered choices, later turns."""
    task, selection = measurement.task, measurement.selection
    if not isinstance(task.prompts, BenchmarkConfig):
        across = task.cross_lingual
        own = out / "own-prompts" if across else out / "prompts"
        write_prompts(task.prompts, selection, own)
        if across:
            write_cross_lingual(own, across, selection.languages, selection.seed, out / "prompts")
        return
    examples, revisions = read_examples(task.prompts, selection.languages)
    shards = select_families(
        examples, selection.num_families, selection.families_per_shard, seed=selection.seed
    )
    for index, shard in enumerate(shards):
        said = [with_system(example.prompt, selection.system) for example in shard]
        offered = [choice for example in shard for choice in example.unscored_choices()]
        write_shard(shard_path(out / "offered", index), offered, Choice)
        for turn, follow_ups in enumerate(zip(*(e.follow_ups for e in shard), strict=True), 2):
            write_shard(shard_path(_turn(out, turn) / "asked", index), follow_ups, Prompt)
        write_shard(shard_path(out / "prompts", index), said, Prompt)
    asked = [example for shard in shards for example in shard]
    facts = {"content": content_of(asked), "num": len(asked), "hub_revisions": revisions}
    write_json(out / _QUESTIONS, facts)


def _write_answers(measurement: Measurement, load: Load, out: Path) -> None:
    """The answers, then those to each later turn, which has a folder `turn-2` of its own."""
    folder, turn = out, 1
    while True:
        run_sampler(
            folder / "prompts",
            lambda: load("generation"),
            measurement.task.decoding,
            folder / "completions",
            title=measurement.title + (f" turn {turn}" if turn > 1 else ""),
            silent=measurement.silent,
            executor=measurement.executor,
        )
        turn, before = turn + 1, folder
        folder = _turn(out, turn)
        if not folder.exists():
            return
        answered = [(before / "prompts", Prompt), (before / "completions", Completion)]
        map_shards(_later, [*answered, (folder / "asked", Prompt)], folder / "prompts", Prompt)


def _later(
    prompts: list[Prompt], answers: list[Completion], follow_ups: list[Prompt]
) -> list[Prompt]:
    """The conversations so far, each with its next user turn."""
    text_of = {(answer.family, answer.prompt_id): answer.text for answer in answers}
    return [
        next_turn(prompt, text_of[prompt.family, prompt.prompt_id], follow_up)
        for prompt, follow_up in zip(prompts, follow_ups, strict=True)
    ]


def _turn(out: Path, turn: int) -> Path:
    return out / f"turn-{turn}"


def _weigh_choices(measurement: Measurement, load: Load, out: Path) -> None:
    with Bars(silent=measurement.silent) as bars:
        bar = bars.bar(measurement.title, num_rows(out / "prompts", Prompt))

        def stage(
            prompts: list[Prompt], offered: list[Choice], model: Any, tick: Tick
        ) -> list[Choice]:
            return score_choices(prompts, offered, model, tick)

        inputs = [(out / "prompts", Prompt), (out / "offered", Choice)]
        measurement.executor(
            stage,
            inputs,
            out / "choices",
            Choice,
            load=lambda: load("likelihood"),
            tick=bar,
            reached=bar.reach,
        )


def _signature(measurement: Measurement, identifier: str, out: Path) -> str:
    """How a number was made, so that two of them can be compared or not."""
    from isoglot.core.version import __version__

    task, selection = measurement.task, measurement.selection
    decoding = task.decoding
    how = "greedy" if decoding.temperature == 0 else f"temp={decoding.temperature}"
    asked, shots = f"grader:{task.grader}", 0
    if isinstance(task.prompts, BenchmarkConfig):
        shots = task.prompts.shots
        facts = json.loads((out / _QUESTIONS).read_text(encoding="utf-8"))
        commits = "".join(f"|hub:{commit[:12]}" for commit in facts["hub_revisions"])
        variant = task.prompts.variant or "default"
        asked = f"variant:{variant}|data:{facts['content']}{commits}"
    answered = (
        "likelihood"
        if measurement.answering == "likelihood"
        else f"decode:{how}|max:{decoding.max_new_tokens}|cut_off:{task.cut_off}|lid:{identifier}"
    )
    return (
        f"{task.name}|{asked}|n:{selection.num_families or 'all'}|shots:{shots}|{answered}"
        f"|seed:{selection.seed}|v:{__version__}"
    )


def json_row(row: Result | Group) -> dict[str, Any]:
    """A row of results; NaN, the mean of nothing, is null in JSON."""
    nan = lambda value: isinstance(value, float) and math.isnan(value)  # noqa: E731
    return {name: None if nan(value) else value for name, value in asdict(row).items()}
