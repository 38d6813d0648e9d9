"""A scorer that asks one thing: is the answer in the language that was asked for?"""

from collections.abc import Sequence

from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Completion, FinishReason, Prompt


class LanguageMatch:
    """Scorer: 1.0 for the language asked for, 0.0 for another, None where it is unsure and for an
    answer that failed."""

    name = "language_match"

    def __init__(self, identifier: LanguageIdentifier) -> None:
        self._identifier = identifier

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """One reward for each completion; one that was cut off has a language, too."""
        identified = self._identifier.identify([completion.text for completion in completions])
        return [
            None
            if tag is None or completion.finish_reason == FinishReason.ERROR
            else float(tag == prompt.answer_language)
            for prompt, completion, tag in zip(prompts, completions, identified, strict=True)
        ]
