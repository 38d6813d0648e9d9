"""Scorers without weights: language match, the gold by a grader, and the length."""

from collections.abc import Callable, Mapping, Sequence

from isoglot.core.answer_language import AnswerLanguage, account_for, thought_languages
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Completion, FinishReason, Prompt


class LanguageMatch:
    """Scorer: 1.0 for an answer in the requested language alone, 0.0 in another or in several.

    None if the identifier is unsure, and for a completion that failed. One that was cut off counts.
    With `thought`, also 0.0 for a thought in another language, and None for one of unsure language.
    """

    name = "language_match"
    _VALUES: Mapping[AnswerLanguage, float | None] = {
        AnswerLanguage.RIGHT: 1.0,
        AnswerLanguage.WRONG: 0.0,
        AnswerLanguage.MIXED: 0.0,
        AnswerLanguage.UNKNOWN: None,
    }

    def __init__(self, identifier: LanguageIdentifier, *, thought: bool = False) -> None:
        self._identifier = identifier
        self._thought = thought

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """See `Scorer.score`."""
        texts = [completion.text for completion in completions]
        wanted = [prompt.answer_language for prompt in prompts]
        accounts = account_for(self._identifier, texts, wanted)
        values = [
            None if completion.finish_reason == FinishReason.ERROR else self._VALUES[account]
            for completion, account in zip(completions, accounts, strict=True)
        ]
        if not self._thought:
            return values
        tags = thought_languages(self._identifier.identify, completions)
        of_thoughts = [
            1.0 if not completion.thought else None if tag is None else float(tag == asked)
            for completion, tag, asked in zip(completions, tags, wanted, strict=True)
        ]
        return [
            0.0 if 0.0 in both else None if None in both else 1.0
            for both in zip(values, of_thoughts, strict=True)
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
