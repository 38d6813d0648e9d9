"""Evaluations and runs next to each other: read, and refused where they do not measure the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.records import Graded, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.judging import JudgedComparison, Ratings
from isoglot.report.results.names import without_revisions
from isoglot.report.results.rewards import RewardResults
from isoglot.report.results.rows import (
    LANGUAGE_FAULTS,
    RESULTS_FILE,
    GroupRow,
    Measure,
    ResultRow,
    Results,
    language_order,
    measures_of,
    rows_of,
    task_names,
)
from isoglot.report.results.summary import SUMMARY_FILE, RunSummary

_FREE = {"v", "version", "model", "revision", "hub", "seed"}
"""Parts of a signature that two comparable runs may differ in; that the items are the same is
checked by their content, so the seed that drew them may differ too."""

_IDENTIFIER = "lid"
"""The part that only the off-target rate depends on."""


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One column of a comparison."""

    folder: Path
    name: str
    rows: Sequence[ResultRow]
    groups: Sequence[GroupRow] = ()
    stage: str = ""
    """The stage that holds the folders of the tasks, in a run of a recipe."""
    is_task: bool = False
    """True if the folder is itself that of its one task, as where answers were rated."""

    def task_folder(self, task: str) -> Path:
        """The folder with the prompts, answers and grades of a task."""
        return self.folder if self.is_task else self.folder / self.stage / task

    def of_task(self, task: str) -> list[ResultRow]:
        return [row for row in self.rows if row.task == task]

    def grades(self, task: str) -> list[Graded]:
        """The grade of every answer; none where the folder has none."""
        path = self.task_folder(task) / "graded.parquet"
        return read_shard(path, Graded) if path.exists() else []

    def prompts(self, task: str) -> set[tuple[str, str]]:
        """Language and id of every prompt; none where the folder has none."""
        shards = shard_paths(self.task_folder(task) / "prompts")
        return {
            (row.language, row.prompt_id) for path in shards for row in read_shard(path, Prompt)
        }

    def num_examples(self, task: str, tag: str) -> set[int]:
        """Return the numbers of examples of a language, over all metrics."""
        rows = [row for row in self.of_task(task) if row.language == tag]
        return {(row.n or 0) + (row.unknown or 0) for row in rows}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs that measured the same, the first being what the others are compared with."""

    runs: Sequence[ComparedRun]
    unchecked: Sequence[str] = ()
    """Tasks whose prompts are not in every folder, so that only counts could be compared."""

    @property
    def names(self) -> list[str]:
        return [run.name for run in self.runs]

    @property
    def measures(self) -> list[Measure]:
        """Scores first, then off-target and mixed rates."""
        rows = self.runs[0].rows
        rates = [Measure(task, rate) for task in task_names(rows) for rate in LANGUAGE_FAULTS]
        return [*measures_of(rows), *(m for m in rates if rows_of(rows, m))]

    @property
    def languages(self) -> list[str]:
        return language_order(self.runs[0].rows)


def read_results(folder: Path) -> Results:
    """The results of an evaluation, a judge or scorers, or of the last policy of a run.

    Raises:
        InputError: the folder has none, or they cannot be read.
    """
    path = folder / RESULTS_FILE
    if not path.exists():
        run = read_run(folder)
        return Evaluation(model=run.name, results=run.rows)
    content = read_json(path, mend=Results.MEND)
    kinds: dict[str, type[Results]]
    kinds = {"b": JudgedComparison, "judge": Ratings, "scorers": RewardResults}
    kind = next((kind for key, kind in kinds.items() if key in content), Evaluation)
    return kind.read_from(folder)


def read_run(folder: Path) -> ComparedRun:
    """An evaluation, the ratings of a judge, or the last policy of a run of a recipe.

    Raises:
        InputError: the folder is none of these.
    """
    if (folder / RESULTS_FILE).exists():
        match results := read_results(folder):
            case Evaluation() | Ratings():
                name, is_task = results.model or folder.name, isinstance(results, Ratings)
                return ComparedRun(folder, name, results.results, results.groups, "", is_task)
        raise InputError(
            f"{folder}: expected an evaluation or a run, came verdicts of a judge; "
            "open its own report.html"
        )
    if not (folder / SUMMARY_FILE).exists():
        raise InputError(
            f"{folder}: expected results.json or summary.json, found neither; "
            "name the folder of `isoglot evaluate` or `isoglot run` (--out)"
        )
    summary = RunSummary.read_from(folder)
    rounds = [entry for entry in summary.rounds if entry.results]
    if not rounds:
        raise InputError(f"{folder}: the run has no results yet; let it evaluate first")
    rows = [row for row in rounds[-1].results if row.task != summary.validation]
    name = f"{summary.recipe or folder.name} {rounds[-1].policy}".strip()
    return ComparedRun(folder, name, rows, stage=f"round-{rounds[-1].round}/evaluate")


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
        _check_same(first, other, "tasks", *(task_names(run.rows) for run in (first, other)))
        for task in task_names(first.rows):
            tags = [{row.language for row in run.of_task(task)} for run in (first, other)]
            _check_same(first, other, f"languages of {task}", *tags)
        _check_signatures(first, other)
        for task in task_names(first.rows):
            if not _have_same_prompts(first, other, task):
                unchecked[task] = None
    return Comparison(runs, list(unchecked))


def _named(runs: Sequence[ComparedRun]) -> list[ComparedRun]:
    """Each run under a name of its own: the model, with its folder where two have the same."""
    short = without_revisions([run.name for run in runs])
    names = [
        name if short.count(name) == 1 else f"{name} ({run.folder.name})"
        for name, run in zip(short, runs, strict=True)
    ]
    if len(set(names)) < len(names):
        names = [f"{name} ({run.folder})" for name, run in zip(short, runs, strict=True)]
    return [replace(run, name=name) for name, run in zip(names, runs, strict=True)]


def _check_same(
    first: ComparedRun, other: ComparedRun, what: str, one: Collection[str], two: Collection[str]
) -> None:
    if set(one) == set(two):
        return
    sides = [(first, set(one) - set(two)), (other, set(two) - set(one))]
    only = "; ".join(f"only {run.name} has {', '.join(sorted(odd))}" for run, odd in sides if odd)
    raise InputError(f"the {what} differ: {only}; evaluate both on the same")


def _check_signatures(first: ComparedRun, other: ComparedRun) -> None:
    mine = {(row.measure, row.language): row for row in first.rows}
    for row in other.rows:
        twin = mine.get((row.measure, row.language))
        if twin is None:
            raise InputError(
                f"the metrics of {row.task} differ: only {other.name} has {row.metric}; "
                "grade both with the same version of isoglot"
            )
        one, two = _fixed_parts(twin), _fixed_parts(row)
        for key in one | two:
            if one.get(key) != two.get(key):
                raise InputError(
                    f"{row.task} was not measured in the same way: {first.name} has "
                    f"{key}:{one.get(key, 'nothing')}, {other.name} has "
                    f"{key}:{two.get(key, 'nothing')}; evaluate both with the same options"
                )


def _fixed_parts(row: ResultRow) -> dict[str, str]:
    """Key → value of a signature's parts that must agree."""
    free = _FREE if row.measure.is_language_fault else _FREE | {_IDENTIFIER}
    parts = [part.partition(":") for part in row.signature.split("|")]
    return {key: value for key, _, value in parts if key not in free}


def _have_same_prompts(first: ComparedRun, other: ComparedRun, task: str) -> bool:
    """False where a folder has no prompts, and only the counts agree."""
    ours, theirs = first.prompts(task), other.prompts(task)
    if ours and theirs:
        if odd := sorted(ours ^ theirs):
            tag, prompt = odd[0]
            owner = first if odd[0] in ours else other
            raise InputError(
                f"the prompts of {task} differ: {len(odd)} are in one run only, as prompt {prompt} "
                f"({tag}) of {owner.name}; evaluate both on the same prompts"
            )
        return True
    for tag in {row.language for row in first.of_task(task)}:
        nums = [run.num_examples(task, tag) for run in (first, other)]
        if nums[0] != nums[1]:
            raise InputError(
                f"the prompts of {task} differ: {nums[0]} in {tag} of {first.name}, {nums[1]} of "
                f"{other.name}; evaluate both on the same prompts"
            )
    return False
