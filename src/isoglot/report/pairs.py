"""A sample of the run's preference pairs, small enough for a page."""

import heapq
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.records import content_id

NUM_KEPT, NUM_DROPPED = 40, 20
MAX_CHARS = 3000
"""Longer texts are cut for the page, and say so."""

_COLUMNS = (
    "language", "prompt_id", "prompt", "chosen", "rejected", "chosen_text", "rejected_text",
    "reason", "pair_type", "chosen_model", "rejected_model", "chosen_language", "rejected_language",
    "score_chosen", "score_rejected",
)  # fmt: skip


def sample_pairs(run: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Up to 40 kept and 20 dropped pairs of each round and language, and a note per broken shard.

    The sample is drawn by content, so the same run always shows the same pairs.
    """
    pairs: list[dict[str, Any]] = []
    notes: list[str] = []
    for folder in sorted(run.glob("round-*"), key=_round_of):
        stage = folder / "filter"
        for shards, limit in ((stage, NUM_KEPT), (stage / "dropped", NUM_DROPPED)):
            rows = _read(sorted(shards.glob("part-*.parquet")), notes)
            kind = "dropped" if shards.name == "dropped" else "kept"
            pairs += [
                {"round": _round_of(folder), "kind": kind, **_shown(row)}
                for row in _drawn(rows, limit)
            ]
    return pairs, notes


def _round_of(folder: Path) -> int:
    digits = re.search(r"\d+$", folder.name)
    return int(digits.group()) if digits else 0


def _read(shards: Iterable[Path], notes: list[str]) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in shards:
        try:
            with pq.ParquetFile(shard) as file:
                columns = [name for name in _COLUMNS if name in file.schema_arrow.names]
                for batch in file.iter_batches(batch_size=256, columns=columns):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError):
            notes.append(f"{shard.parent.name}/{shard.name} could not be read and is not shown")


def _drawn(rows: Iterable[Mapping[str, Any]], limit: int) -> Iterator[Mapping[str, Any]]:
    """For each language the `limit` rows with the smallest content id: an even draw in one pass."""
    heaps: dict[str, list[tuple[int, int, Mapping[str, Any]]]] = {}
    for position, row in enumerate(rows):
        heap = heaps.setdefault(str(row.get("language")), [])
        key = content_id(str(row.get("prompt_id")), _text(row, "chosen"), _text(row, "rejected"))
        heapq.heappush(heap, (-int(key, 16), position, row))
        if len(heap) > limit:
            heapq.heappop(heap)
    for heap in heaps.values():
        yield from (row for _, _, row in sorted(heap, key=lambda entry: entry[1]))


def _text(row: Mapping[str, Any], side: str) -> str:
    messages: Sequence[Mapping[str, str]] = row.get(side) or ()
    return str(row.get(f"{side}_text") or (messages[-1]["content"] if messages else ""))


def _prompt(row: Mapping[str, Any]) -> str:
    messages: Sequence[Mapping[str, str]] = row.get("prompt") or ()
    if len(messages) == 1:
        return str(messages[0]["content"])
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARS:
        return text
    return f"{text[:MAX_CHARS]}… [{len(text) - MAX_CHARS} characters more]"


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the browser shows of a pair; absent columns are left out."""
    plain = {key: row[key] for key in _COLUMNS[7:] if row.get(key) not in (None, "")}
    return {
        "language": str(row.get("language")),
        "prompt": _cut(_prompt(row)),
        "chosen": _cut(_text(row, "chosen")),
        "rejected": _cut(_text(row, "rejected")),
        **plain,
    }
