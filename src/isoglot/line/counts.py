"""Rows that a stage kept and dropped, counted by language from its shards."""

from collections import Counter
from pathlib import Path
from typing import Any

from isoglot.core.records import Dropped
from isoglot.core.store import DROPPED, read_shard, shard_paths


def count_by_language(folder: Path, record: Any) -> dict[str, dict[str, Any]]:
    """Count the rows of a stage: answer language → `kept`, and `dropped` by reason."""
    kept: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {}
    for path in shard_paths(folder):
        kept.update(row.answer_language for row in read_shard(path, record))
        for row in read_shard(folder / DROPPED / path.name, Dropped):
            dropped.setdefault(row.language, Counter())[row.reason] += 1
    return {
        tag: {"kept": kept[tag], "dropped": dict(sorted(dropped.get(tag, {}).items()))}
        for tag in sorted({*kept, *dropped})
    }


def totals(by_language: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Add up the counts of all languages, and keep those of each."""
    dropped = sum((Counter(row["dropped"]) for row in by_language.values()), Counter[str]())
    return {
        "kept": sum(row["kept"] for row in by_language.values()),
        "dropped": dict(dropped),
        "by_language": by_language,
    }
