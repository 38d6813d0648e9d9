"""A whole study: the grid is checked, run and measured, and all that it says is in `study.json`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoglot.core.store import write_json
from isoglot.core.version import __version__
from isoglot.evals.aggregate import RESAMPLES
from isoglot.models.load import scorer_settings
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.summary import RunSummary
from isoglot.study.contests import Judges, check_judges
from isoglot.study.costs import costs_of
from isoglot.study.grid import (
    Cell,
    JudgeConfig,
    OracleConfig,
    StudyConfig,
    cells_of,
    load_study,
)
from isoglot.study.results import draw, finding_row, win_rates
from isoglot.study.running import Run, run_all, runs_of
from isoglot.study.scores import score_rows


def study(
    name_or_path: str,
    out: Path | None = None,
    *,
    num_processes: int = 1,
    redo: bool = False,
    silent: bool = False,
) -> tuple[dict[str, Any], Path]:
    """Run what is not done of a study; returns what `study.json` says, and its folder.

    A run that fails stops no other: its error stands in the place of its results.

    Raises:
        InputError: what is wrong with the study or a recipe of it, before anything runs.
    """
    config = load_study(name_or_path)
    cells = cells_of(config)
    root = out or Path("runs") / config.name
    runs = runs_of(cells, root)
    check_judges(config.judges, task_of(runs[0], config))
    run_all(runs, num_processes=num_processes, redo=redo, silent=silent)
    content = _content(config, cells, runs, root)
    write_json(root / "study.json", content)
    return content, root


def _content(
    config: StudyConfig, cells: Sequence[Cell], runs: Sequence[Run], root: Path
) -> dict[str, Any]:
    judges = Judges(config.judges, root, cells[0].recipe.all_languages)
    done = [run for run in runs if run.error() is None]
    contests = {
        (run.cell.name, run.seed): judges.contest(run, task_of(run, config)) for run in done
    }
    draws = {judge.name: draw(contests, judge.name, config.seeds) for judge in config.judges}
    return {
        "name": config.name,
        "description": config.description,
        "recipe": config.recipe,
        "task": config.task,
        "seeds": list(config.seeds),
        "judges": [judge.name for judge in config.judges],
        "languages": sorted(cells[0].recipe.all_languages),
        "dominant_language": cells[0].recipe.dominant_language,
        "signature": _signature(config, cells),
        "cells": [
            {
                "cell": cell.name,
                "values": dict(cell.values),
                "languages": list(cell.languages),
                "size": cell.size,
                "win_rates": [
                    row
                    for judge, drawn in draws.items()
                    for row in win_rates(cell, contests, drawn, judge)
                ],
                "runs": [_run_row(run) for run in runs if run.cell is cell],
            }
            for cell in cells
        ],
        "scores": score_rows(cells, done),
        "findings": [
            finding_row(finding, cells, drawn, judge)
            for finding in config.findings
            for judge, drawn in draws.items()
        ],
        "failures": [
            {"run": run.name, "error": error, "log": str(run.log)}
            for run in runs
            if (error := run.error()) is not None
        ],
    }


def task_of(run: Run, config: StudyConfig) -> EvaluationTask:
    """The task that the study compares on, as the run has it."""
    return next(task for task in run.recipe.evaluate.tasks if task.name == config.task)


def _run_row(run: Run) -> dict[str, Any]:
    """What became of a run, its pairs and its costs."""
    error = run.error()
    row: dict[str, Any] = {"seed": run.seed, "folder": str(run.folder), "error": error}
    if error is not None:
        return row
    summary = RunSummary.read_from(run.folder)
    pairs = [round.pairs.kept for round in summary.rounds if round.pairs]
    return {
        **row,
        "rounds": summary.rounds[-1].round,
        "stopped": summary.stopped,
        "pairs": sum(pairs) if pairs else None,
        **costs_of(run.folder),
    }


def _signature(config: StudyConfig, cells: Sequence[Cell]) -> str:
    """How the numbers of a study were made."""
    task = next(t for t in cells[0].recipe.evaluate.tasks if t.name == config.task)
    return (
        f"win_rate|{config.task}|last policy against M0 of its run|n:{task.num_families or 'all'}"
        f"|judges:{','.join(_judge_name(judge) for judge in config.judges)}"
        "|oracle:grade, 0 in another language|ties:half|unknown:invalid"
        f"|seeds:{','.join(map(str, config.seeds))}|bootstrap:seeds then families"
        f"|resamples:{RESAMPLES}|v:{__version__}"
    )


def _judge_name(judge: JudgeConfig) -> str:
    """`name@revision` of a judge that is a model."""
    revision = "" if isinstance(judge, OracleConfig) else scorer_settings(judge).get("revision")
    return f"{judge.name}@{revision}" if revision else judge.name
