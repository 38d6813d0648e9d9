"""Cards of samples: a prompt with its texts, that a reader filters by facets and searches.

An adapter (`cards/answers.py`, `cards/pairs.py`, …) reads a folder with `RecordReader`, draws some
records of each kind with `sample`, and makes a `Card` of each.

Texts come from models: the page's script shows them as text only.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from isoglot.core.errors import InputError
from isoglot.core.records import Message, OfPrompt, PromptKey, content_id, prompt_key
from isoglot.core.store import read_shard, shard_paths
from isoglot.report.results.names import language_name, text_direction

MAX_CHARS = 3000
"""Longer texts are cut for the page, and say so."""

_T = TypeVar("_T")
_P = TypeVar("_P", bound=OfPrompt)


@dataclass(frozen=True, slots=True)
class Side:
    """A text of a card; `name` is one of the style sheet's: answer, gold, chosen, rejected,
    first, second."""

    name: str
    note: str
    """Shown above the text."""
    text: str
    language: str = ""
    """The text's language, where it is not that of the card; `und` where it is not known."""
    thought: str = ""
    """The thought before the text, which is shown folded."""
    thought_language: str = "und"


@dataclass(frozen=True, slots=True)
class Card:
    """A prompt with its texts, and where it comes from."""

    facets: Mapping[str, str]
    """Key of a facet → value."""
    meta: str
    prompt: str
    sides: Sequence[Side]
    flag: str = ""
    """Shown in bold, such as the reason a pair was dropped."""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Facet:
    """A property that cards are filtered by."""

    key: str
    title: str
    values: Mapping[str, str]
    """Value → what the reader sees, in order."""
    selected: str = ""
    """The value at the start; empty shows all."""


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of a page and their facets; `missing` says why there are none."""

    title: str
    caption: str
    missing: str
    noun: str
    """A plural for the cards, such as `answers`."""
    cards: Sequence[Card] = ()
    facets: Sequence[Facet] = ()

    def content(self) -> dict[str, object]:
        """Return what the page's script reads, as JSON values."""
        facets = [
            {"key": f.key, "values": list(f.values.items()), "selected": f.selected}
            for f in self.facets
        ]
        tags = {card.language for card in self.cards}
        sides = [side for card in self.cards for side in card.sides]
        tags |= {side.language for side in sides}
        tags |= {side.thought_language for side in sides if side.thought}
        return {
            "noun": self.noun,
            "facets": facets,
            "cards": [asdict(card) for card in self.cards],
            "directions": {tag: text_direction(tag) for tag in sorted(tags)},
        }


def no_cards(missing: str) -> Cards:
    """The place of prompts and answers on a page that shows none."""
    return Cards("Prompts and answers", "", missing, "answers")


def language_facet(cards: Iterable[Card], *, starts_at_first: bool = False) -> Facet:
    """The languages of the cards, by name."""
    tags = sorted({card.language for card in cards}, key=language_name)
    selected = next(iter(tags), "") if starts_at_first else ""
    return Facet("language", "Language", {tag: language_name(tag) for tag in tags}, selected)


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads the records of a folder, and of the later turns of its conversations.

    A shard that cannot be read is a note: a page of the others is better than none.
    """

    folder: Path
    notes: list[str]

    def read(self, name: str, record: type[_T]) -> Iterator[_T]:
        """The records of a file or of a folder's shards, one shard in memory at a time."""
        for place in (self.folder, *sorted(self.folder.glob("turn-*"))):
            path = place / name
            for shard in [path] if path.is_file() else shard_paths(path):
                try:
                    yield from read_shard(shard, record)
                except InputError:
                    note = f"{shard.parent.name}/{shard.name} could not be read and is not shown"
                    self.notes.append(note)

    def by_prompt(
        self, name: str, record: type[_P], wanted: Iterable[OfPrompt]
    ) -> dict[PromptKey, _P]:
        """Prompt → its record, for the prompts of `wanted`."""
        keys = {prompt_key(row) for row in wanted}
        return {prompt_key(row): row for row in self.read(name, record) if prompt_key(row) in keys}


def sample(
    read: Callable[[], Iterable[_T]],
    kind: Callable[[_T], Hashable],
    key: Callable[[_T], Sequence[str]],
    num: int,
) -> list[_T]:
    """At most `num` rows in all, or two of each kind where that is more; the same ones each time.

    As many of each kind as there is room for: what a rare kind leaves free goes to the others.
    `read` is called twice: once to count the kinds, once to draw.
    """
    counts = Counter(map(kind, read()))
    limit, room = 0, num
    for place, count in enumerate(sorted(counts.values())):
        limit = room // (len(counts) - place)
        if count >= limit:
            break
        room -= count
    return list(drawn(read(), max(2, limit), kind, key))


def drawn(
    rows: Iterable[_T],
    limit: int,
    kind: Callable[[_T], Hashable],
    key: Callable[[_T], Sequence[str]],
) -> Iterator[_T]:
    """The `limit` rows of each kind with the smallest content ids of `key`, in one pass."""
    heaps: dict[Hashable, list[tuple[int, int, _T]]] = {}
    for position, row in enumerate(rows):
        heap = heaps.setdefault(kind(row), [])
        heapq.heappush(heap, (-int(content_id(*key(row)), 16), position, row))
        if len(heap) > limit:
            heapq.heappop(heap)
    for heap in heaps.values():
        yield from (row for _, _, row in sorted(heap, key=lambda entry: entry[1]))


def conversation(messages: Sequence[Message]) -> str:
    """The messages of a prompt, cut; roles are named where there is more than one message."""
    if len(messages) == 1:
        return cut(messages[0]["content"])
    return cut("\n\n".join(f"{message['role']}: {message['content']}" for message in messages))


def join_facts(facts: Iterable[str | None]) -> str:
    """The facts that are there, with dots between them."""
    return " · ".join(fact for fact in facts if fact)


def cut(text: str) -> str:
    """A text short enough for a page; says how much is missing."""
    if len(text) <= MAX_CHARS:
        return text
    return f"{text[:MAX_CHARS]}… [{len(text) - MAX_CHARS} characters more]"
