"""Print preferences of a run to be read by eye, and what the filters dropped.

    python bench/real/pairs.py RUN [--num 30] [--round 0]

The pairs are drawn by a hash, the same number of every language and type, so that no one picks
the good ones. Prints counts by language, type and reason first.
"""

import argparse
import hashlib
from collections import Counter, defaultdict
from itertools import chain, zip_longest
from pathlib import Path

from isoglot.core.records import Dropped, Preference
from isoglot.core.store import read_shard


def main() -> None:
    """Print the counts, then the pairs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--num", type=int, default=30)
    parser.add_argument("--round", type=int, default=0)
    args = parser.parse_args()
    folder = args.run / f"round-{args.round}" / "filter"
    kept = [row for path in sorted(folder.glob("part-*")) for row in read_shard(path, Preference)]
    dropped = [
        row for path in sorted(folder.glob("dropped/part-*")) for row in read_shard(path, Dropped)
    ]
    counts = Counter((row.language, row.pair_type, "kept") for row in kept)
    counts.update((row.language, row.pair_type, row.reason) for row in dropped)
    for (tag, kind, reason), num in sorted(counts.items()):
        print(f"{tag:4} {kind:20} {reason:20} {num}")
    for num, row in enumerate(drawn(kept)[: args.num], 1):
        sides = f"{row.chosen_language} over {row.rejected_language}"
        print(f"\n{num}. {row.language} {row.pair_type}, {sides}")
        print(f"   prompt    {row.prompt[-1]['content']!r}")
        print(f"   chosen    {row.chosen_text!r}")
        print(f"   rejected  {row.rejected_text!r}")


def drawn(rows: list[Preference]) -> list[Preference]:
    """Order the pairs by a hash, taking one of each language and type in turn."""
    of_kind: dict[tuple[str, str], list[Preference]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: hashed(row.family, row.language, row.rejected_text)):
        of_kind[row.language, row.pair_type].append(row)
    turns = zip_longest(*(of_kind[kind] for kind in sorted(of_kind)))
    return [row for row in chain.from_iterable(turns) if row is not None]


def hashed(*parts: str) -> str:
    """Hash the parts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


if __name__ == "__main__":
    main()
