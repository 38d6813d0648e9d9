"""A study that was never run, of the product's own types, with a text that wants to be HTML."""

from typing import Any

from isoglot.report.results.study import (
    Study,
    StudyCell,
    StudyFailure,
    StudyFinding,
    StudyRun,
    StudyScore,
    StudyWinRate,
)

TRAINED = {"EN-1": ["en"], "ML-3": ["en", "sw", "ar"], "ML-3-5x": ["en", "sw", "ar"]}
SIZES = {"EN-1": 1200, "ML-3": 1200, "ML-3-5x": 6000}
LANGUAGES = ["ar", "en", "sw", "th"]
SEEDS = [1, 2, 3]
JUDGES = ["oracle", "reward_model"]


def make_study(hostile: str = "") -> Study:
    """Two methods by three sets of data; one cell has failed."""
    cells = [
        _cell(method, data, f"out of memory{hostile}" if is_last else None)
        for method in ("dpo", "rloo")
        for data in TRAINED
        for is_last in [(method, data) == ("rloo", "ML-3-5x")]
    ]
    return Study(
        name=f"rlhf-lab{hostile}",
        description=f"a grid{hostile}",
        recipe="rlhf-lab",
        task=f"lab_math{hostile}",
        seeds=SEEDS,
        judges=JUDGES,
        languages=LANGUAGES,
        dominant_language="en",
        signature=f"win_rate|lab_math{hostile}",
        cells=cells,
        scores=[
            row
            for task in ("lab_math", f"lab_open{hostile}")
            for metric in ("accuracy", "off_target_rate")
            for name in ("M0", *(cell.cell for cell in cells))
            for row in _scores(task, metric, name)
        ],
        findings=[
            _finding(f"more languages help{hostile}", judge, answer, place)
            for judge in JUDGES
            for place, answer in enumerate(("yes", "no", "undecided"))
        ],
        failures=[
            StudyFailure(run=f"{cell.cell}/seed-{run.seed}", error=run.error, log="x.log")
            for cell in cells
            for run in cell.runs
            if run.error
        ],
    )


def _cell(method: str, data: str, error: str | None) -> StudyCell:
    costs: dict[str, Any] = {
        "rounds": 1, "pairs": 1200, "seconds": {"train": 60.0, "evaluate": 20.5},
        "shared_seconds": {"evaluate": 12.0}, "written_tokens": 120_000,
        "trained_tokens": 80_000, "total_seconds": 80.5,
    }  # fmt: skip
    return StudyCell(
        cell=f"{method}+{data}",
        values={"method": method, "data": data},
        languages=TRAINED[data],
        size=SIZES[data],
        win_rates=[
            win_rate(judge, name, name in TRAINED[data], None if error else 0.45 + 0.02 * place)
            for judge in JUDGES
            for place, name in enumerate([*LANGUAGES, "all", "trained", "unseen"])
        ],
        runs=[
            StudyRun(seed=seed, folder="x", error=error, **({} if error else costs))
            for seed in SEEDS
        ],
    )


def win_rate(judge: str, language: str, trained: bool, value: float | None) -> StudyWinRate:
    rates = {
        f"{rate}{end}": None if value is None else value + by
        for rate in ("win_rate", "decided_win_rate")
        for end, by in {"": 0.0, "_low": -0.03, "_high": 0.04}.items()
    }
    return StudyWinRate(
        judge=judge, language=language, trained=trained, wins=60, ties=20, losses=18, invalid=2,
        n=98, off_target=0.05, base_off_target=None, win_rate_by_seed=[value] * 3,
        decided_win_rate_by_seed=[value] * 3, **rates,
    )  # fmt: skip


def _scores(task: str, metric: str, cell: str) -> list[StudyScore]:
    groups = ("mean", "tier:high", "tier:low", "worst", "democratisation", "trained", "unseen")
    change = {"change": 0.02, "change_low": -0.01, "change_high": 0.05, "change_by_seed": [0.02]}
    return [
        StudyScore(
            task=task, metric=metric, cell=cell, group=group, num_languages=4, value=0.4, low=0.37,
            high=0.44, by_seed=[0.4] * 3,
            **({} if cell == "M0" or group in ("worst", "democratisation") else change),
        )
        for group in groups
    ]  # fmt: skip


def _finding(claim: str, judge: str, answer: str, place: int) -> StudyFinding:
    value, low, high = ((0.03, 0.01, 0.05), (-0.02, -0.04, -0.01), (0.01, -0.01, 0.03))[place]
    return StudyFinding(
        claim=claim, judge=judge, better={"data": ["ML-3", "ML-3-5x"]}, than={"data": ["EN-1"]},
        languages=["all", "unseen", ["sw", "th"]][place],
        more_than_in=[None, "trained", None][place], margin=0.01 * (place == 2), value=value,
        low=low, high=high, by_seed=[value, None, value], answer=answer, num_comparisons=2,
        num_seeds=2,
    )  # fmt: skip
