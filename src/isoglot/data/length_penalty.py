"""Length penalties of a reward, fitted by language so that chosen and rejected are equally long."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from isoglot.core.records import Completion, FinishReason, Prompt, PromptKey, prompt_key

_GRID = np.arange(1001) / 1000
"""The penalties to try, in units of the reward for each character."""


def fit_length_penalties(completions: Iterable[Completion], reward: str) -> dict[str, float]:
    """Return the length penalty of each language for a reward by its name (arXiv:2503.04647).

    It is the smallest of 0, 0.001, …, 1 with the smallest absolute mean, over the prompts, of the
    characters of the answer with the highest penalised reward less those of the one with the
    lowest. Whole answers with a reward take part; a language without two to a prompt has 0.
    """
    answers: dict[str, dict[PromptKey, list[tuple[str, int, float]]]] = {}
    for row in completions:
        value = row.rewards.get(reward)
        if value is not None and row.finish_reason == FinishReason.STOP:
            of_prompt = answers.setdefault(row.language, defaultdict(list))
            of_prompt[prompt_key(row)].append((row.completion_id, len(row.text), value))
    return {tag: _penalty(list(groups.values())) for tag, groups in sorted(answers.items())}


def _penalty(groups: Sequence[list[tuple[str, int, float]]]) -> float:
    total, num = np.zeros(len(_GRID)), 0
    for group in groups:
        if len(group) > 1:
            group.sort()  # equal rewards are told apart by their ids, not by their order
            lengths = np.array([length for _, length, _ in group])
            rewards = np.array([value for _, _, value in group])
            # In thousandths, in which ties between whole rewards are exact.
            penalised = 1000 * rewards - np.arange(len(_GRID))[:, None] * lengths
            total += lengths[penalised.argmax(1)] - lengths[penalised.argmin(1)]
            num += 1
    return float(_GRID[np.abs(total).argmin()]) if num else 0.0


class PenalisedReward:
    """Scorer: a reward that the completions have already, less a penalty for each character."""

    def __init__(self, name: str, penalties: Mapping[str, float] | None = None) -> None:
        """`penalties` are by language; by default there are none."""
        self.name = name
        self._penalties = penalties or {}

    def score(
        self,
        prompts: Sequence[Prompt],  # noqa: ARG002
        completions: Sequence[Completion],
    ) -> list[float | None]:
        """See `Scorer.score`."""
        values = [row.rewards[self.name] for row in completions]
        return [
            None
            if value is None
            else value - self._penalties.get(row.language, 0.0) * len(row.text)
            for row, value in zip(completions, values, strict=True)
        ]
