"""Count where two evaluations of one model, by two engines, gave the same answers and choices.

    python bench/real/agree.py RUN OTHER

RUN and OTHER are folders of `isoglot evaluate` with the same tasks. An answer is the same if every
character is, a choice if the same continuation is likeliest. Greedy answers of two engines part
where two tokens are all but equally likely: the common beginning is printed as a share of the
longer answer. Margin is the difference of the two likeliest log-probabilities, in nats.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from statistics import fmean
from typing import Any

from isoglot.core.records import Choice, Completion
from isoglot.core.store import read_shard, shard_paths


def main() -> None:
    """Print a line for each task and language."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("other", type=Path)
    args = parser.parse_args()
    for done in sorted(args.run.glob("*/done.json")):
        task = done.parent.name
        for line in compare(args.run / task, args.other / task):
            print(f"{task:8} {line}")


def compare(run: Path, other: Path) -> Iterator[str]:
    """Compare the choices of a task, or else its answers, language by language."""
    is_choice = (run / "choices").is_dir()
    mine, others = (choices(x) if is_choice else answers(x) for x in (run, other))
    if mine.keys() != others.keys():
        raise SystemExit(f"{run} and {other} have other prompts: evaluate the same tasks")
    by_language: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    for (tag, prompt), found in mine.items():
        by_language[tag].append((found, others[tag, prompt]))
    for tag, pairs in by_language.items():
        yield f"{tag:4} {(choice_line if is_choice else answer_line)(pairs)}"


def choice_line(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> str:
    """Describe how often the likeliest choice is the same."""
    off = max(abs(mine[label] - other[label]) for mine, other in pairs for label in mine)
    split = [mine for mine, other in pairs if likeliest(mine) != likeliest(other)]
    margins = ", ".join(f"{margin(scores):.3f}" for scores in split)
    told = f"; margins of the others {margins}" if split else ""
    same = len(pairs) - len(split)
    return f"same choice {same}/{len(pairs)}, log-probabilities off by at most {off:.1e}{told}"


def answer_line(pairs: list[tuple[str, str]]) -> str:
    """Describe how often, and how far, two greedy answers are the same."""
    same = sum(mine == other for mine, other in pairs)
    return f"same answer {same}/{len(pairs)}, common beginning {fmean(map(common, pairs)):.2f}"


def common(pair: tuple[str, str]) -> float:
    """Return the length of the common beginning over that of the longer text."""
    equal = takewhile(lambda both: both[0] == both[1], zip(*pair, strict=False))
    return sum(1 for _ in equal) / max(1, *map(len, pair))


def likeliest(scores: dict[str, float]) -> str:
    """Return the label of the highest log-probability."""
    return max(scores, key=scores.__getitem__)


def margin(scores: dict[str, float]) -> float:
    """Return the difference of the two highest log-probabilities."""
    second, first = sorted(scores.values())[-2:]
    return first - second


def choices(task: Path) -> dict[tuple[str, str], dict[str, float]]:
    """Read language and prompt → label → log-probability."""
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for path in shard_paths(task / "choices"):
        for row in read_shard(path, Choice):
            assert row.log_probability is not None, row
            found[row.language, row.prompt_id][row.label] = row.log_probability
    return found


def answers(task: Path) -> dict[tuple[str, str], str]:
    """Read language and prompt → answer."""
    rows = (
        row for path in shard_paths(task / "completions") for row in read_shard(path, Completion)
    )
    return {(row.language, row.prompt_id): row.text for row in rows}


if __name__ == "__main__":
    main()
