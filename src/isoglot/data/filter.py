"""Filters: each drops preferences under its own name, so that a report can count them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Literal, get_args

from pydantic import Field

from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Dropped, FinishReason, Preference, content_id, prompt_key
from isoglot.core.section import Section
from isoglot.core.text import has_repetition, length_chars, same_text

FilterName = Literal[
    "translation_failed",
    "cut_off",
    "empty",
    "same_text",
    "repetition",
    "length_ratio",
    "wrong_language",
    "mixed_language",
    "unknown_language",
    "wrong_thought_language",
]

_BY_CHOICE = "wrong_thought_language"
"""Most reasoning models think in English: only who trains them to think in the language asked for
drops the others."""


class FilterConfig(Section):
    """Filters that keep preferences out of training."""

    filters: tuple[FilterName, ...] = tuple(n for n in get_args(FilterName) if n != _BY_CHOICE)
    """The filters in use, by default all but `wrong_thought_language`, which drops a chosen answer
    whose thought is in another language than requested; the first of `FILTERS` that drops a
    preference gives the reason."""
    max_length_ratio: float = Field(4.0, gt=1)
    """Longer side over shorter side, in characters, where both are in one language."""
    swap_at_random: bool = False
    """Control experiment: which side of a kept pair is chosen is random."""
    swap_seed: int = 0
    """Seed of `swap_at_random`."""


def filter_preferences(
    preferences: Sequence[Preference], identifier: LanguageIdentifier, config: FilterConfig
) -> tuple[list[Preference], list[Dropped]]:
    """Split preferences into kept and dropped ones, with the languages of both sides and of their
    thoughts."""
    kept: list[Preference] = []
    dropped: list[Dropped] = []
    texts = sorted({text for row in preferences for text in _texts(row)})
    language_of: dict[str | None, str | None] = dict(
        zip(texts, identifier.identify(texts), strict=True)
    )
    shares = [0.0] * len(preferences)
    if "mixed_language" in config.filters:
        shares = identifier.foreign_shares(
            [row.chosen_text for row in preferences], [row.answer_language for row in preferences]
        )
    for row, foreign_share in zip(preferences, shares, strict=True):
        preference = replace(
            row,
            chosen_language=language_of[row.chosen_text],
            rejected_language=language_of[row.rejected_text],
            chosen_thought_language=language_of.get(row.chosen_thought),
            rejected_thought_language=language_of.get(row.rejected_thought),
        )
        reason = next(
            (
                name
                for name, stays in FILTERS.items()
                if name in config.filters and not stays(preference, config, foreign_share)
            ),
            None,
        )
        if reason is None:
            kept.append(preference)
            continue
        key = (*prompt_key(preference), preference.answer_language, preference.pair_type)
        dropped.append(Dropped(*key, reason, preference.chosen_text, preference.rejected_text))
    # After the filters: they demand more of the chosen side, so that they would sort the swapped
    # pairs out again, and the control would be none.
    if config.swap_at_random:
        kept = [_at_random(preference, config.swap_seed) for preference in kept]
    return kept, dropped


def _texts(preference: Preference) -> Iterator[str]:
    yield from (preference.chosen_text, preference.rejected_text)
    yield from filter(None, (preference.chosen_thought, preference.rejected_thought))


def _finish_reasons(preference: Preference) -> tuple[str, str]:
    return preference.chosen_finish_reason, preference.rejected_finish_reason


def _is_of_like_length(preference: Preference, config: FilterConfig, _: float) -> bool:
    """Lengths differ between scripts, so only sides in one language are compared."""
    tag = preference.chosen_language
    if tag is None or tag != preference.rejected_language:
        return True
    short, long = sorted(map(length_chars, (preference.chosen_text, preference.rejected_text)))
    return long <= config.max_length_ratio * short


FILTERS: Mapping[FilterName, Callable[[Preference, FilterConfig, float], bool]] = {
    # A translation that did not parse, an answer that did not come.
    "translation_failed": lambda p, *_: FinishReason.ERROR not in _finish_reasons(p),
    # A side, or the completion that it translates, ended at the token limit.
    "cut_off": lambda p, *_: FinishReason.LENGTH not in _finish_reasons(p),
    "empty": lambda p, *_: bool(p.chosen_text.strip() and p.rejected_text.strip()),
    "same_text": lambda p, *_: not same_text(p.chosen_text, p.rejected_text),
    # The rejected side may repeat itself.
    "repetition": lambda p, *_: not has_repetition(p.chosen_text),
    "length_ratio": _is_of_like_length,
    # The rejected side may be in any language: that is the signal. Prompts about translation want
    # another language than their own, and are exempt.
    "wrong_language": lambda p, *_: p.chosen_language in (None, p.answer_language) or _is_exempt(p),
    "mixed_language": lambda p, _, foreign_share: not foreign_share or _is_exempt(p),
    "unknown_language": lambda p, *_: p.chosen_language is not None or _is_exempt(p),
    "wrong_thought_language": lambda p, *_: (
        p.chosen_thought_language in (None, p.answer_language) or _is_exempt(p)
    ),
}
"""Filters by the reason that they give. True keeps a preference (with languages identified), of
whose chosen side the share of letters in another language than requested is given."""


def _is_exempt(preference: Preference) -> bool:
    return preference.pair_type == "translation_prompt"


def _at_random(preference: Preference, seed: int) -> Preference:
    """Order the sides by a hash, which does not depend on which of them was chosen."""

    def place(text: str, model: str) -> str:
        return content_id(str(seed), preference.family, preference.prompt_id, text, model)

    chosen = place(preference.chosen_text, preference.chosen_model)
    if chosen <= place(preference.rejected_text, preference.rejected_model):
        return preference
    swapped = {}
    for column in (each.name for each in fields(preference) if "chosen" in each.name):
        other = column.replace("chosen", "rejected")
        swapped[column], swapped[other] = getattr(preference, other), getattr(preference, column)
    return replace(preference, **swapped)
