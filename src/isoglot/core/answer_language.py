"""Account for the language of answers: right, wrong, mixed or unknown."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Completion


class AnswerLanguage(StrEnum):
    """The language of an answer, compared with the requested one."""

    RIGHT = "right"
    WRONG = "wrong"
    """Identified as another language."""
    MIXED = "mixed"
    """Not wrong as a whole, with letters of another language in it."""
    UNKNOWN = "unknown"
    """The identifier is unsure."""


def account_for(
    identifier: LanguageIdentifier, texts: Sequence[str], languages: Sequence[str]
) -> list[AnswerLanguage]:
    """Return the account of each text; `languages` are the requested ones (BCP-47)."""
    return accounts_of(identifier.identify(texts), identifier, texts, languages)


def accounts_of(
    tags: Sequence[str | None],
    identifier: LanguageIdentifier,
    texts: Sequence[str],
    languages: Sequence[str],
) -> list[AnswerLanguage]:
    """Return the account of each text, whose language was identified before."""
    shares = identifier.foreign_shares(texts, languages)
    return [
        _account(tag, share, wanted)
        for tag, share, wanted in zip(tags, shares, languages, strict=True)
    ]


def thought_languages(
    identify: Callable[[Sequence[str]], list[str | None]], completions: Sequence[Completion]
) -> list[str | None]:
    """Return the language of the thought of each completion; None when unsure, or without one."""
    thoughts = [completion.thought for completion in completions if completion.thought]
    tags = iter(identify(thoughts) if thoughts else ())
    return [next(tags) if completion.thought else None for completion in completions]


def _account(tag: str | None, foreign_share: float, wanted: str) -> AnswerLanguage:
    if tag not in (None, wanted):
        return AnswerLanguage.WRONG
    if foreign_share:
        return AnswerLanguage.MIXED
    return AnswerLanguage.UNKNOWN if tag is None else AnswerLanguage.RIGHT
