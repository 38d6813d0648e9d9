"""What instruction tuning and cross-lingual feedback each change, pooled over seeds.

    python bench/xllms.py runs/xllms-1 runs/xllms-2 runs/xllms-3
    python bench/xllms.py RUN… --task almanac_cross --steps 0-1 1-2 0-2

Of every step from one policy to a later one: exact accuracy and off-target rate before and after,
the paired change with its interval over problems (of each seed for itself), and the change by seed.
Groups of a cross-lingual task go by the language of the answer; `outside` are prompts that neither
ask nor are answered in a language of the last round.
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


class Asked(NamedTuple):
    """What a question is in, and what its answer is asked in."""

    language: str
    answer_language: str


Rows = list[tuple[Asked, Graded]]


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
            print(f"democratisation {democracy([s[0] for s in sides]):.3f} to "
                  f"{democracy([s[1] for s in sides]):.3f}\n")  # fmt: skip


def rows_of(run: Path, round: str, task: str) -> Rows:
    """The grades of a policy, each with the languages of its question."""
    folder = run / f"round-{round}" / "evaluate" / task
    prompts = (row for path in shard_paths(folder / "prompts") for row in read_shard(path, Prompt))
    asked = {(p.family, p.prompt_id): Asked(p.language, p.answer_language) for p in prompts}
    return [(asked[row.family, row.prompt_id], row) for row in read_graded(folder)]


def groups(feedback: set[str]) -> Mapping[str, Callable[[Asked], bool]]:
    """Name to which questions belong."""

    def is_low(tag: str) -> bool:
        return LANGUAGES[tag].tier == "low"

    return {
        "all": lambda _: True,
        "English": lambda asked: asked.answer_language == "en",
        "high, mid": lambda asked: not is_low(asked.answer_language),
        "low": lambda asked: is_low(asked.answer_language),
        "inside": lambda asked: {*asked} <= feedback,
        "outside": lambda asked: not {*asked} & feedback,
        "high to low": lambda asked: not is_low(asked.language) and is_low(asked.answer_language)
        and asked.language != asked.answer_language,
        "low to high": lambda asked: is_low(asked.language) and not is_low(asked.answer_language),
    }  # fmt: skip


def of(rows: Rows, belongs: Callable[[Asked], bool]) -> list[Graded]:
    """The rows of a group, as if they were of one language."""
    return [replace(graded, language="group") for asked, graded in rows if belongs(asked)]


def democracy(seeds: list[Rows]) -> float:
    """Mean accuracy over languages (of the answer) over that of the best (arXiv:2305.07004)."""
    by_language: dict[str, list[float]] = {}
    for rows in seeds:
        for asked, graded in rows:
            if graded.metric == ACCURACY.name:
                by_language.setdefault(asked.answer_language, []).append(graded.value or 0.0)
    means = [sum(values) / len(values) for values in by_language.values()]
    return sum(means) / len(means) / max(means)


if __name__ == "__main__":
    main()
