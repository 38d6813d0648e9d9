"""What the last policy of a cell gets on every task, beside M0: means over languages and seeds."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.records import Graded
from isoglot.evals.aggregate import RESAMPLES, GroupDraws, draw_groups
from isoglot.line.task import graded_views, read_graded, task_metrics
from isoglot.recipe.sections import EvaluationTask
from isoglot.study.contests import folders_of
from isoglot.study.grid import Cell, languages_of
from isoglot.study.results import pooled
from isoglot.study.running import Run

BASE = "M0"


def score_rows(
    cells: Sequence[Cell], runs: Sequence[Run], *, resamples: int = RESAMPLES
) -> list[dict[str, Any]]:
    """For each task, cell, metric and group of languages: its value and the change to M0.

    `runs` are those that are done. Groups are those of `evals.aggregate.aggregate_groups`, and what
    the cell trained last (`trained`) and did not (`unseen`). Of a task that asks across languages
    they are of the language of the answer. The first rows of a task are M0's, of the seeds of the
    cell that has most. Intervals are 95 %, over seeds and the questions of each.
    """
    made = {cell.name: [run for run in runs if run.cell is cell] for cell in cells}
    most = max(cells, key=lambda cell: len(made[cell.name]))
    rows: list[dict[str, Any]] = []
    for task in most.recipe.evaluate.tasks:
        rows += _rows(BASE, task, most, made[most.name], resamples)
        for cell in cells:
            own = [each for each in cell.recipe.evaluate.tasks if each.name == task.name]
            rows += _rows(cell.name, own[0], cell, made[cell.name], resamples) if own else ()
    return rows


def _rows(
    name: str, task: EvaluationTask, cell: Cell, runs: Sequence[Run], resamples: int
) -> Iterator[dict[str, Any]]:
    by_group: dict[tuple[str, str], list[GroupDraws]] = defaultdict(list)
    more = {group: languages_of(group, [cell]) for group in ("trained", "unseen")}
    for number, run in enumerate(runs):
        new, old = (_graded(task, folder) for folder in folders_of(run, task))
        graded, base = (old, []) if name == BASE else (new, old)
        for drawn in draw_groups(
            graded,
            task_metrics(task),
            seed=1000 + number,
            base=base,
            resamples=resamples,
            more=more,
        ):
            by_group[drawn.metric, drawn.group].append(drawn)
    for (metric, group), seeds in by_group.items():
        changes = [drawn.changes for drawn in seeds if drawn.changes is not None]
        yield {
            "task": task.name,
            "cell": name,
            "metric": metric,
            "group": group,
            "num_languages": max(len(drawn.languages) for drawn in seeds),
            **pooled([drawn.values for drawn in seeds]),
            **(pooled(changes, "change") if changes else {}),
        }


def _graded(task: EvaluationTask, folder: Path) -> list[Graded]:
    found = graded_views(task, folder, read_graded(folder))
    return found.get("answer_languages", found["results"])
