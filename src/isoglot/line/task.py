"""Evaluation of a policy on one task: prompts, answers, grades, and results with a signature.

Answers are stored before they are graded, so that grading needs no model.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isoglot.benchmarks.benchmark import Answering
from isoglot.benchmarks.catalogue import AnyBenchmark, metrics_of
from isoglot.benchmarks.conversations import content_of, next_turn
from isoglot.benchmarks.examples import answering_of, read_examples, score_choices, select_examples
from isoglot.core.documents import read_json
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Choice, Completion, Graded, Prompt
from isoglot.core.store import read_shard, shard_path, shard_paths, write_json, write_shard
from isoglot.core.version import __version__
from isoglot.evals.aggregate import aggregate
from isoglot.evals.grading import (
    FAULT_RATES,
    THOUGHT_OFF_TARGET_RATE,
    cut_off_by_language,
    grade_choices,
    grade_completions,
    grader_metric,
)
from isoglot.evals.metric import Metric, in_language
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.line.answers import run_sampler
from isoglot.line.job import Job, MapShards, num_rows
from isoglot.line.prompts import write_cross_lingual
from isoglot.line.sources import (
    PromptSelection,
    evaluation_selection,
    with_system,
    write_prompts,
)
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.evaluation import TaskResults
from isoglot.report.results.rows import RESULTS_FILE, ResultRow


class _NoIdentifier:
    """A language identifier that is always unsure, for metrics that only turn sums into values."""

    name = "none"

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        return [None for _ in texts]

    def foreign_shares(self, texts: Sequence[str], languages: Sequence[str]) -> list[float]:  # noqa: ARG002
        return [0.0 for _ in texts]


NO_IDENTIFIER = _NoIdentifier()

_FACTS = "questions.json"

Load = Callable[[Answering], Any]
"""Loads the model: a sampler for `generation`, a `LikelihoodModel` for `likelihood`."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One task for one model."""

    task: EvaluationTask
    selection: PromptSelection
    trained: Collection[str]
    """Languages that the run has trained the model on."""
    title: str
    silent: bool = False
    executor: MapShards = map_shards
    is_limited: bool = True
    """False for answers that another program made, under a token limit of its own."""

    @property
    def answering(self) -> Answering:
        """Generation, or choice scoring by likelihood."""
        prompts = self.task.prompts
        return answering_of(prompts) if isinstance(prompts, AnyBenchmark) else "generation"


def make_evaluation(job: Job, out: Path) -> Mapping[str, Any]:
    """Evaluate the policy of the round on the task of the job."""
    recipe, task = job.recipe, job.task
    assert task is not None
    # Neither the order of the languages nor the trained ones change the evaluation of M0.
    selection = evaluation_selection(recipe, task, sorted(recipe.all_languages))
    title = job.title(f"evaluate {task.name}")
    trained = recipe.trained_languages(job.round)
    measurement = Measurement(
        task, selection, trained, title, job.silent, job.executor(recipe.policy)
    )
    return measure_task(measurement, job.model, job.identifier(), out)


def measure_task(
    measurement: Measurement, load: Load, identifier: LanguageIdentifier, out: Path
) -> Mapping[str, Any]:
    """Write prompts, answers, `graded.parquet` and `results.json` into `out`."""
    write_examples(measurement, out)
    answer = {"generation": _complete, "likelihood": _score_choices}[measurement.answering]
    answer(measurement, load, out)
    return grade_task(measurement, identifier, out)


def grade_task(
    measurement: Measurement, identifier: LanguageIdentifier, out: Path
) -> Mapping[str, Any]:
    """Grade the answers in `out` and write the results; needs no model."""
    task, metrics = measurement.task, task_metrics(measurement.task, identifier)
    scores = [metric for metric in metrics if metric not in FAULT_RATES]
    graded: list[Graded] = []
    cut_off: Counter[str] = Counter()
    thinks = False
    for folder in (out, *sorted(out.glob("turn-*"))):
        for path in shard_paths(folder / "prompts"):
            prompts = read_shard(path, Prompt)
            if measurement.answering == "likelihood":
                choices = read_shard(folder / "choices" / path.name, Choice)
                graded += grade_choices(prompts, choices, metrics)
            else:
                answers = read_shard(folder / "completions" / path.name, Completion)
                cut_off += cut_off_by_language(prompts, answers)
                thinks |= any(answer.thought for answer in answers)
                graded += grade_completions(
                    prompts, answers, identifier, scores, cut_off=task.cut_off
                )
    if not thinks:
        graded = [row for row in graded if row.metric != THOUGHT_OFF_TARGET_RATE.name]
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

    views = {name: rows_of(part) for name, part in graded_views(task, out, graded).items()}
    if measurement.answering == "generation":
        limit = task.decoding.max_new_tokens if measurement.is_limited else None
        views["results"] = [
            row.model_copy(update={"num_cut_off": cut_off[row.language], "max_new_tokens": limit})
            for row in views["results"]
        ]
    TaskResults(**views).write(out / RESULTS_FILE)
    return {"rows": num_rows(out / "prompts", Prompt)}


def task_metrics(
    task: EvaluationTask, identifier: LanguageIdentifier = NO_IDENTIFIER
) -> list[Metric]:
    """Return the metrics of a task, the main one first and the language faults last; to read grades
    they need no identifier."""
    if isinstance(task.prompts, AnyBenchmark):
        return [*metrics_of(task.prompts, identifier), *FAULT_RATES]
    own = grader_metric(task.metric, task.grader)
    return [own, in_language(own), *FAULT_RATES]


def read_graded(folder: Path) -> list[Graded]:
    """Read the grades in the folder of a task."""
    return read_shard(folder / "graded.parquet", Graded)


def graded_views(
    task: EvaluationTask, folder: Path, graded: list[Graded]
) -> dict[str, list[Graded]]:
    """Return the grades by the language of the prompt (`results`).

    A cross-lingual task has two more views of the same grades: `directions` with `high→low` and so
    on in place of the language, and `answer_languages` with the language of the answer.
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


def read_task_results(folder: Path) -> TaskResults:
    """Read the results in the folder of a task."""
    return TaskResults.read(
        folder / RESULTS_FILE, mend="delete the folder, and run the command again"
    )


def write_examples(measurement: Measurement, out: Path) -> None:
    """Write the prompts in shards of whole families, with their choices and later turns."""
    task, selection = measurement.task, measurement.selection
    if not isinstance(task.prompts, AnyBenchmark):
        config = task.cross_lingual
        own = out / "own-prompts" if config else out / "prompts"
        write_prompts(task.prompts, selection, own)
        if config:
            write_cross_lingual(own, config, selection.languages, selection.seed, out / "prompts")
        return
    examples, revisions = read_examples(task.prompts, selection.languages)
    shards = select_examples(
        examples, selection.num_families, selection.families_per_shard, seed=selection.seed
    )
    for index, shard in enumerate(shards):
        prompts = [with_system(example.prompt, selection.system) for example in shard]
        choices = [choice for example in shard for choice in example.unscored_choices()]
        write_shard(shard_path(out / "offered", index), choices, Choice)
        for turn, follow_ups in enumerate(zip(*(e.follow_ups for e in shard), strict=True), 2):
            write_shard(shard_path(_turn(out, turn) / "asked", index), follow_ups, Prompt)
        write_shard(shard_path(out / "prompts", index), prompts, Prompt)
    selected = [example for shard in shards for example in shard]
    facts = {"content": content_of(selected), "num": len(selected), "hub_revisions": revisions}
    write_json(out / _FACTS, facts)


def _complete(measurement: Measurement, load: Load, out: Path) -> None:
    """Complete the prompts, then each later turn in a folder of its own, `turn-2` and so on."""
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
        inputs = [
            (before / "prompts", Prompt),
            (before / "completions", Completion),
            (folder / "asked", Prompt),
        ]
        _forget_outdated(inputs, folder)
        map_shards(_next_turns, inputs, folder / "prompts", Prompt)


def _forget_outdated(inputs: Sequence[tuple[Path, type]], folder: Path) -> None:
    """Delete the shards of a turn whose answers before it came later."""
    for path in shard_paths(folder / "prompts"):
        rows: list[Any] = [read_shard(each / path.name, record) for each, record in inputs]
        if read_shard(path, Prompt) != _next_turns(*rows):
            (folder / "completions" / path.name).unlink(missing_ok=True)
            path.unlink()


def _next_turns(
    prompts: list[Prompt], answers: list[Completion], follow_ups: list[Prompt]
) -> list[Prompt]:
    """Append the answer and the next user turn to each conversation."""
    text_of = {(answer.family, answer.prompt_id): answer.text for answer in answers}
    return [
        next_turn(prompt, text_of[prompt.family, prompt.prompt_id], follow_up)
        for prompt, follow_up in zip(prompts, follow_ups, strict=True)
    ]


def _turn(out: Path, turn: int) -> Path:
    return out / f"turn-{turn}"


def _score_choices(measurement: Measurement, load: Load, out: Path) -> None:
    """Score the choices of every prompt by their likelihood."""
    with Bars(silent=measurement.silent) as bars:
        bar = bars.bar(measurement.title, num_rows(out / "prompts", Prompt))
        measurement.executor(
            score_choices,
            [(out / "prompts", Prompt), (out / "offered", Choice)],
            out / "choices",
            Choice,
            load=lambda: load("likelihood"),
            bar=bar,
            ticks=True,
        )


def _signature(measurement: Measurement, identifier: str, out: Path) -> str:
    """Describe how a number was made, so that only comparable numbers are compared."""
    task, selection = measurement.task, measurement.selection
    decoding = task.decoding
    how = "greedy" if decoding.temperature == 0 else f"temp={decoding.temperature}"
    prompts, shots = f"grader:{task.grader}", 0
    if isinstance(task.prompts, AnyBenchmark):
        shots = task.prompts.shots
        facts = read_json(out / _FACTS, mend="delete the folder, and run the command again")
        commits = "".join(f"|hub:{commit[:12]}" for commit in facts["hub_revisions"])
        variant = task.prompts.variant or "default"
        prompts = f"variant:{variant}|data:{facts['content']}{commits}"
    answers = (
        "likelihood"
        if measurement.answering == "likelihood"
        else f"decode:{how}|max:{decoding.max_new_tokens}|cut_off:{task.cut_off}|lid:{identifier}"
    )
    return (
        f"{task.name}|{prompts}|n:{selection.num_families or 'all'}|shots:{shots}|{answers}"
        f"|forms:nfkc|seed:{selection.seed}|v:{__version__}"
    )
