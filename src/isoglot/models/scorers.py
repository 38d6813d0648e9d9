"""Scorers without weights: language match, the gold by a grader, and the length."""

from collections.abc import Callable, Sequence

from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Completion, FinishReason, Prompt


class LanguageMatch:
    """Scorer: 1.0 for the language that the prompt asks for, 0.0 for another.

    None if the identifier is unsure, and for a completion that failed. One that was cut off counts.
    """

    name = "language_match"

    def __init__(self, identifier: LanguageIdentifier) -> None:
        self._identifier = identifier

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`."""
        identified = self._identifier.identify([completion.text for completion in completions])
        return [
            None
            if tag is None or completion.finish_reason == FinishReason.ERROR
            else float(tag == prompt.answer_language)
            for prompt, completion, tag in zip(prompts, completions, identified, strict=True)
        ]


class GoldScorer:
    """Scorer: the grade of the completion against the prompt's gold.

    None without a gold, if the grader gives none, and for a completion that failed or was cut off,
    which might still have become correct.
    """

    def __init__(self, grader: Callable[[str, str], float | None], name: str = "gold") -> None:
        self.name = name
        self._grader = grader

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`."""
        return [
            self._grader(completion.text, prompt.gold)
            if prompt.gold is not None and completion.finish_reason == FinishReason.STOP
            else None
            for prompt, completion in zip(prompts, completions, strict=True)
        ]


class LengthScorer:
    """Scorer: the number of characters; None for a completion that failed."""

    name = "length"

    def score(
        self,
        prompts: Sequence[Prompt],  # noqa: ARG002
        completions: Sequence[Completion],
    ) -> list[float | None]:
        """See `Scorer.score`."""
        return [
            None if row.finish_reason == FinishReason.ERROR else float(len(row.text))
            for row in completions
        ]
