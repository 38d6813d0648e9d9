"""How often the answer that a scorer prefers is the right one, in the lab, by language.

Run: python bench/scorers.py OUT [NUM_FAMILIES]

One run on the lab's validation problems samples eight answers to each prompt and scores them by
every scorer that needs no judge. Of the prompts whose answers with the highest and the lowest
reward differ in grade: the share where the highest is right, its exact interval, n, and the number
of prompts where both are right or both wrong.
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

from scipy.stats import binomtest

from isoglot.core.records import Completion, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.evals.graders import GRADERS
from isoglot.line.pipeline import run_recipe
from isoglot.recipe.recipe import load_recipe

TRANSLATOR = {"path": "lab:translator"}
OTHER = {"reference": "another_family"}
SCORERS = {
    "agreement": {"kind": "agreement", "grader": "last_number"},
    "similarity, policy": {"kind": "similarity"},
    "similarity, translator": {"kind": "similarity", **TRANSLATOR},
    "similarity, other family": {"kind": "similarity", **TRANSLATOR, **OTHER},
    "consistency, policy": {"kind": "consistency"},
    "consistency, translator": {"kind": "consistency", **TRANSLATOR},
    "translation": {"kind": "translation_likelihood", **TRANSLATOR},
    "translation, other family": {"kind": "translation_likelihood", **TRANSLATOR, **OTHER},
    "implicit, teacher over policy": {
        "kind": "implicit_reward",
        "policy": "lab:teacher",
        "reference": "lab:policy",
    },
    "length": {"kind": "length"},
}
SETTINGS = {
    "score.scorers": [
        *({**settings, "name": name, "weight": 0} for name, settings in SCORERS.items()),
        {"kind": "language_match"},
    ],
    "languages": ["en", "de", "fr", "sw"],
    "unseen_languages": [],
    "rounds": 1,
    "train": None,
    "evaluate.tasks": [],
    "evaluate.validation": None,
    "families_per_shard": 100,
    "prompts.source.split": "validation",
}


def main(out: Path, num_families: int) -> None:
    """Score the answers, and print a line for each scorer."""
    recipe = load_recipe("xsc-lab", {**SETTINGS, "prompts.num_families": num_families})
    run_recipe(recipe, out, silent=True)
    folder = out / "round-0"
    gold = {
        (row.family, row.prompt_id): row.gold
        for path in shard_paths(folder / "prompts")
        for row in read_shard(path, Prompt)
    }
    groups: dict[tuple[str, str, str], list[tuple[Completion, float]]] = defaultdict(list)
    for path in shard_paths(folder / "score"):
        for row in read_shard(path, Completion):
            grade = GRADERS["last_number"](row.text, gold[row.family, row.prompt_id])
            if row.finish_reason == "stop" and grade is not None:
                groups[row.language, row.family, row.prompt_id].append((row, grade))
    for name in SCORERS:
        cells = [
            cell(name, [g for key, g in groups.items() if key[0] == tag])
            for tag in recipe.languages
        ]
        print(f"| {name} | {' | '.join(cells)} |")


def cell(name: str, groups: list[list[tuple[Completion, float]]]) -> str:
    """The share of right preferences, its interval, n, and the prompts without a difference."""
    found: Counter[str] = Counter()
    for group in groups:
        known = [
            (row.rewards[name], grade) for row, grade in group if row.rewards[name] is not None
        ]
        if len({reward for reward, _ in known}) > 1:
            best, worst = (pick(known, key=lambda each: each[0])[1] for pick in (max, min))
            found["same" if best == worst else "right" if best > worst else "wrong"] += 1
    n = found["right"] + found["wrong"]
    if not n:
        return "–"
    low, high = binomtest(found["right"], n).proportion_ci()
    return f"{found['right'] / n:.2f} ({low:.2f}–{high:.2f}), {n}, {found['same']}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 300)
