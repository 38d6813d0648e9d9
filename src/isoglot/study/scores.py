"""Scores of the last policy of a cell on every task, and of M0: means over languages and seeds."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.records import Graded
from isoglot.evals.aggregate import RESAMPLES, GroupDraws, draw_groups
from isoglot.line.task import graded_views, read_graded, task_metrics
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.study import StudyScore
from isoglot.study.contests import evaluation_folders
from isoglot.study.grid import GridCell, group_languages
from isoglot.study.results import pooled
from isoglot.study.running import GridRun

_BASE = "M0"


def score_rows(
    cells: Sequence[GridCell], runs: Sequence[GridRun], *, resamples: int = RESAMPLES
) -> list[StudyScore]:
    """Compute each metric's value and its change to M0, for each task, cell and language group.

    `runs` are those that are done. Groups are those of `evals.aggregate.aggregate_groups`, and the
    languages that the cell trained last (`trained`; `weak` without the dominant one, `dominant`)
    and did not (`unseen`); those of a
    cross-lingual task are groups of the language of the answer. The first rows of a task are
    M0's, of the seeds of the cell that has most. Intervals are 95 %, over seeds and the examples of
    each.
    """
    done = {cell.name: [run for run in runs if run.cell is cell] for cell in cells}
    most = max(cells, key=lambda cell: len(done[cell.name]))
    rows: list[StudyScore] = []
    for task in most.recipe.evaluate.tasks:
        rows += _rows(_BASE, task, most, done[most.name], resamples)
        for cell in cells:
            own = [each for each in cell.recipe.evaluate.tasks if each.name == task.name]
            rows += _rows(cell.name, own[0], cell, done[cell.name], resamples) if own else ()
    return rows


def _rows(
    name: str, task: EvaluationTask, cell: GridCell, runs: Sequence[GridRun], resamples: int
) -> Iterator[StudyScore]:
    by_group: dict[tuple[str, str], list[GroupDraws]] = defaultdict(list)
    more = {group: group_languages(group, [cell]) for group in ("trained", "unseen")}
    dominant = cell.recipe.dominant_language
    more |= {
        "weak": [tag for tag in more["trained"] if tag != dominant],
        "dominant": [dominant],
    }
    for number, run in enumerate(runs):
        new, old = (_graded(task, folder) for folder in evaluation_folders(run, task))
        graded, base = (old, []) if name == _BASE else (new, old)
        how: dict[str, Any] = {"seed": 1000 + number, "resamples": resamples}
        for drawn in draw_groups(graded, task_metrics(task), base=base, more=more, **how):
            by_group[drawn.metric, drawn.group].append(drawn)
    for (metric, group), seeds in by_group.items():
        changes = [drawn.changes for drawn in seeds if drawn.changes is not None]
        num = min(drawn.num_families for drawn in seeds)
        yield StudyScore(
            task=task.name,
            cell=name,
            metric=metric,
            group=group,
            num_languages=max(len(drawn.languages) for drawn in seeds),
            **pooled([drawn.values for drawn in seeds], families=num),
            **(pooled(changes, "change", families=num, between=(-1, 1)) if changes else {}),
        )


def _graded(task: EvaluationTask, folder: Path) -> list[Graded]:
    found = graded_views(task, folder, read_graded(folder))
    return found.get("answer_languages", found["results"])
