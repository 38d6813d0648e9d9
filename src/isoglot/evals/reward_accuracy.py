"""Accuracy of the pairing rule: how often the grader also prefers chosen to rejected."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from isoglot.core.records import Preference, Prompt
from isoglot.core.stats import interval_of, ratio
from isoglot.evals.graders import Grader

_ALL = "all"


@dataclass(frozen=True, slots=True)
class RewardAccuracy:
    """Share of pairs in which the grader prefers chosen, among those it does not grade alike."""

    language: str
    """A tag, or `all`."""
    value: float | None
    """0 to 1; None, like `low` and `high`, where the grader grades every pair alike."""
    low: float | None
    high: float | None
    n: int
    ties: int
    """Pairs whose sides have equal grades, which `n` leaves out."""
    unknown: int
    """Pairs without a gold answer or with an ungraded side, which `n` leaves out."""


class RewardAccuracyCounter:
    """Counts agreements of a grader with pairs, shard by shard; keeps two numbers per family."""

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self._ties: dict[str, int] = defaultdict(int)
        self._unknown: dict[str, int] = defaultdict(int)
        self._sums: dict[str, list[np.ndarray]] = defaultdict(list)

    def add(self, preferences: Sequence[Preference], prompts: Sequence[Prompt]) -> None:
        """Count the pairs of a shard, given its prompts; a family is in one shard only."""
        gold_of = {(prompt.family, prompt.prompt_id): prompt.gold for prompt in prompts}
        families: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for preference in preferences:
            gold = gold_of[preference.family, preference.prompt_id]
            agrees = _agreement(preference, gold, self._grader)
            for tag in (preference.answer_language, _ALL):
                self._ties[tag] += agrees == 0.5
                self._unknown[tag] += agrees is None
                if agrees is not None and agrees != 0.5:
                    families[tag, preference.family][0] += agrees
                    families[tag, preference.family][1] += 1
        for tag in {*self._ties} & {tag for tag, _ in families}:
            sums = [found for (of, _), found in families.items() if of == tag]
            self._sums[tag].append(np.array(sums, dtype=np.float32))

    def accuracy(self, *, seed: int, resamples: int = 1000) -> list[RewardAccuracy]:
        """Return a row for each language, then `all`; intervals are 95 %, over families."""
        rows = []
        for tag in sorted(self._ties, key=lambda tag: (tag == _ALL, tag)):
            value = low = high = None
            sums = np.concatenate(self._sums[tag]) if self._sums[tag] else np.zeros((0, 2))
            num = int(sums[:, 1].sum())
            if num:
                value = float(ratio(sums.sum(axis=0, dtype=float)))
                families = [str(place) for place in range(len(sums))]
                low, high = interval_of(
                    sums, families, ratio, seed=seed, resamples=resamples, is_rate=True
                )
            ties, unknown = self._ties[tag], self._unknown[tag]
            rows.append(RewardAccuracy(tag, value, low, high, num, ties, unknown))
        return rows


def _agreement(preference: Preference, gold: str | None, grader: Grader) -> float | None:
    """Return 1.0 if the grader prefers chosen, 0.0 if rejected, 0.5 for a tie, None if unknown."""
    if gold is None:
        return None
    chosen = grader(preference.chosen_text, gold)
    rejected = grader(preference.rejected_text, gold)
    if chosen is None or rejected is None:
        return None
    return 0.5 if chosen == rejected else float(chosen > rejected)
