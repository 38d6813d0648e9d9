"""Filters: each drops preferences under its own name, so that a report can count them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from pydantic import Field

from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Dropped, FinishReason, Preference, content_id
from isoglot.core.section import Section
from isoglot.core.text import has_repetition, length_chars, normalise

FilterName = Literal[
    "translation_failed",
    "cut_off",
    "empty",
    "same_text",
    "repetition",
    "length_ratio",
    "unknown_language",
    "wrong_language",
]


class FilterConfig(Section):
    """Which preferences stay out of training."""

    filters: tuple[FilterName, ...] = get_args(FilterName)
    """The filters in use; the first of `FILTERS` that a preference fails gives the reason."""
    max_length_ratio: float = Field(4.0, gt=1)
    """Longer side over shorter side, in characters, where both are in one language."""
    swap_at_random: bool = False
    """Control experiment: a coin for each kept pair says which side is chosen."""
    swap_seed: int = 0


Filter = Callable[[Preference, FilterConfig], bool]
"""True keeps the preference, whose languages are identified."""


def filter_preferences(
    preferences: Sequence[Preference], identifier: LanguageIdentifier, config: FilterConfig
) -> tuple[list[Preference], list[Dropped]]:
    """What stays, with the languages of both sides filled in, and what was dropped and why."""
    kept: list[Preference] = []
    dropped: list[Dropped] = []
    for preference in _identified(preferences, identifier):
        reason = next(
            (n for n in FILTERS if n in config.filters and not FILTERS[n](preference, config)), None
        )
        if reason is None:
            kept.append(preference)
        else:
            dropped.append(_dropped(preference, reason))
    # After the filters: they ask more of the chosen side, so swapping first would leave them to
    # sort the swapped pairs out again, and the control would not be one.
    return (
        [_at_random(p, config.swap_seed) for p in kept] if config.swap_at_random else kept
    ), dropped


def translation_failed(preference: Preference, _: FilterConfig) -> bool:
    """No side is an error: a translation that did not parse, an answer that did not come."""
    return FinishReason.ERROR not in (
        preference.chosen_finish_reason,
        preference.rejected_finish_reason,
    )


def cut_off(preference: Preference, _: FilterConfig) -> bool:
    """No side, nor the answer that it translates, ended at the token limit."""
    return FinishReason.LENGTH not in (
        preference.chosen_finish_reason,
        preference.rejected_finish_reason,
    )


def empty(preference: Preference, _: FilterConfig) -> bool:
    """Both sides have text."""
    return bool(preference.chosen_text.strip() and preference.rejected_text.strip())


def same_text(preference: Preference, _: FilterConfig) -> bool:
    """The sides differ by more than spaces and the encoding of characters."""
    return normalise(preference.chosen_text) != normalise(preference.rejected_text)


def repetition(preference: Preference, _: FilterConfig) -> bool:
    """The chosen side does not go in circles; the rejected side may."""
    return not has_repetition(preference.chosen_text)


def length_ratio(preference: Preference, config: FilterConfig) -> bool:
    """The sides are of comparable length; scripts differ in it, so only within one language."""
    if (
        preference.chosen_language is None
        or preference.chosen_language != preference.rejected_language
    ):
        return True
    short, long = sorted(map(length_chars, (preference.chosen_text, preference.rejected_text)))
    return long <= config.max_length_ratio * short


def unknown_language(preference: Preference, _: FilterConfig) -> bool:
    """The language of the chosen side could be identified."""
    return preference.chosen_language is not None or preference.pair_type == "translation_prompt"


def wrong_language(preference: Preference, _: FilterConfig) -> bool:
    """The chosen side is in the language asked for; the rejected one may not be: the signal.

    Prompts about translation ask for another language than their own, and are exempt.
    """
    in_language = preference.chosen_language in (None, preference.answer_language)
    return in_language or preference.pair_type == "translation_prompt"


FILTERS: Mapping[FilterName, Filter] = {
    "translation_failed": translation_failed,
    "cut_off": cut_off,
    "empty": empty,
    "same_text": same_text,
    "repetition": repetition,
    "length_ratio": length_ratio,
    "unknown_language": unknown_language,
    "wrong_language": wrong_language,
}


def _identified(
    preferences: Sequence[Preference], identifier: LanguageIdentifier
) -> list[Preference]:
    texts = sorted({text for p in preferences for text in (p.chosen_text, p.rejected_text)})
    language_of = dict(zip(texts, identifier.identify(texts), strict=True))
    return [
        replace(
            p,
            chosen_language=language_of[p.chosen_text],
            rejected_language=language_of[p.rejected_text],
        )
        for p in preferences
    ]


def _at_random(preference: Preference, seed: int) -> Preference:
    """The sides in an order that knows nothing of which was chosen."""

    def coin(text: str, model: str) -> str:
        return content_id(str(seed), preference.family, preference.prompt_id, text, model)

    chosen = coin(preference.chosen_text, preference.chosen_model)
    rejected = coin(preference.rejected_text, preference.rejected_model)
    if chosen <= rejected:
        return preference
    return replace(
        preference,
        chosen=preference.rejected,
        rejected=preference.chosen,
        chosen_model=preference.rejected_model,
        rejected_model=preference.chosen_model,
        chosen_language=preference.rejected_language,
        rejected_language=preference.chosen_language,
        chosen_finish_reason=preference.rejected_finish_reason,
        rejected_finish_reason=preference.chosen_finish_reason,
        score_chosen=preference.score_rejected,
        score_rejected=preference.score_chosen,
    )


def _dropped(preference: Preference, reason: str) -> Dropped:
    return Dropped(
        family=preference.family,
        prompt_id=preference.prompt_id,
        language=preference.answer_language,
        pair_type=preference.pair_type,
        reason=reason,
        chosen_text=preference.chosen_text,
        rejected_text=preference.rejected_text,
    )
