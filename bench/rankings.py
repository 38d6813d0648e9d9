"""Convert rankings by people to the format that `isoglot import-rankings` reads.

    python bench/rankings.py pandalm ../shared/data /tmp/pandalm.jsonl
    isoglot import-rankings /tmp/pandalm.jsonl --out /tmp/pandalm

PandaLM's test set (arXiv:2306.05087) has three annotators for each pair of answers; TaTA
(arXiv:2211.00142) has ratings of four systems' sentences on a table, in several languages.
"""

import gzip
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def main() -> None:
    name, data, out = sys.argv[1:]
    rows = {"pandalm": pandalm, "tata": tata}[name](Path(data))
    with Path(out).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def pandalm(data: Path) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each annotator; 0 is a tie."""
    for row in rows_of(data / "pandalm/testset.jsonl.gz"):
        answers = (row["response1"], row["response2"])
        item = {
            "id": row["idx"],
            "prompt": "\n\n".join(filter(None, (row["instruction"], row["input"]))),
            "completions": [a if isinstance(a, str) else json.dumps(a) for a in answers],
        }
        for who in ("annotator1", "annotator2", "annotator3"):
            ranks = {0: [1, 1], 1: [1, 2], 2: [2, 1]}[row[who]]
            yield {**item, "annotator": who, "ranks": ranks}


def tata(data: Path) -> Iterator[Mapping[str, Any]]:
    """Yield tables with two systems or more; ratings as in `rewards/preference_sets.py`."""
    prompts = {(r["lang"], r["id"]): r for r in rows_of(data / "tata/inputs.jsonl.gz")}
    items: dict[tuple[str, str], dict[str, tuple[str, float]]] = defaultdict(dict)
    for row in rows_of(data / "tata/human_ratings.jsonl.gz"):
        if row["interpretable"] is not None:
            rating = row["interpretable"] + (row["attributable"] or 0)
            items[row["lang"], row["id"]].setdefault(row["model"], (row["output"], rating))
    for (tag, table), systems in items.items():
        if len(systems) > 1:
            best_first = sorted({rating for _, rating in systems.values()}, reverse=True)
            yield {
                "id": f"{tag} {table}",
                "language": tag,
                "prompt": prompts[tag, table]["linearized_input"],
                "models": list(systems),
                "completions": [text for text, _ in systems.values()],
                "ranks": [1 + best_first.index(rating) for _, rating in systems.values()],
            }


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    main()
