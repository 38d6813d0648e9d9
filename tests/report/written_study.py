"""A study that was never run: what `study.json` holds, with a text that wants to be HTML."""

from typing import Any

TRAINED = {"EN-1": ["en"], "ML-3": ["en", "sw", "ar"], "ML-3-5x": ["en", "sw", "ar"]}
SIZES = {"EN-1": 1200, "ML-3": 1200, "ML-3-5x": 6000}
LANGUAGES = ["ar", "en", "sw", "th"]
SEEDS = [1, 2, 3]


def study(
    hostile: str = "", judges: tuple[str, ...] = ("oracle", "reward_model")
) -> dict[str, Any]:
    """Two methods by three sets of data; one cell has failed."""
    cells = [
        _cell(method, data, judges, failed=(method, data) == ("rloo", "ML-3-5x"), hostile=hostile)
        for method in ("dpo", "rloo")
        for data in TRAINED
    ]
    failures = [
        {"run": f"rloo+ML-3-5x/seed-{seed}", "error": f"out of memory{hostile}", "log": "x.log"}
        for seed in SEEDS
    ]
    return {
        "name": f"rlhf-lab{hostile}",
        "description": f"a grid{hostile}",
        "recipe": "rlhf-lab",
        "task": f"lab_math{hostile}",
        "seeds": SEEDS,
        "judges": list(judges),
        "languages": LANGUAGES,
        "dominant_language": "en",
        "signature": f"win_rate|lab_math{hostile}",
        "cells": cells,
        "scores": [
            row
            for task in ("lab_math", f"lab_open{hostile}")
            for metric in ("accuracy", "off_target_rate")
            for name in ("M0", *(cell["cell"] for cell in cells))
            for row in _scores(task, metric, name)
        ],
        "findings": [
            _finding(f"more languages help{hostile}", judge, answer, i)
            for judge in judges
            for i, answer in enumerate(("yes", "no", "undecided"))
        ],
        "failures": failures,
    }


def _cell(
    method: str, data: str, judges: tuple[str, ...], *, failed: bool, hostile: str
) -> dict[str, Any]:
    error = f"out of memory{hostile}" if failed else None
    run = {"folder": "x", "error": error}
    costs = {
        "rounds": 1, "stopped": None, "pairs": 1200, "seconds": {"train": 60.0, "evaluate": 20.5},
        "shared_seconds": {"evaluate": 12.0}, "tokens": {"generate": 120_000},
        "total_seconds": 80.5,
    }  # fmt: skip
    return {
        "cell": f"{method}+{data}",
        "values": {"method": method, "data": data},
        "languages": TRAINED[data],
        "size": SIZES[data],
        "win_rates": [
            _row(judge, name, name in TRAINED[data], None if failed else 0.45 + 0.02 * place)
            for judge in judges
            for place, name in enumerate([*LANGUAGES, "all", "trained", "unseen"])
        ],
        "runs": [{**run, "seed": seed, **({} if failed else costs)} for seed in SEEDS],
    }


def _row(judge: str, language: str, trained: bool, value: float | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "judge": judge, "language": language, "trained": trained, "wins": 60, "ties": 20,
        "losses": 18, "invalid": 2, "n": 98, "off_target": 0.05, "base_off_target": None,
    }  # fmt: skip
    for rate in ("win_rate", "decided_win_rate"):
        ends = {"": 0.0, "_low": -0.03, "_high": 0.04}
        row |= {f"{rate}{k}": None if value is None else value + by for k, by in ends.items()}
        row[f"{rate}_by_seed"] = [value, value, value]
    return row


def _scores(task: str, metric: str, cell: str) -> list[dict[str, Any]]:
    groups = ("mean", "tier:high", "tier:low", "worst", "democratisation", "trained", "unseen")
    row = {"task": task, "metric": metric, "cell": cell, "num_languages": 4, "value": 0.4,
           "low": 0.37, "high": 0.44, "by_seed": [0.4, 0.4, 0.4]}  # fmt: skip
    change = {"change": 0.02, "change_low": -0.01, "change_high": 0.05,
              "change_by_seed": [0.02, 0.02, 0.02]}  # fmt: skip
    changed = {} if cell == "M0" else change
    return [
        {**row, "group": group, **({} if group in ("worst", "democratisation") else changed)}
        for group in groups
    ]


def _finding(claim: str, judge: str, answer: str, place: int) -> dict[str, Any]:
    values = {
        "yes": (0.03, 0.01, 0.05),
        "no": (-0.02, -0.04, -0.01),
        "undecided": (0.01, -0.01, 0.03),
    }
    value, low, high = values[answer]
    return {
        "claim": claim, "judge": judge, "better": {"data": ["ML-3", "ML-3-5x"]},
        "than": {"data": ["EN-1"]}, "languages": ["all", "unseen", ["sw", "th"]][place],
        "more_than_in": [None, "trained", None][place],
        "margin": 0.01 * (place == 2), "value": value, "low": low, "high": high,
        "by_seed": [value, None, value], "answer": answer, "num_comparisons": 2, "num_seeds": 2,
    }  # fmt: skip
