"""A judge as a scorer: the grade that a model writes is the reward of the answer."""

from collections.abc import Sequence

from isoglot.core.protocols import Sampler
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.models.judge import RatingConfig, SamplerRater


class JudgeScorer:
    """Scorer: a grade from 1 to 10 for each answer, asked for as `models/judge.rate` does.

    None where no grade can be read, and for an answer that is empty or failed, which nobody is
    asked about.
    """

    def __init__(self, sampler: Sampler, config: RatingConfig) -> None:
        self.name = sampler.name
        self._rater = SamplerRater(sampler, config)

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """As in the protocol."""
        asked = [
            place
            for place, row in enumerate(completions)
            if row.text.strip() and row.finish_reason != FinishReason.ERROR
        ]
        texts = [completions[place].text for place in asked]
        ratings = self._rater.rate([prompts[place] for place in asked], texts)
        rewards: list[float | None] = [None] * len(completions)
        for place, rating in zip(asked, ratings, strict=True):
            rewards[place] = rating.value
        return rewards
