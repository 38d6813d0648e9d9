"""The runs of a study, each in a process of its own: one that fails stops no other."""

import json
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isoglot.core.errors import Failure, InputError, RunError
from isoglot.core.records import content_id
from isoglot.core.version import __version__
from isoglot.execute.child import run_in_children
from isoglot.execute.ledger import read_made, write_made
from isoglot.execute.progress import Bars
from isoglot.execute.siblings import Siblings
from isoglot.line.checks import check_settings
from isoglot.line.pipeline import run_recipe
from isoglot.line.sources import file_revisions
from isoglot.line.stages import VERSIONS
from isoglot.models.load import sampler_revision
from isoglot.models.scorers.load import scorer_settings
from isoglot.recipe.recipe import Recipe, resolved
from isoglot.study.grid import GridCell


@dataclass(frozen=True, slots=True)
class GridRun:
    """One cell with one seed."""

    cell: GridCell
    seed: int
    root: Path
    """The folder of the study."""

    @property
    def name(self) -> str:
        return f"{self.cell.name}/seed-{self.seed}"

    @property
    def folder(self) -> Path:
        """The run directory."""
        return self.root / self.name

    @property
    def recipe(self) -> Recipe:
        return self.cell.recipes[self.seed]

    @property
    def log(self) -> Path:
        """The file with everything that the run printed."""
        return self.folder.with_suffix(".log")

    @property
    def record(self) -> Path:
        """The file that says how the run ended; outside of its directory, which is like any."""
        return self.folder.with_suffix(".json")


def grid_runs(cells: Sequence[GridCell], root: Path) -> list[GridRun]:
    """Return the runs cell by cell, so that runs at the same time share little that is not made."""
    return [GridRun(cell, seed, root) for cell in cells for seed in cell.recipes]


def run_all(
    runs: Sequence[GridRun], *, num_processes: int, redo: bool, silent: bool = False
) -> Mapping[str, str | None]:
    """Make every run that is not done; each leaves its directory, its log and a record.

    Returns the error of each run by its name, in one line; None where it is done.

    Raises:
        InputError: something is wrong with a recipe that can be seen before anything runs.
    """
    made_from = {run.name: _made_from(run) for run in runs}
    errors: dict[str, str | None] = dict.fromkeys(made_from)
    to_do = [run for run in runs if read_made(run.record, made_from[run.name]) != {"error": None}]
    for each in to_do:
        try:
            check_settings(each.recipe, each.folder)
        except InputError as error:
            raise InputError(f"{each.cell.name}: {error}") from None
    tasks = [(each, tuple(made_from), redo, num_processes) for each in to_do]
    with Bars(silent=silent or not sys.stderr.isatty()) as bars:
        bar = bars.bar("runs", len(runs))
        bar.reach(len(runs) - len(to_do))
        started_at: dict[str, float] = {}

        def start(number: int) -> None:
            started_at[to_do[number].name] = time.monotonic()
            bar(0, ", ".join(started_at))

        for number, child in run_in_children(_run_one, tasks, num_processes, start):
            each = to_do[number]
            try:
                failure = child.result()
            except (RunError, OSError) as error:  # killed, as where the memory was full
                failure = str(error)
            errors[each.name] = failure
            write_made(each.record, {"error": failure}, made_from[each.name])
            seconds = time.monotonic() - started_at.pop(each.name)
            bar(1, ", ".join(started_at))
            if not silent:
                end = f"failed: {failure}" if failure else f"done in {seconds:.0f} s"
                print(f"{each.name}: {end}", file=sys.stderr, flush=True)
    return errors


def _run_one(each: GridRun, names: tuple[str, ...], redo: bool, num_processes: int) -> str | None:
    """Make one run in its child process; return its error in one line, or None."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // num_processes)))
    each.log.parent.mkdir(parents=True, exist_ok=True)
    with each.log.open("a", encoding="utf-8") as log:
        for stream in (1, 2):  # also the output of libraries that bypass Python's streams
            os.dup2(log.fileno(), stream)
    try:
        run_recipe(each.recipe, each.folder, redo=redo, siblings=Siblings(each.root, names))
    except Exception as error:  # noqa: BLE001  any error is this run's alone
        traceback.print_exc()
        failure = Failure.of(error)
        bug = f" (a bug of isoglot; see the traceback in {each.log})"
        return " ".join(failure.message.split()) + bug * (failure.kind == "bug")
    return None


def _made_from(each: GridRun) -> str:
    """Identify everything that decides a run; a done run is skipped while this stays the same."""
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
