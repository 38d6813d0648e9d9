"""Measure the length-controlled win-rate against AlpacaEval 2's, by how much is fitted together.

    python bench/length_control.py --data ../shared/data

Every model of the annotations that is on the leaderboard counts. Random groups of models stand for
languages that are fitted together; the 95 % interval draws prompts.
"""

import argparse
import csv
import gzip
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from isoglot.core.stats import estimate
from isoglot.judging.length_control import Compared, is_identified, length_controlled_values

ANNOTATOR, BASELINE = "weighted_alpaca_eval_gpt4_turbo", "gpt4_1106_preview"
GROUPS = ((3, 10), (5, 10), (8, 8), (12, 5), (20, 3))
"""Models fitted together, and how many groups of them are drawn."""


class Listed(NamedTuple):
    """A model of the leaderboard, with its comparisons with the baseline."""

    published: float
    compared: Compared


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--resamples", type=int, default=300)
    options = parser.parse_args()
    models = _read(options.data / "alpacaeval_annotations")
    draw = random.Random(1)
    balanced = [model for model in models if is_identified([model.compared])[0]]
    fits = {
        "alone": [[model] for model in models],
        "alone, answers about as long": [[model] for model in balanced],
        **{f"{n} together, {num} groups": _draw(models, n, num, draw) for n, num in GROUPS},
        "all together": [models],
    }
    print("| fit | comparisons | mean error (max), points | interval holds it | half width |")
    print("|---" * 5 + "|")
    for name, some in (("none: the plain win-rate", models), ("none, of these", balanced)):
        plain = [abs(100 * np.mean(m.compared.preferences) - m.published) for m in some]
        print(f"| {name} | {len(some)} | {np.mean(plain):.2f} ({max(plain):.1f}) | | |")
    for name, groups in fits.items():
        found = [row for group in groups for row in _errors(group, options.resamples)]
        error, held, half = map(np.array, zip(*found, strict=True))
        print(
            f"| {name} | {len(found)} | {error.mean():.2f} ({error.max():.1f}) "
            f"| {held.mean():.0%} | {half.mean():.1f} |",
            flush=True,
        )


def _errors(group: list[Listed], resamples: int) -> list[tuple[float, bool, float]]:
    """Return error, if the interval holds the published value, and half its width, in points."""
    columns = length_controlled_values([m.compared for m in group], seed=1, resamples=resamples)
    found = []
    for model, column in zip(group, columns.T, strict=True):
        num = len(set(model.compared.families))
        value, low, high = (100 * each for each in estimate(column, num))
        holds = low <= model.published <= high
        found.append((abs(value - model.published), holds, (high - low) / 2))
    return found


def _draw(models: list[Listed], size: int, num: int, draw: random.Random) -> list[list[Listed]]:
    return [draw.sample(models, size) for _ in range(num)]


def _read(folder: Path) -> list[Listed]:
    with (folder / f"published_leaderboard.{ANNOTATOR}.csv").open(encoding="utf-8") as file:
        listed = {row[""]: float(row["length_controlled_winrate"]) for row in csv.DictReader(file)}
    rows: dict[str, list[dict]] = defaultdict(list)
    with gzip.open(folder / f"{ANNOTATOR}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["preference"] is not None:
                rows[row["model"]].append(row)
    return [
        Listed(
            listed[model],
            Compared(
                [row["index"] for row in some],
                [0.5 if row["preference"] == 0 else row["preference"] - 1 for row in some],
                [row["len_2"] - row["len_1"] for row in some],
            ),
        )
        for model, some in sorted(rows.items())
        if model in listed and model != BASELINE
    ]


if __name__ == "__main__":
    main()
