"""Contamination: evaluation items in training rows, in every script.

It is measured as containment: the share of an item's n-grams that a row holds. A long row that
holds a test item is found, and one that only shares its words is not.
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
"""N-grams of more than `_WORDING` of a task's items, given `_MIN_ITEMS` of them, are the wording of
the task (instructions, worked examples), not content of an item."""


class EvaluationItem(NamedTuple):
    """A text of an evaluation set: a prompt, or a reference answer."""

    task: str
    language: str
    id: str
    """Id of the prompt, the same for its text and its gold."""
    text: str


def evaluation_items(task: str, prompts: Iterable[Prompt]) -> list[EvaluationItem]:
    """Return the prompts and gold answers of a task, each in its language.

    Only the last turn of a prompt counts, since worked examples come before it. A gold answer that
    is a number or a label is too short to be an item.
    """
    found = []
    for prompt in prompts:
        id = f"{prompt.family}/{prompt.prompt_id}"
        found.append(EvaluationItem(task, prompt.language, id, prompt.text))
        if prompt.gold is not None and len(bare(prompt.gold)) >= _GOLD_CHARS:
            found.append(EvaluationItem(task, prompt.answer_language, id, prompt.gold))
    return found


class Overlap(NamedTuple):
    """An item found in a row."""

    item: EvaluationItem
    share: float
    """Share of the item's n-grams that are in the row, 0 to 1."""


class EvaluationIndex:
    """The n-grams of evaluation items, by language; those of fewer than `min_grams` are unknown."""

    def __init__(
        self, items: Iterable[EvaluationItem], *, max_overlap: float, min_grams: int
    ) -> None:
        self.max_overlap = max_overlap
        self.num_items: dict[tuple[str, str], int] = {}
        """Evaluation prompts by task and language."""
        self.num_unknown: dict[tuple[str, str], int] = {}
        """Those of them without a text that is long enough, by task and language."""
        by_language: dict[str, list[tuple[EvaluationItem, Grams]]] = defaultdict(list)
        by_task: dict[tuple[str, str], list[EvaluationItem]] = defaultdict(list)
        for item in items:
            by_task[item.task, item.language].append(item)
        for (task, tag), of_task in by_task.items():
            texts = _without_wording(of_task, gram_chars(tag))
            found = [(item, grams) for item, grams in texts if len(grams) >= min_grams]
            ids = {item.id for item in of_task}
            self.num_items[task, tag] = len(ids)
            self.num_unknown[task, tag] = len(ids - {item.id for item, _ in found})
            by_language[tag] += found
        self._postings = {tag: _Postings(found) for tag, found in by_language.items() if found}

    def overlaps(self, text: str, tag: str) -> list[Overlap]:
        """Return the items of a language that a text holds, the largest share first."""
        postings = self._postings.get(tag)
        if postings is None:
            return []
        shares = postings.shares(ngrams(text, gram_chars(tag)))
        found = [
            Overlap(postings.items[index], float(shares[index]))
            for index in np.flatnonzero(shares >= self.max_overlap)
        ]
        return sorted(found, key=lambda each: (-each.share, each.item))


class ContaminationRates:
    """Counts of rows that hold items, and of items held, by task and language."""

    def __init__(self, index: EvaluationIndex) -> None:
        self.index = index
        self._num_rows: Counter[str] = Counter()
        self._num_hit: Counter[tuple[str, str]] = Counter()
        self._items: dict[tuple[str, str], set[str]] = defaultdict(set)

    def add(self, tags: Iterable[str], overlaps: Iterable[Overlap]) -> None:
        """Count a row that was searched for the items of these languages, and those it holds."""
        self._num_rows.update(tags)
        items = [overlap.item for overlap in overlaps]
        self._num_hit.update({(item.task, item.language) for item in items})
        for item in items:
            self._items[item.task, item.language].add(item.id)

    def table(self) -> list[dict[str, Any]]:
        """Return a row for each task and language; a rate is None where no row was searched."""
        return [
            {
                "task": task,
                "language": tag,
                "rows": num_rows,
                "contaminated": self._num_hit[task, tag],
                "rate": self._num_hit[task, tag] / num_rows if num_rows else None,
                "items": num,
                "found_items": len(self._items[task, tag]),
                "unknown_items": self.index.num_unknown[task, tag],
            }
            for (task, tag), num in sorted(self.index.num_items.items())
            for num_rows in [self._num_rows[tag]]
        ]


class _Postings:
    """An index from n-grams to items: the sorted n-grams, and the item of each."""

    def __init__(self, texts: Sequence[tuple[EvaluationItem, Grams]]) -> None:
        self.items = [item for item, _ in texts]
        self.sizes = np.array([len(grams) for _, grams in texts])
        grams = np.concatenate([grams for _, grams in texts])
        of_item = np.repeat(np.arange(len(texts)), self.sizes)
        order = np.argsort(grams, kind="stable")
        self._grams, self._of_item = grams[order], of_item[order]

    def shares(self, grams: Grams) -> NDArray[np.float64]:
        """Return the share of each item's n-grams that are in `grams`."""
        first = np.searchsorted(self._grams, grams, "left")
        num = np.searchsorted(self._grams, grams, "right") - first
        ends = np.cumsum(num)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + num, num)
        hits = np.bincount(self._of_item[places], minlength=len(self.items))
        return hits / self.sizes


def _without_wording(
    items: Sequence[EvaluationItem], num_chars: int
) -> list[tuple[EvaluationItem, Grams]]:
    """Return each item with its n-grams, without those of the wording of the task."""
    texts = [(item, ngrams(item.text, num_chars)) for item in items]
    num_items = len({item.id for item in items})
    if num_items < _MIN_ITEMS:
        return texts
    grams, counts = np.unique(np.concatenate([each for _, each in texts]), return_counts=True)
    wording = grams[counts > _WORDING * num_items]
    return [(item, np.setdiff1d(each, wording, assume_unique=True)) for item, each in texts]
