"""The browser of a page: a sample of texts, one card each, that a reader filters and searches."""

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from isoglot.core.records import content_id

MAX_CHARS = 3000
"""Longer texts are cut for the page, and say so."""

Side = Mapping[str, str]
"""A text of a card: `name` (one of the style sheet's), `note` above it, `text`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facet:
    """Something that cards are filtered by; a card has its value under `key` in `facets`."""

    key: str
    title: str
    values: Sequence[tuple[str, str]]
    """Value and what a reader sees, in order."""
    selected: str = ""
    """The value at the start; empty shows all."""


@dataclass(frozen=True, slots=True)
class Card:
    """A prompt with its texts, and where it stands."""

    facets: Mapping[str, str]
    meta: str
    prompt: str
    sides: Sequence[Side]
    flag: str = ""
    """What a reader should see first, such as why a pair was dropped."""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Browser:
    """Cards and their facets; `missing` says why there are none."""

    title: str
    caption: str
    missing: str
    noun: str
    """What the cards are, in the plural."""
    cards: Sequence[Card] = ()
    facets: Sequence[Facet] = field(default_factory=tuple)

    def data(self) -> dict[str, Any]:
        """What the page's script reads."""
        return {
            "noun": self.noun,
            "facets": [
                {"key": f.key, "values": list(f.values), "selected": f.selected}
                for f in self.facets
            ],
            "cards": [
                {
                    "facets": card.facets,
                    "meta": card.meta,
                    "flag": card.flag,
                    "language": card.language,
                    "prompt": card.prompt,
                    "sides": list(card.sides),
                }
                for card in self.cards
            ],
        }


def read_rows(
    shards: Iterable[Path], columns: Sequence[str], notes: list[str]
) -> Iterator[Mapping[str, Any]]:
    """The rows of Parquet shards, one batch in memory at a time; absent columns are left out.

    A shard that cannot be read is a note: a page of what is there beats none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for shard in shards:
        try:
            with pq.ParquetFile(shard) as file:
                present = [name for name in columns if name in file.schema_arrow.names]
                for batch in file.iter_batches(batch_size=1024, columns=present):
                    yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError):
            notes.append(f"{shard.parent.name}/{shard.name} could not be read and is not shown")


def drawn(
    rows: Iterable[T], limit: int, cell: Callable[[T], Hashable], key: Callable[[T], Sequence[str]]
) -> Iterator[T]:
    """For each cell the `limit` rows with the smallest content id of `key`, in one pass.

    An even draw that is the same each time, in the order of the rows.
    """
    heaps: dict[Hashable, list[tuple[int, int, T]]] = {}
    for position, row in enumerate(rows):
        heap = heaps.setdefault(cell(row), [])
        heapq.heappush(heap, (-int(content_id(*key(row)), 16), position, row))
        if len(heap) > limit:
            heapq.heappop(heap)
    for heap in heaps.values():
        yield from (row for _, _, row in sorted(heap, key=lambda entry: entry[1]))


def conversation(row: Mapping[str, Any]) -> str:
    """The messages of a row's `prompt`; roles are named where there is more than one message."""
    messages: Sequence[Mapping[str, str]] = row.get("prompt") or ()
    if len(messages) == 1:
        return str(messages[0]["content"])
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)


def cut(text: str) -> str:
    """A text short enough for a page; says how much is missing."""
    if len(text) <= MAX_CHARS:
        return text
    return f"{text[:MAX_CHARS]}… [{len(text) - MAX_CHARS} characters more]"
