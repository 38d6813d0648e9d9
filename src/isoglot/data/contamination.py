"""Contamination: evaluation items that stand in training rows, in every script.

Measured is containment: the share of an item's n-grams that a row holds. A long row that holds a
test question is found so, and one that only shares its words is not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isoglot.core.ngrams import Grams, bare, gram_chars, ngrams
from isoglot.core.records import Prompt

_GOLD_CHARS = 15
_WORDING = 0.1
_MIN_ITEMS = 20
"""What more than a tenth of a task's items say, where there are twenty, is how the task is worded
(instructions, worked examples), not what an item asks."""


class Item(NamedTuple):
    """A text of an evaluation set: a question, or a reference answer."""

    task: str
    language: str
    id: str
    """Of the prompt; its question and its gold share it."""
    text: str


def items_of(task: str, prompts: Iterable[Prompt]) -> list[Item]:
    """What prompts ask and which answer they want, each in its language.

    Of a prompt counts its last turn: before it stand worked examples. A gold answer that is a
    number or a label is too short to be an item, and is none.
    """
    found = []
    for prompt in prompts:
        id = f"{prompt.family}/{prompt.prompt_id}"
        found.append(Item(task, prompt.language, id, prompt.text))
        if prompt.gold is not None and len(bare(prompt.gold)) >= _GOLD_CHARS:
            found.append(Item(task, prompt.answer_language, id, prompt.gold))
    return found


class Overlap(NamedTuple):
    """An item that stands in a row."""

    item: Item
    share: float
    """Of the item's n-grams, those in the row, 0 to 1."""


class EvaluationIndex:
    """The n-grams of evaluation items, by language.

    An item with fewer than `min_grams` n-grams of its own is `unknown`: it says too little to be
    found, is counted, and drops nothing.
    """

    def __init__(self, items: Iterable[Item], *, max_overlap: float, min_grams: int) -> None:
        self.max_overlap = max_overlap
        self.num_items: dict[tuple[str, str], int] = {}
        """(task, language) → evaluation prompts."""
        self.num_unknown: dict[tuple[str, str], int] = {}
        """(task, language) → those of them that no text is long enough of."""
        by_language: dict[str, list[tuple[Item, Grams]]] = defaultdict(list)
        for (task, tag), of_task in _by_task(items).items():
            texts = _without_wording(of_task, gram_chars(tag))
            found = [(item, grams) for item, grams in texts if len(grams) >= min_grams]
            ids = {item.id for item in of_task}
            self.num_items[task, tag] = len(ids)
            self.num_unknown[task, tag] = len(ids - {item.id for item, _ in found})
            by_language[tag] += found
        self._postings = {tag: _Postings(found) for tag, found in by_language.items() if found}

    def overlaps(self, text: str, tag: str) -> list[Overlap]:
        """The items of a language that a text holds, those it holds most of first."""
        postings = self._postings.get(tag)
        if postings is None:
            return []
        shares = postings.shares(ngrams(text, gram_chars(tag)))
        found = [
            Overlap(postings.items[index], float(shares[index]))
            for index in np.flatnonzero(shares >= self.max_overlap)
        ]
        return sorted(found, key=lambda each: (-each.share, each.item))


class Rates:
    """How many rows hold items of which task and language, and how many items are held."""

    def __init__(self, index: EvaluationIndex) -> None:
        self.index = index
        self._num_rows: Counter[str] = Counter()
        self._num_hit: Counter[tuple[str, str]] = Counter()
        self._items: dict[tuple[str, str], set[str]] = defaultdict(set)

    def add(self, tags: Iterable[str], overlaps: Iterable[Overlap]) -> None:
        """A row in which the items of these languages were looked for, and those it holds."""
        self._num_rows.update(tags)
        items = [overlap.item for overlap in overlaps]
        self._num_hit.update({(item.task, item.language) for item in items})
        for item in items:
            self._items[item.task, item.language].add(item.id)

    def table(self) -> list[dict[str, Any]]:
        """A row for each task and language; a rate is None where no row was looked at."""
        return [
            {
                "task": task,
                "language": tag,
                "rows": self._num_rows[tag],
                "contaminated": self._num_hit[task, tag],
                "rate": _share(self._num_hit[task, tag], self._num_rows[tag]),
                "items": num,
                "found_items": len(self._items[task, tag]),
                "unknown_items": self.index.num_unknown[task, tag],
            }
            for (task, tag), num in sorted(self.index.num_items.items())
        ]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


class _Postings:
    """N-gram → items, as two arrays: one of sorted n-grams, one of the item that each is of."""

    def __init__(self, texts: Sequence[tuple[Item, Grams]]) -> None:
        self.items = [item for item, _ in texts]
        self.sizes = np.array([len(grams) for _, grams in texts])
        grams = np.concatenate([grams for _, grams in texts])
        of_item = np.repeat(np.arange(len(texts)), self.sizes)
        order = np.argsort(grams, kind="stable")
        self._grams, self._of_item = grams[order], of_item[order]

    def shares(self, grams: Grams) -> NDArray[np.float64]:
        """Of each item the share of its n-grams that are among these."""
        first = np.searchsorted(self._grams, grams, "left")
        num = np.searchsorted(self._grams, grams, "right") - first
        ends = np.cumsum(num)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + num, num)
        hits = np.bincount(self._of_item[places], minlength=len(self.items))
        return hits / self.sizes


def _by_task(items: Iterable[Item]) -> dict[tuple[str, str], list[Item]]:
    found: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        found[item.task, item.language].append(item)
    return found


def _without_wording(items: Sequence[Item], num_chars: int) -> list[tuple[Item, Grams]]:
    """Each item with its n-grams, without those of the wording of the task."""
    texts = [(item, ngrams(item.text, num_chars)) for item in items]
    num_items = len({item.id for item in items})
    if num_items < _MIN_ITEMS:
        return texts
    grams, counts = np.unique(np.concatenate([each for _, each in texts]), return_counts=True)
    wording = grams[counts > _WORDING * num_items]
    return [(item, np.setdiff1d(each, wording, assume_unique=True)) for item, each in texts]
