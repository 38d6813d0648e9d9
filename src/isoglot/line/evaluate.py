"""`isoglot evaluate`: one model on several tasks.

The folder has a sub-folder for each task, with prompts, answers, `graded.parquet` and
`results.json`; and for all of them `evaluation.json`, the request, and `results.json`.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.day import day, day_kept
from isoglot.core.documents import read_json
from isoglot.core.environment import versions
from isoglot.core.errors import InputError
from isoglot.core.failures import Failures, evaluation_failures
from isoglot.core.records import Prompt
from isoglot.core.store import check_files, read_done, read_shard, shard_paths, write_whole
from isoglot.evals.aggregate import aggregate_groups, compare
from isoglot.execute.folder import owned_folder
from isoglot.execute.ledger import Ledger, refuse_changes
from isoglot.line.completions_file import load_file_answers, load_model, num_without_answer
from isoglot.line.job import shard_executor
from isoglot.line.sources import PromptSelection, file_revisions
from isoglot.line.task import (
    Measurement,
    grade_task,
    measure_task,
    read_graded,
    read_task_results,
    task_metrics,
    write_examples,
)
from isoglot.models.load import (
    FileSamplerConfig,
    ModelConfig,
    answer_settings,
    load_identifier,
    model_name_of,
    servers_in,
)
from isoglot.recipe.models import model_of
from isoglot.recipe.sections import EvaluationTask
from isoglot.recipe.tasks import left_out_languages, task_languages
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.rows import RESULTS_FILE, GroupRow, ResultRow

CODE_VERSION = 4
"""Raise it when an evaluation writes something else."""

DOMINANT = "en"
"""Always a candidate of the identifier: most off-target answers are in this language."""

RECORD = "evaluation.json"


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """The tasks and languages of an evaluation."""

    tasks: tuple[EvaluationTask, ...]
    languages: tuple[str, ...]
    seed: int = 1
    families_per_shard: int = 250
    silent: bool = False


def baseline_of(text: str, *, plain: bool = False) -> "ModelConfig | Path":
    """Parse a baseline: the folder of an evaluation, or else a model."""
    folder = Path(text)
    return folder if (folder / RECORD).exists() else model_of(text, plain=plain)


def folder_name(text: str) -> str:
    """Turn a model's name into a folder's name."""
    return re.sub(r"[^\w.-]+", "-", text.rstrip("/").rpartition("/")[2]) or "model"


def evaluate_model(
    model: ModelConfig,
    request: EvaluationRequest,
    out: Path,
    *,
    baseline: "ModelConfig | Path | None" = None,
    regrade: bool = False,
    redo: bool = False,
) -> Evaluation:
    """Evaluate a model on every task, and compare it with a baseline: a model or its evaluation.

    Answers in `out` are kept: the same call resumes, and `regrade` grades the answers again
    without a model.

    Raises:
        InputError: `out` holds another model's evaluation, a task was made with other settings, the
            baseline has other prompts, or a benchmark or a language is unknown.
    """
    if regrade and redo:
        raise InputError(
            "expected --regrade, which keeps the answers, or --redo, which makes them again, came "
            "both; leave one out"
        )
    with owned_folder(out, "evaluation"), day_kept(out / RECORD):
        _check_owner(out, model_name_of(model))
        if not (baseline is None or isinstance(baseline, Path)):
            evaluate_model(baseline, request, out / "baseline", regrade=regrade, redo=redo)
            baseline = out / "baseline"
        with servers_in(out):
            failures = _measure(model, request, out, regrade=regrade, redo=redo)
        rows, groups = _results(request, out, baseline)
        results = Evaluation(
            model=model_name_of(model),
            seed=request.seed,
            baseline=_record(baseline)["model"] if baseline else None,
            results=rows,
            groups=groups,
            left_out=_left_out(request, rows) or None,
            without_answer=_without_answer(model, request, out) or None,
            failures=failures or None,
        )
        results.write(out / RESULTS_FILE)
    return results


def write_prompts_file(request: EvaluationRequest, path: Path) -> int:
    """Write the prompts as JSON lines, to be completed elsewhere; returns their number.

    A file of rows with `prompt_id` and `completion` can then be evaluated as a model.
    """
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for task in request.tasks:
            place = Path(folder) / task.name
            write_examples(_measurement(task, request), place)
            for shard in shard_paths(place / "prompts"):
                for prompt in read_shard(shard, Prompt):
                    row = {
                        "task": task.name,
                        "prompt_id": prompt.prompt_id,
                        "language": prompt.language,
                        "prompt": list(prompt.prompt),
                    }
                    lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(lines).encode())
    return len(lines)


def _measurement(
    task: EvaluationTask, request: EvaluationRequest, *models: ModelConfig
) -> Measurement:
    selection = PromptSelection(
        task_languages(task, request.languages),
        task.num_families,
        request.seed,
        families_per_shard=request.families_per_shard,
    )
    is_limited = not any(isinstance(model, FileSamplerConfig) for model in models)
    executor = shard_executor(*models)
    return Measurement(task, selection, (), task.name, request.silent, executor, is_limited)


def _measure(
    model: ModelConfig, request: EvaluationRequest, out: Path, *, regrade: bool, redo: bool
) -> dict[str, Failures]:
    """Make the folder of each task: prompts, answers, grades; return the answers that they lack."""
    name = model_name_of(model)
    options = {"languages": request.languages, "seed": request.seed}
    tasks = {task.name: task.model_dump(mode="json") for task in request.tasks}
    record = {"model": name, **options, "tasks": tasks, "versions": versions(), "day": f"{day()}"}
    ledger = Ledger(out, record, redo=redo, record_name=RECORD)

    load = load_file_answers(model) if isinstance(model, FileSamplerConfig) else load_model(model)
    for task in request.tasks:
        measurement = _measurement(task, request, model)
        candidates = dict.fromkeys((*measurement.selection.languages, DOMINANT))
        identifier = load_identifier(tuple(candidates))
        settings = task.deciding
        settings["prompts"].pop("data", None)
        if regrade:
            _check_regrade(out / task.name, {"task": settings, **options})
            changed = {"task": settings, "code_version": CODE_VERSION}
            ledger.amend(task.name, changed, partial(grade_task, measurement, identifier))
            continue
        ledger.once(
            task.name,
            {
                "model": answer_settings(model),
                "task": settings,
                "files": file_revisions(task.prompts),
                **options,
                "code_version": CODE_VERSION,
            },
            partial(measure_task, measurement, load(task.name), identifier),
            evaluation_failures,
        )
    if isinstance(model, FileSamplerConfig):
        return {}  # counted by language: `_without_answer`
    lacking = {task.name: evaluation_failures(out / task.name) for task in request.tasks}
    return {task: failures for task, failures in lacking.items() if failures}


def _check_regrade(folder: Path, now: Mapping[str, Any]) -> None:
    """Raise InputError where a task has no finished answers, or was answered with other settings.

    The treatment of cut-off answers is the only one that may change without new answers.
    """
    if read_done(folder) is None:
        raise InputError(
            f"{folder} holds no finished answers to {folder.name}: run the command without "
            "--regrade first"
        )
    was = read_json(folder / "stage.json", mend="run without --regrade").get("depends_on", {})
    was = {key: was.get(key, {}) for key in now}
    if "cut_off" in now["task"]:
        was["task"]["cut_off"] = now["task"]["cut_off"]
    mend = "--regrade keeps the answers; give the options they were made with"
    refuse_changes(folder.name, was, now, mend=mend)


def _results(
    request: EvaluationRequest, out: Path, base: Path | None
) -> tuple[list[ResultRow], list[GroupRow]]:
    rows: list[ResultRow] = []
    groups: list[GroupRow] = []
    for task in request.tasks:
        graded, metrics = read_graded(out / task.name), task_metrics(task)
        if base:
            check_files(base / task.name)
        if base and not (base / task.name / "graded.parquet").exists():
            raise InputError(
                f"{base} has no results of {task.name}: evaluate the baseline on the same tasks, "
                "or leave it out of --tasks"
            )
        before = read_graded(base / task.name) if base else []
        found = compare(graded, before, metrics, seed=request.seed) if base else []
        changes = {(each.metric, each.language): each for each in found}
        for row in read_task_results(out / task.name).results:
            change = changes.get((row.metric, row.language))
            if change:
                row = row.with_change(change.value, change.low, change.high, change.p)
            rows.append(row)
        over = aggregate_groups(graded, metrics, seed=request.seed, base=before)
        groups += [GroupRow.of(group, task=task.name) for group in over]
    return rows, groups


def _left_out(request: EvaluationRequest, rows: Sequence[ResultRow]) -> dict[str, list[str]]:
    """Task → languages that were wanted and are not in its results."""
    found = {}
    for task in request.tasks:
        taken = [row.language for row in rows if row.task == task.name]
        if tags := left_out_languages(task, request.languages, taken):
            found[task.name] = tags
    return found


def _without_answer(
    model: ModelConfig, request: EvaluationRequest, out: Path
) -> dict[str, dict[str, int]]:
    """Task → language → questions without a completion, of a file of completions."""
    if not isinstance(model, FileSamplerConfig):
        return {}
    counts = {task.name: num_without_answer(out / task.name) for task in request.tasks}
    return {name: nums for name, nums in counts.items() if nums}


def _check_owner(out: Path, name: str) -> None:
    """Raise InputError if the folder holds another model's evaluation."""
    if (out / RECORD).exists() and (owner := _record(out)["model"]) != name:
        raise InputError(f"{out} holds the results of {owner}, not of {name}: choose another --out")


def _record(folder: Path) -> dict[str, Any]:
    """Read the request of an evaluation."""
    mend = "name the folder of an evaluation (`isoglot evaluate`), or evaluate into a new --out"
    record = read_json(folder / RECORD, mend=mend)
    if not isinstance(record.get("model"), str):
        raise InputError(f"{folder / RECORD}: expected the name of a model, came none: {mend}")
    return record
