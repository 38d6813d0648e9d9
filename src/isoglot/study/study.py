"""A whole study: check its grid, make its runs, measure them, and write `study.json`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from isoglot.core.day import day_kept
from isoglot.core.store import read_done
from isoglot.core.version import __version__
from isoglot.evals.aggregate import RESAMPLES
from isoglot.execute.folder import owned_folder
from isoglot.models.scorers.load import scorer_settings
from isoglot.recipe.sections import EvaluationTask
from isoglot.report.results.study import Study, StudyBudget, StudyCell, StudyFailure, StudyRun
from isoglot.report.results.summary import RunSummary
from isoglot.study.contests import Judges, check_judges
from isoglot.study.grid import GridCell, OracleConfig, StudyConfig, cells_of, load_study
from isoglot.study.results import draw_win_rates, finding_row, win_rates
from isoglot.study.running import GridRun, grid_runs, run_all
from isoglot.study.scores import score_rows


def run_study(
    name_or_path: str,
    out: Path | None = None,
    *,
    num_processes: int = 1,
    redo: bool = False,
    silent: bool = False,
) -> tuple[Study, Path]:
    """Make the runs of a study that are not done; return its results and its folder.

    A run that fails stops no other: its error takes the place of its results.

    Raises:
        InputError: something is wrong with the study or a recipe of it; nothing was run.
    """
    config = load_study(name_or_path)
    cells = cells_of(config)
    root = out or Path("runs") / config.name
    runs = grid_runs(cells, root)
    check_judges(config.judges, _task_of(runs[0], config))
    begun = sorted(root.glob("*/seed-*/run.json"))
    with owned_folder(root, "study"), day_kept(*begun[:1]):
        errors = run_all(runs, num_processes=num_processes, redo=redo, silent=silent)
        study = _measure(config, cells, runs, errors, root)
        study.write(root / "study.json")
    return study, root


def _measure(
    config: StudyConfig,
    cells: Sequence[GridCell],
    runs: Sequence[GridRun],
    errors: Mapping[str, str | None],
    root: Path,
) -> Study:
    judges = Judges(config.judges, root, cells[0].recipe.all_languages)
    done = [run for run in runs if errors[run.name] is None]
    contests = {
        (run.cell.name, run.seed): judges.contest(run, _task_of(run, config)) for run in done
    }
    names = [judge.name for judge in config.judges]
    draws = {name: draw_win_rates(contests, name, config.seeds) for name in names}
    return Study(
        name=config.name,
        description=config.description,
        recipe=config.recipe,
        task=config.task,
        seeds=list(config.seeds),
        judges=names,
        languages=sorted(cells[0].recipe.all_languages),
        dominant_language=cells[0].recipe.dominant_language,
        signature=_signature(config, cells),
        budget=StudyBudget(**config.budget.model_dump()) if config.budget else None,
        cells=[
            StudyCell(
                cell=cell.name,
                values=dict(cell.values),
                languages=list(cell.languages),
                size=cell.size,
                win_rates=[
                    row
                    for judge, drawn in draws.items()
                    for row in win_rates(cell, contests, drawn, judge)
                ],
                runs=[_run_row(run, errors[run.name]) for run in runs if run.cell is cell],
            )
            for cell in cells
        ],
        scores=score_rows(cells, done),
        findings=[
            finding_row(finding, cells, drawn, judge)
            for finding in config.findings
            for judge, drawn in draws.items()
        ],
        failures=[
            StudyFailure(run=run.name, error=error, log=str(run.log))
            for run in runs
            if (error := errors[run.name]) is not None
        ],
    )


def _task_of(run: GridRun, config: StudyConfig) -> EvaluationTask:
    return next(task for task in run.recipe.evaluate.tasks if task.name == config.task)


def _run_row(run: GridRun, error: str | None) -> StudyRun:
    """Describe a run, with its pairs and its costs where it is done.

    The seconds of a stage are summed over rounds and tasks, and those of an interrupted stage are
    of the part that ended it.
    """
    if error is not None:
        return StudyRun(seed=run.seed, folder=str(run.folder), error=error)
    summary = RunSummary.read_from(run.folder)
    made: dict[str, float] = defaultdict(float)
    shared: dict[str, float] = defaultdict(float)
    for name in summary.seconds:
        stage = name.split("/")[1]
        done = read_done(run.folder / name) or {}
        is_taken = "taken_from" in done
        (shared if is_taken else made)[stage] += done.get("seconds", 0.0)
    pairs = [each.pairs.kept for each in summary.rounds if each.pairs]
    tokens = [each.tokens for each in summary.rounds if each.tokens]
    return StudyRun(
        seed=run.seed,
        folder=str(run.folder),
        error=None,
        rounds=summary.rounds[-1].round,
        stopped=summary.stopped,
        pairs=sum(pairs) if pairs else None,
        seconds={stage: round(value, 2) for stage, value in made.items()},
        shared_seconds={stage: round(value, 2) for stage, value in shared.items()},
        written_tokens=sum(each.written for each in tokens) if tokens else None,
        trained_tokens=sum(each.trained for each in tokens) if tokens else None,
        total_seconds=round(sum(made.values()), 2),
    )


def _signature(config: StudyConfig, cells: Sequence[GridCell]) -> str:
    """Describe how the win rates were measured, so that two studies can be compared."""
    task = next(t for t in cells[0].recipe.evaluate.tasks if t.name == config.task)
    names = []
    for judge in config.judges:
        revision = (
            None if isinstance(judge, OracleConfig) else scorer_settings(judge).get("revision")
        )
        names.append(f"{judge.name}@{revision}" if revision else judge.name)
    return (
        f"win_rate|{config.task}|last policy against M0 of its run|n:{task.num_families or 'all'}"
        f"|judges:{','.join(names)}"
        "|oracle:grade, 0 in another language|ties:half|unknown:invalid"
        f"|seeds:{','.join(map(str, config.seeds))}|bootstrap:seeds then families"
        f"|resamples:{RESAMPLES}|v:{__version__}"
    )
