"""The runs of a study: each in a process of its own, so that one that fails stops no other."""

import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.errors import Failure, InputError, RunError
from isoglot.core.records import content_id
from isoglot.core.store import write_json
from isoglot.core.version import __version__
from isoglot.execute.child import Child, run_in_children
from isoglot.execute.progress import Bars
from isoglot.execute.siblings import Siblings
from isoglot.line.checks import check_settings
from isoglot.line.pipeline import run
from isoglot.line.sources import file_revisions
from isoglot.line.stages import VERSIONS
from isoglot.models.load import sampler_revision, scorer_settings
from isoglot.recipe.recipe import Recipe, resolved
from isoglot.study.grid import Cell


@dataclass(frozen=True, slots=True)
class Run:
    """One cell with one seed."""

    cell: Cell
    seed: int
    root: Path
    """The folder of the study."""

    @property
    def name(self) -> str:
        return f"{self.cell.name}/seed-{self.seed}"

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def recipe(self) -> Recipe:
        return self.cell.recipes[self.seed]

    @property
    def log(self) -> Path:
        """What the run printed."""
        return self.folder.with_suffix(".log")

    @property
    def record(self) -> Path:
        """How it ended; beside the folder, which is that of a run like any other."""
        return self.folder.with_suffix(".json")

    def error(self) -> str | None:
        """Why it failed, in one line; None where it is done."""
        return _read(self.record).get("error", "it was not run")


def runs_of(cells: Sequence[Cell], root: Path) -> list[Run]:
    """Every seed of each cell in turn, so that runs at one time share little that is not made."""
    return [Run(cell, seed, root) for cell in cells for seed in cell.recipes]


def run_all(runs: Sequence[Run], *, num_processes: int, redo: bool, silent: bool = False) -> None:
    """Make every run that is not done; each leaves its folder, its log and how it ended.

    Raises:
        InputError: what is wrong with a recipe and can be seen before anything runs.
    """
    made_from = {run.name: _made_from(run) for run in runs}
    to_do = [run for run in runs if _read(run.record) != _done(made_from[run.name])]
    for each in to_do:
        try:
            check_settings(each.recipe, each.folder)
        except InputError as problem:
            raise InputError(f"{each.cell.name}: {problem}") from None
    names = tuple(run.name for run in runs)
    tasks = [(run, names, redo, num_processes) for run in to_do]
    shown = not silent and sys.stderr.isatty()
    with Bars(silent=not shown) as bars:
        bar = bars.bar("runs", len(runs))
        bar.reach(len(runs) - len(to_do))
        at_work: dict[str, float] = {}

        def started(number: int) -> None:
            at_work[to_do[number].name] = time.monotonic()
            bar(0, ", ".join(at_work))

        for number, child in run_in_children(_run_one, tasks, num_processes, started):
            each = to_do[number]
            error = _ending(child)
            write_json(each.record, {**_done(made_from[each.name]), "error": error})
            seconds = time.monotonic() - at_work.pop(each.name)
            bar(1, ", ".join(at_work))
            if not silent:
                how = f"failed: {error}" if error else f"done in {seconds:.0f} s"
                print(f"{each.name}: {how}", file=sys.stderr, flush=True)


def _run_one(each: Run, names: tuple[str, ...], redo: bool, num_processes: int) -> str | None:
    """One run in its child process; why it failed, in one line, or None."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // num_processes)))
    each.log.parent.mkdir(parents=True, exist_ok=True)
    with each.log.open("a", encoding="utf-8") as log:
        for stream in (1, 2):  # also what libraries print that know nothing of Python's streams
            os.dup2(log.fileno(), stream)
    try:
        run(each.recipe, each.folder, redo=redo, siblings=Siblings(each.root, names))
    except Exception as error:  # noqa: BLE001  whatever it is, it is this run's alone
        traceback.print_exc()
        failure = Failure.of(error)
        bug = f" (a bug of isoglot; see the traceback in {each.log})"
        return " ".join(failure.message.split()) + bug * (failure.kind == "bug")
    return None


def _ending(child: Child[str | None]) -> str | None:
    try:
        return child.answer()
    except (RunError, OSError) as error:  # killed, as where the memory was full
        return str(error)


def _made_from(each: Run) -> str:
    """What decides a whole run: where it is as it was, the run is done and not looked at again."""
    recipe, rounds = each.recipe, each.recipe.different_rounds
    scorers = [scorer for one in rounds if one.score for scorer in one.score.scorers]
    tasks = [task.prompts for task in recipe.evaluate.all_tasks]
    sources = [*(one.prompts.source for one in rounds), *tasks]
    try:
        inputs = [
            *(sampler_revision(model) for one in rounds for model in one.models),
            *(scorer_settings(scorer) for scorer in scorers),
            *(file_revisions(source) for source in sources),
        ]
    except InputError as error:
        raise InputError(f"{each.cell.name}: {error}") from None
    facts = [resolved(recipe), VERSIONS, __version__, inputs]
    return content_id(json.dumps(facts, sort_keys=True))


def _done(made_from: str) -> dict[str, Any]:
    return {"made_from": made_from, "error": None}


def _read(path: Path) -> dict[str, Any]:
    """JSON that says how a run ended; nothing where it is not there, or not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
