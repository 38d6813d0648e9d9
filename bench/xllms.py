"""Pool seeds of xLLMs-100: the change by instruction tuning and by cross-lingual feedback.

    python bench/xllms.py runs/xllms-1 runs/xllms-2 runs/xllms-3
    python bench/xllms.py RUN… --task almanac_cross --steps 0-1 1-2 0-2

For every step from one policy to a later one: exact accuracy and off-target rate before and after,
the paired change with its interval over problems (resampled for each seed), and the change by seed.
Groups of a cross-lingual task are by the language of the answer; `outside` are prompts of which
neither prompt nor answer is in a language of the last round.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from seeds import row

from isoglot.core.languages import LANGUAGES
from isoglot.core.records import Graded, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.evals.grading import grader_metric
from isoglot.line.task import read_graded

ACCURACY = grader_metric("accuracy", "exact")


class Direction(NamedTuple):
    """Languages of a prompt and of its answer."""

    language: str
    answer_language: str


Rows = list[tuple[Direction, Graded]]


def main() -> None:
    """Print one row for each group, of each step and task."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--task", nargs="+", default=["almanac", "almanac_cross"])
    parser.add_argument("--steps", nargs="+", default=["0-1", "1-2", "0-2"])
    args = parser.parse_args()
    recipe = json.loads((args.runs[0] / "run.json").read_text())["recipe"]
    feedback = set(recipe["rounds"][-1].get("languages", recipe["languages"]))
    for task in args.task:
        for step in args.steps:
            old, new = step.split("-")
            sides = [(rows_of(run, old, task), rows_of(run, new, task)) for run in args.runs]
            print(f"{task}, M{old} to M{new}: old %, new %, change (interval), by seed")
            for name, belongs in groups(feedback).items():
                pairs = [(of(after, belongs), of(before, belongs)) for before, after in sides]
                if all(new and old for new, old in pairs):
                    print(row(name, pairs, ACCURACY))
            before, after = (democracy([side[i] for side in sides]) for i in (0, 1))
            print(f"democratisation {before:.3f} to {after:.3f}\n")


def rows_of(run: Path, round: str, task: str) -> Rows:
    """Read the grades of a policy, each with the languages of its prompt."""
    folder = run / f"round-{round}" / "evaluate" / task
    prompts = (row for path in shard_paths(folder / "prompts") for row in read_shard(path, Prompt))
    directions = {
        (p.family, p.prompt_id): Direction(p.language, p.answer_language) for p in prompts
    }
    return [(directions[row.family, row.prompt_id], row) for row in read_graded(folder)]


def groups(feedback: set[str]) -> Mapping[str, Callable[[Direction], bool]]:
    """Map the name of a group to its members."""

    def is_low(tag: str) -> bool:
        return LANGUAGES[tag].tier == "low"

    return {
        "all": lambda _: True,
        "English": lambda direction: direction.answer_language == "en",
        "high, mid": lambda direction: not is_low(direction.answer_language),
        "low": lambda direction: is_low(direction.answer_language),
        "inside": lambda direction: {*direction} <= feedback,
        "outside": lambda direction: not {*direction} & feedback,
        "high to low": lambda direction: (
            not is_low(direction.language) and is_low(direction.answer_language)
        ),
        "low to high": lambda direction: (
            is_low(direction.language) and not is_low(direction.answer_language)
        ),
    }


def of(rows: Rows, belongs: Callable[[Direction], bool]) -> list[Graded]:
    """Select the rows of a group, as if they were of one language."""
    return [replace(graded, language="group") for direction, graded in rows if belongs(direction)]


def democracy(seeds: list[Rows]) -> float:
    """Divide mean accuracy over answer languages by that of the best one (arXiv:2305.07004)."""
    by_language: dict[str, list[float]] = {}
    for rows in seeds:
        for direction, graded in rows:
            if graded.metric == ACCURACY.name:
                by_language.setdefault(direction.answer_language, []).append(graded.value or 0.0)
    means = [sum(values) / len(values) for values in by_language.values()]
    return sum(means) / len(means) / max(means)


if __name__ == "__main__":
    main()
