"""Scorer of whole families: agreement of the final answers across languages."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.scorers import AgreementConfig
from isoglot.models.scorers.families import of_another_family

FinalAnswer = Callable[[str], str | None]
"""Text → its final answer, in one form for all languages; None without one."""

Votes = Mapping[str, Counter[str]]
"""Language → final answer → number of samples with it."""


class AgreementScorer:
    """Scorer: 1.0 for the final answer on which a family agrees across its languages, else 0.0.

    Cross-lingual self-consistency (arXiv:2606.01464, whose weights are not published: `shares_of`
    is ours). It needs no gold and no reward model. None for a family without agreement, and for a
    completion that failed or was cut off; 0.0 for one without a final answer. Translated
    completions are scored, and do not vote.
    """

    def __init__(self, config: AgreementConfig, final_answer: FinalAnswer, dominant: str) -> None:
        self.name = f"agreement:{config.grader}"
        self._config = config
        self._final_answer = final_answer
        self._dominant = dominant

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`; the completions are those of whole families."""
        agreed = self.agreed(prompts, completions)
        if self._config.control == "shuffled":
            agreed = of_another_family(agreed)
        found = [agreed.get(row.family) for row in completions]
        return [
            float(answer == right) if is_whole(row) and right is not None else None
            for row, answer, right in zip(completions, self._read(completions), found, strict=True)
        ]

    def agreed(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> dict[str, str]:
        """Return the answer on which each family agrees, without those that agree on none.

        `prompts[i]` is the prompt of `completions[i]`.
        """
        votes: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        for prompt, row, answer in zip(prompts, completions, self._read(completions), strict=True):
            if answer is not None and row.translated_from is None:
                votes[row.family][prompt.language][answer] += 1
        found = {family: self._agreed(each) for family, each in votes.items()}
        return {family: answer for family, answer in found.items() if answer}

    def _read(self, completions: Sequence[Completion]) -> list[str | None]:
        """Read the final answers; None of a completion that is not whole."""
        return [self._final_answer(row.text) if is_whole(row) else None for row in completions]

    def _agreed(self, votes: Votes) -> str | None:
        """Return the answer of a family, or None where its languages do not agree on one."""
        dominant = votes.get(self._dominant, Counter())
        if self._config.control == "dominant_only":
            votes = {self._dominant: dominant}
        elif len(votes) < 2:
            return None
        shares = shares_of(votes)
        highest = max(shares.values(), default=Fraction(0))
        best = [answer for answer, share in shares.items() if share == highest]
        if len(best) != 1 or highest < self._config.min_share:
            return None
        is_dominant = dominant[best[0]] == max(dominant.values(), default=-1)
        return best[0] if is_dominant or not self._config.dominant_agrees else None


def is_whole(row: Completion) -> bool:
    """True for a completion that neither failed nor was cut off."""
    return row.finish_reason == FinishReason.STOP


def shares_of(votes: Votes) -> dict[str, Fraction]:
    """Return the share of each final answer in the vote of a family; they sum to 1.

    A language has the weight of its own agreement, the share of its commonest answer, however many
    samples it has: a language whose samples contradict one another says little.
    """
    shares: dict[str, Fraction] = defaultdict(Fraction)
    for counts in votes.values():
        for answer, num in counts.items():
            shares[answer] += Fraction(num * max(counts.values()), counts.total() ** 2)
    total = sum(shares.values())
    return {answer: share / total for answer, share in shares.items()}
