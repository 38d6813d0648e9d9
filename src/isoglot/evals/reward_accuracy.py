"""How often the pairing rule is right: does the grader, too, put chosen above rejected?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isoglot.core.records import Preference, Prompt
from isoglot.core.stats import interval_of, ratio
from isoglot.evals.grade import Grader

ALL = "all"


@dataclass(frozen=True, slots=True)
class RewardAccuracy:
    """How often the grader, too, puts chosen above rejected, among pairs that it tells apart."""

    language: str
    """A tag, or `all`."""
    value: float | None
    """0 to 1; None, as `low` and `high`, where the grader tells no pair apart."""
    low: float | None
    high: float | None
    n: int
    ties: int
    """Pairs whose sides are graded alike: kept out of `n`."""
    unknown: int
    """Pairs with a side that has no grade, or whose prompt has no gold answer: kept out of `n`."""


class Agreements:
    """Counts what the grader says of pairs, shard by shard; keeps two numbers of each family."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self._ties: dict[str, int] = defaultdict(int)
        self._unknown: dict[str, int] = defaultdict(int)
        self._sums: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, preferences: Sequence[Preference], prompts: Sequence[Prompt]) -> None:
        """The pairs of one shard, with its prompts; a family is in no other shard."""
        gold_of = {(prompt.family, prompt.prompt_id): prompt.gold for prompt in prompts}
        families: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for preference in preferences:
            gold = gold_of[preference.family, preference.prompt_id]
            agrees = _agreement(preference, gold, self._grader)
            for tag in (preference.answer_language, ALL):
                self._ties[tag] += agrees == 0.5
                self._unknown[tag] += agrees is None
                if agrees is not None and agrees != 0.5:
                    families[tag, preference.family][0] += agrees
                    families[tag, preference.family][1] += 1
        for tag in {*self._ties} & {tag for tag, _ in families}:
            sums = [found for (of, _), found in families.items() if of == tag]
            self._sums[tag].append(np.array(sums, dtype=np.float32))

    def accuracy(self, *, seed: int, resamples: int = 1000) -> list[RewardAccuracy]:
        """One row for each language, then `all`; 95 % intervals, families resampled."""
        rows = []
        for tag in sorted(self._ties, key=lambda tag: (tag == ALL, tag)):
            value = low = high = None
            sums = np.concatenate(self._sums[tag]) if self._sums[tag] else np.zeros((0, 2))
            num = int(sums[:, 1].sum())
            if num:
                value = float(ratio(sums.sum(axis=0, dtype=float)))
                families = [str(place) for place in range(len(sums))]
                low, high = interval_of(sums, families, ratio, seed=seed, resamples=resamples)
            ties, unknown = self._ties[tag], self._unknown[tag]
            rows.append(RewardAccuracy(tag, value, low, high, num, ties, unknown))
        return rows


def _agreement(preference: Preference, gold: str | None, grader: Grader) -> float | None:
    """1.0 where the grader ranks chosen above rejected, 0.0 below, 0.5 a tie, None unknown."""
    if gold is None:
        return None
    chosen = grader(preference.chosen_text, gold)
    rejected = grader(preference.rejected_text, gold)
    if chosen is None or rejected is None:
        return None
    return 0.5 if chosen == rejected else float(chosen > rejected)
