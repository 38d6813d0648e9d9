"""`isoglot evaluate`: one model on many benchmarks, each language side by side.

Leaves in its folder, for each task, prompts, answers, `graded.parquet` and `results.json`, and for
all of them `evaluation.json` (what was asked for) and `results.json`.
"""

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from isoglot.benchmarks.benchmark import Answering, BenchmarkConfig
from isoglot.benchmarks.catalogue import benchmark_of
from isoglot.benchmarks.examples import available_languages
from isoglot.core.environment import versions
from isoglot.core.errors import InputError
from isoglot.core.records import Graded, Prompt
from isoglot.core.section import validated
from isoglot.core.store import read_shard, shard_paths, write_whole
from isoglot.evals.aggregate import aggregate_groups, compare
from isoglot.evals.grading import CutOff
from isoglot.execute.ledger import Ledger
from isoglot.line.sources import PromptSelection, file_revisions
from isoglot.line.task import (
    Measurement,
    ask,
    grade,
    measure,
    read_graded,
    read_results,
    task_metrics,
)
from isoglot.models.load import (
    ModelConfig,
    answer_settings,
    load_identifier,
    load_likelihood,
    load_sampler,
    model_name_of,
)
from isoglot.recipe.models import model_of
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.evaluation import FILE as RESULTS
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.rows import GroupRow, ResultRow

CODE_VERSION = 2
"""Raised when what an evaluation writes changes."""

DOMINANT = "en"
"""Answers in another language than asked are mostly in this one: always a candidate."""

RECORD = "evaluation.json"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user wants to know of a model."""

    tasks: tuple[EvaluationTask, ...]
    languages: tuple[str, ...]
    seed: int = 1
    families_per_shard: int = 250
    silent: bool = False


def baseline_of(text: str, *, plain: bool = False) -> "ModelConfig | Path":
    """The folder of an evaluation, or else a model."""
    folder = Path(text)
    return folder if (folder / RECORD).exists() else model_of(text, plain=plain)


def folder_name(text: str) -> str:
    """A model's name as part of a folder's name."""
    return re.sub(r"[^\w.-]+", "-", text.rstrip("/").rpartition("/")[2]) or "model"


def benchmark_tasks(
    names: Sequence[str],
    *,
    limit: int | None = None,
    max_new_tokens: int | None = None,
    cut_off: CutOff = "graded",
    stop: tuple[str, ...] = (),
    revisions: Mapping[str, str] = MappingProxyType({}),
    **asking: Any,
) -> tuple[EvaluationTask, ...]:
    """Published benchmarks as tasks; `limit` families of each language, None for all.

    `stop` are strings that end an answer; `revisions` says at which commit of the hub a task is
    read; `asking` are other keys of `BenchmarkConfig`: shots, variant, answering, data.
    """
    if not names:
        raise InputError("expected the name of a task, came none; see `isoglot benchmarks`")
    if unknown := [name for name in revisions if name not in names]:
        raise InputError(
            f"expected revisions of the tasks {', '.join(names)}, came one of {unknown[0]}; leave "
            "it out, or add the task"
        )
    if revisions and asking.get("data"):
        raise InputError(
            "expected revisions of tasks that are read from the hub, came --data, whose files have "
            "none; leave one of them out"
        )
    return tuple(
        validated(
            EvaluationTask,
            {
                "name": name,
                "prompts": {
                    "kind": "benchmark",
                    "benchmark": name,
                    "revision": revisions.get(name),
                    **asking,
                },
                "num_families": limit,
                "decoding": {
                    "max_new_tokens": max_new_tokens or benchmark_of(name).max_new_tokens,
                    "stop": stop,
                },
                "cut_off": cut_off,
            },
            f"task {name}",
        )
        for name in names
    )


def evaluate(
    model: ModelConfig,
    asked: Asked,
    out: Path,
    *,
    baseline: "ModelConfig | Path | None" = None,
    regrade: bool = False,
    redo: bool = False,
) -> Evaluation:
    """Measure a model on every task, and beside a baseline: a model, or a folder of an evaluation.

    What stands in `out` is kept: the same command goes on where it stopped, and `regrade` grades
    the answers again without a model.

    Raises:
        InputError: `out` holds another model's evaluation, a task was made with other settings, the
            baseline answered other questions, a benchmark or a language is unknown.
    """
    base = baseline
    if base is not None and not isinstance(base, Path):
        evaluate(base, asked, out / "baseline", regrade=regrade, redo=redo)
        base = out / "baseline"
    answered = _answer(model, asked, out, regrade=regrade, redo=redo)
    rows, groups = _results(answered, asked, out, base)
    results = Evaluation(
        model=model_name_of(model),
        seed=asked.seed,
        baseline=_record(base)["model"] if base else None,
        results=rows,
        groups=groups,
    )
    results.write(out / RESULTS)
    return results


def write_questions(asked: Asked, path: Path) -> int:
    """Write the questions as JSON lines, to be answered elsewhere; returns how many there are.

    A file of completions with `prompt_id` and `completion` in each row is a model then.
    """
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for task in asked.tasks:
            place = Path(folder) / task.name
            ask(_measurement(task, asked), place)
            for shard in shard_paths(place / "prompts"):
                lines += [_question(task.name, prompt) for prompt in read_shard(shard, Prompt)]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(lines).encode())
    return len(lines)


def _question(task: str, prompt: Prompt) -> str:
    row = {
        "task": task,
        "prompt_id": prompt.prompt_id,
        "language": prompt.language,
        "prompt": list(prompt.prompt),
    }
    return json.dumps(row, ensure_ascii=False) + "\n"


def _measurement(task: EvaluationTask, asked: Asked) -> Measurement:
    selection = PromptSelection(
        _languages(task, asked.languages),
        task.num_families,
        asked.seed,
        families_per_shard=asked.families_per_shard,
    )
    return Measurement(task, selection, (), task.name, asked.silent)


def _answer(
    model: ModelConfig, asked: Asked, out: Path, *, regrade: bool, redo: bool
) -> Sequence[EvaluationTask]:
    """The folder of each task: questions, answers, grades."""
    name = model_name_of(model)
    _check_owner(out, name)
    options = {"languages": asked.languages, "seed": asked.seed}
    tasks = {task.name: task.model_dump(mode="json") for task in asked.tasks}
    record = {"model": name, **options, "tasks": tasks, "versions": versions()}
    ledger = Ledger(out, record, redo=redo, record_name=RECORD)
    loaded = _Loaded(model)
    for task in asked.tasks:
        measurement = _measurement(task, asked)
        candidates = dict.fromkeys((*measurement.selection.languages, DOMINANT))
        identifier = load_identifier(tuple(candidates))
        if regrade:
            _check_answered(out / task.name, task.name)
            grade(measurement, identifier, out / task.name)
            continue
        ledger.once(
            task.name,
            {
                "model": answer_settings(model),
                "task": task.model_dump(mode="json", exclude={"prompts": {"data"}}),
                "files": file_revisions(task.prompts),
                **options,
                "code_version": CODE_VERSION,
            },
            _maker(measurement, loaded, identifier),
        )
    return asked.tasks


def _maker(measurement: Measurement, loaded: "_Loaded", identifier: Any) -> Callable[[Path], Any]:
    return lambda folder: measure(measurement, loaded, identifier, folder)


class _Loaded:
    """The model, loaded when it is first needed and once in each form."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._models: dict[Answering, Any] = {}

    def __call__(self, answering: Answering) -> Any:
        if answering not in self._models:
            load = {"generation": load_sampler, "likelihood": load_likelihood}[answering]
            self._models[answering] = load(self._config)
        return self._models[answering]


def _languages(task: EvaluationTask, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a task: all that the benchmark has where none were asked for."""
    if not isinstance(task.prompts, BenchmarkConfig):
        return languages
    if not languages:
        return tuple(benchmark_of(task.prompts.benchmark).languages)
    return tuple(available_languages(task.prompts, languages))


def _results(
    tasks: Sequence[EvaluationTask], asked: Asked, out: Path, base: Path | None
) -> tuple[list[ResultRow], list[GroupRow]]:
    rows: list[ResultRow] = []
    groups: list[GroupRow] = []
    for task in tasks:
        graded, metrics = read_graded(out / task.name), task_metrics(task)
        before = _baseline(base, task.name) if base else []
        found = compare(graded, before, metrics, seed=asked.seed) if base else []
        changes = {(each.metric, each.language): each for each in found}
        for row in read_results(out / task.name).results:
            change = changes.get((row.metric, row.language))
            rows.append(
                row.with_change(change.value, change.low, change.high, change.p) if change else row
            )
        over = aggregate_groups(graded, metrics, seed=asked.seed, base=before)
        groups += [GroupRow.of(group, task=task.name) for group in over]
    return rows, groups


def _baseline(base: Path, task: str) -> list[Graded]:
    if not (base / task / "graded.parquet").exists():
        raise InputError(
            f"{base} has no results of {task}: evaluate the baseline on the same tasks, or leave "
            "it out of --tasks"
        )
    return read_graded(base / task)


def _check_answered(folder: Path, task: str) -> None:
    if not (folder / "done.json").exists():
        raise InputError(
            f"{folder} holds no finished answers to {task}: run the command without --regrade first"
        )


def _check_owner(out: Path, name: str) -> None:
    """Raise InputError where the folder holds another model's evaluation, or something else."""
    if (out / RECORD).exists():
        owner = _record(out)["model"]
        if owner != name:
            raise InputError(
                f"{out} holds the results of {owner}, not of {name}: choose another --out"
            )
    elif out.exists() and any(path.name != "baseline" for path in out.iterdir()):
        raise InputError(f"{out} holds other files than an evaluation: choose an empty --out")


def _record(folder: Path) -> dict[str, Any]:
    """What an evaluation was asked; raises InputError for a folder that is none."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {**record, "model": str(record["model"])}
    except FileNotFoundError:
        raise InputError(
            f"no {RECORD} in {folder}: expected the folder of an evaluation (`isoglot evaluate`)"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {path} ({error}): evaluate again into a new --out") from None
