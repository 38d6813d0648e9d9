"""Evaluations and runs side by side: read, and refused where they do not measure the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.store import shard_paths
from isoglot.report.cards.browser import read_rows
from isoglot.report.results.measures import OFF_TARGET, Measure, Row, read_json, without_revisions
from isoglot.report.results.old_evaluation import (
    by_language,
    language_order,
    measures_of,
    read_results,
)

_FREE = {"v", "version", "model", "revision", "hub", "seed"}
"""Parts of a signature that two comparable runs may differ in; that the items are the same is
checked by their content, so the seed that drew them may differ too."""

_IDENTIFIER = "lid"
"""The part that only the off-target rate depends on."""


@dataclass(frozen=True, slots=True)
class Run:
    """One column of a comparison."""

    folder: Path
    name: str
    rows: Sequence[Row]
    results: Mapping[str, Any] = field(default_factory=dict)
    """What else stands in the file: groups, seed."""
    stage: str = ""
    """Where the folders of the tasks are, in a run of a recipe."""
    is_task: bool = False
    """Whether the folder is itself that of its one task, as where answers were graded."""

    def task_folder(self, task: str) -> Path:
        """The folder with the prompts, answers and grades of a task."""
        return self.folder if self.is_task else self.folder / self.stage / task


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs that measured the same, the first being what the others are compared with."""

    runs: Sequence[Run]
    unchecked: Sequence[str] = ()
    """Tasks whose prompts are not in every folder, so that only counts could be compared."""

    @property
    def names(self) -> list[str]:
        return [run.name for run in self.runs]

    @property
    def measures(self) -> list[Measure]:
        """Scores first, then off-target rates."""
        rows = self.runs[0].rows
        tasks = dict.fromkeys(row.get("task") or "" for row in rows)
        rates = [Measure(task, OFF_TARGET) for task in tasks]
        return [*measures_of(rows), *(m for m in rates if by_language(rows, m))]

    @property
    def languages(self) -> list[str]:
        return language_order(self.runs[0].rows)


def read_run(folder: Path) -> Run:
    """An evaluation, the grades of a judge, or the last policy of a run of a recipe.

    InputError where the folder is none of these.
    """
    if (folder / "results.json").exists():
        results = read_results(folder)
        if "judge" in results and "b" in results:
            raise InputError(
                f"{folder}: expected an evaluation or a run, came verdicts of a judge; "
                "open its own report.html"
            )
        name, is_task = str(results.get("model") or folder.name), "judge" in results
        return Run(folder, name, results["results"], results, is_task=is_task)
    if (folder / "summary.json").exists():
        summary = read_json(folder / "summary.json")
        rounds = [entry for entry in summary.get("rounds") or () if entry.get("results")]
        if not rounds:
            raise InputError(f"{folder}: the run has no results yet; let it evaluate first")
        last, tests = rounds[-1], summary.get("validation")
        rows = [row for row in last["results"] if row["task"] != tests]
        name = f"{summary.get('recipe') or folder.name} {last.get('policy') or ''}".strip()
        return Run(folder, name, rows, {}, f"round-{last['round']}/evaluate")
    raise InputError(
        f"{folder}: expected results.json or summary.json, found neither; "
        "name the folder of `isoglot evaluate` or `isoglot run` (--out)"
    )


def read_any(folder: Path) -> Mapping[str, Any]:
    """The results of an evaluation, of a judged comparison, or of a run's last policy."""
    if (folder / "results.json").exists():
        return read_results(folder)
    run = read_run(folder)
    return {"model": run.name, "results": run.rows}


def compare_runs(folders: Sequence[Path]) -> Comparison:
    """Read runs that measured the same.

    Raises:
        InputError: fewer than two; or they differ in tasks, languages, the way of measuring, or
            prompts: names the difference.
    """
    if len(folders) < 2:
        raise InputError(f"expected two runs or more to compare, came {len(folders)}")
    runs = _named([read_run(folder) for folder in folders])
    first, unchecked = runs[0], dict[str, None]()
    for other in runs[1:]:
        _same(first, other, "tasks", *(_tasks(run.rows) for run in (first, other)))
        for task in _tasks(first.rows):
            tags = [{r["language"] for r in run.rows if r.get("task") == task} for run in
                    (first, other)]  # fmt: skip
            _same(first, other, f"languages of {task}", *tags)
        _same_signatures(first, other)
        for task in _tasks(first.rows):
            if not _same_prompts(first, other, task):
                unchecked[task] = None
    return Comparison(runs, list(unchecked))


def _named(runs: Sequence[Run]) -> list[Run]:
    """Each run under a name of its own: the model, with its folder where two have the same."""
    short = without_revisions([run.name for run in runs])
    names = [
        name if short.count(name) == 1 else f"{name} ({run.folder.name})"
        for name, run in zip(short, runs, strict=True)
    ]
    if len(set(names)) < len(names):
        names = [f"{name} ({run.folder})" for name, run in zip(short, runs, strict=True)]
    return [replace(run, name=name) for name, run in zip(names, runs, strict=True)]


def _tasks(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(str(row.get("task") or "") for row in rows))


def _same(first: Run, other: Run, what: str, one: Any, two: Any) -> None:
    if set(one) == set(two):
        return
    sides = [(first, set(one) - set(two)), (other, set(two) - set(one))]
    only = "; ".join(f"only {run.name} has {', '.join(sorted(odd))}" for run, odd in sides if odd)
    raise InputError(f"the {what} differ: {only}; evaluate both on the same")


def _same_signatures(first: Run, other: Run) -> None:
    mine = {(r.get("task"), r["language"], r["metric"]): r for r in first.rows}
    for row in other.rows:
        twin = mine.get((row.get("task"), row["language"], row["metric"]))
        if twin is None:
            raise InputError(
                f"the metrics of {row.get('task')} differ: only {other.name} has {row['metric']}; "
                "grade both with the same version of isoglot"
            )
        one, two = (_parts(r) for r in (twin, row))
        for key in [*one, *(key for key in two if key not in one)]:
            if one.get(key) != two.get(key):
                raise InputError(
                    f"{row.get('task')} was not measured in the same way: {first.name} has "
                    f"{key}:{one.get(key, 'nothing')}, {other.name} has "
                    f"{key}:{two.get(key, 'nothing')}; evaluate both with the same options"
                )


def _parts(row: Row) -> dict[str, str]:
    """Key → value of a signature's parts that must agree."""
    free = _FREE if row["metric"] == OFF_TARGET else _FREE | {_IDENTIFIER}
    parts = [part.partition(":") for part in str(row.get("signature") or "").split("|")]
    return {key: value for key, _, value in parts if key not in free}


def _same_prompts(first: Run, other: Run, task: str) -> bool:
    """False where a folder has no prompts, and only the counts agree."""
    ids = [set(_prompt_ids(run, task)) for run in (first, other)]
    if all(ids):
        if odd := sorted(ids[0] ^ ids[1]):
            tag, prompt = odd[0]
            has = first if odd[0] in ids[0] else other
            raise InputError(
                f"the prompts of {task} differ: {len(odd)} are in one run only, as prompt {prompt} "
                f"({tag}) of {has.name}; evaluate both on the same prompts"
            )
        return True
    for tag in {row["language"] for row in first.rows if row.get("task") == task}:
        asked = [_num_asked(run, task, tag) for run in (first, other)]
        if asked[0] != asked[1]:
            raise InputError(
                f"the prompts of {task} differ: {asked[0]} in {tag} of {first.name}, {asked[1]} of "
                f"{other.name}; evaluate both on the same prompts"
            )
    return False


def _prompt_ids(run: Run, task: str) -> Iterator[tuple[str, str]]:
    shards = shard_paths(run.task_folder(task) / "prompts")
    for row in read_rows(shards, ("language", "prompt_id"), []):
        yield str(row["language"]), str(row["prompt_id"])


def _num_asked(run: Run, task: str, tag: str) -> set[int]:
    """How many examples each metric's row stands for."""
    rows = [row for row in run.rows if (row.get("task"), row["language"]) == (task, tag)]
    return {int(row.get("n") or 0) + int(row.get("unknown") or 0) for row in rows}


def read_grades(run: Run, task: str) -> Iterator[Mapping[str, Any]]:
    """Family, prompt id, language, metric and value of each graded answer; none where the folder
    has none."""
    path = run.task_folder(task) / "graded.parquet"
    columns = ("family", "prompt_id", "language", "metric", "value")
    yield from read_rows([path] if path.exists() else [], columns, [])
