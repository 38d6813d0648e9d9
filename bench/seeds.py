"""Pool several seeds: paired changes to M0 over the runs of one recipe.

Run after the runs, one folder for each seed; with --base, M0 is that of other runs (same order):

    python bench/seeds.py runs/main-1 runs/main-2 runs/main-3
    python bench/seeds.py runs/sft-1 runs/sft-2 --base runs/main-1 runs/main-2

The interval resamples problems, independently for each seed; the changes by seed follow it. An
answer that the new policy left unknown counts as 0, as in `evals/aggregate.compare`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from isoglot.core.records import Graded
from isoglot.evals.aggregate import compare
from isoglot.evals.grading import OFF_TARGET_RATE, grader_metric
from isoglot.evals.metric import Metric
from isoglot.line.task import read_graded

ACCURACY = grader_metric("accuracy", "last_number")


def main() -> None:
    """Print one row for each language and group, and policy."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--base", nargs="+", type=Path, help="whose M0 is compared with")
    parser.add_argument("--task", default="lab_math")
    args = parser.parse_args()
    recipe = json.loads((args.runs[0] / "run.json").read_text())["recipe"]
    dominant, unseen = recipe["dominant_language"], recipe["unseen_languages"]
    trained = [tag for tag in recipe["languages"] if tag != dominant]
    single = {tag: [tag] for tag in (dominant, *trained, *unseen)}
    groups = {**single, "trained": trained, "never trained": unseen}
    where = f"evaluate/{args.task}"
    old = [read_graded(run / "round-0" / where) for run in args.base or args.runs]
    for path in sorted(args.runs[0].glob(f"round-[1-9]*/{where}")):
        policy = path.relative_to(args.runs[0]).parts[0]
        new = [read_graded(run / policy / where) for run in args.runs]
        print(f"M{policy.removeprefix('round-')}: old %, new %, change (interval), by seed")
        for name, tags in groups.items():
            print(row(name, [(of(n, tags), of(o, tags)) for n, o in zip(new, old, strict=True)]))


def of(graded: list[Graded], tags: list[str]) -> list[Graded]:
    """Select the rows of a group, as if they were of one language."""
    return [replace(row, language="group") for row in graded if row.language in tags]


def row(
    name: str, pairs: list[tuple[list[Graded], list[Graded]]], metric: Metric = ACCURACY
) -> str:
    """Format a line of the table; `pairs` are new and old of each seed."""
    seeds = [compare(new, old, [metric], seed=0)[0].value for new, old in pairs]
    new, old = (
        [named for rows in side for named in rows] for side in zip(*apart(pairs), strict=True)
    )
    all_seeds = compare(new, old, [metric], seed=0)[0]
    bounds = f"({100 * all_seeds.low:+.1f} to {100 * all_seeds.high:+.1f})"
    by_seed = ", ".join(f"{100 * value:+.1f}" for value in seeds)
    off = [100 * mean(side, OFF_TARGET_RATE.name) for side in (old, new)]
    means = f"{100 * mean(old):.1f} {100 * mean(new):.1f} off {off[0]:.1f} {off[1]:.1f}"
    return f"{name:14} {means} {100 * all_seeds.value:+.1f} {bounds}  {by_seed}"


def apart(pairs: list[tuple[list[Graded], list[Graded]]]) -> list[tuple[list[Graded], ...]]:
    """Return the same, with families that no two seeds share."""
    return [
        tuple([replace(r, family=f"{seed} {r.family}") for r in side] for side in pair)
        for seed, pair in enumerate(pairs)
    ]


def mean(graded: list[Graded], metric: str = ACCURACY.name) -> float:
    """Average the known values of a metric, 0 to 1."""
    known = [row.value for row in graded if row.metric == metric and row.value is not None]
    return sum(known) / len(known)


if __name__ == "__main__":
    main()
