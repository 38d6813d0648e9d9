"""Faults of a translation that show without understanding it, each under its own name.

No check sees a word with the wrong meaning, a lost negation, or a fluent sentence that says
something else. docs/LOG.md has the precision and recall of each check by language.
"""

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, get_args

from pydantic import Field

from isoglot.core.chrf import chrf
from isoglot.core.languages import language
from isoglot.core.lengths import length_deviations, length_figures
from isoglot.core.missing_numbers import missing_numbers
from isoglot.core.protected import FENCE, SPAN, protected
from isoglot.core.protocols import (
    LanguageIdentifier,
    Tick,
    Translation,
    TranslationCheck,
    Translator,
    no_tick,
)
from isoglot.core.records import FinishReason
from isoglot.core.section import Section
from isoglot.core.sentences import num_sentences, sentences
from isoglot.core.text import has_repetition, length_chars, normalise

ArtefactName = Literal[
    "lost_placeholder",
    "copied_source",
    "wrong_language",
    "repetition",
    "sentence_count",
    "length_ratio",
    "lost_number",
]


class ArtefactConfig(Section):
    """Checks that a translation has to pass."""

    checks: tuple[ArtefactName, ...] = get_args(ArtefactName)
    """The checks in use; the first of `CHECKS` that a translation fails gives the reason."""
    max_length_deviation: float = Field(3.5, gt=0)
    """Largest deviation from the length expected for the language pair, in spreads
    (`isoglot.core.lengths`)."""
    min_sentence_deviation: float = Field(1.25, ge=0)
    """Deviation of the length, in spreads, from which on a missing or extra sentence counts."""
    max_copied: float = Field(0.75, gt=0, le=1)
    """Largest share of the words of a translation that may also be in the source."""
    min_log_probability: float | None = Field(None, le=0)
    """Smallest mean log-probability of a token by the translator (only translators of kind seq2seq
    report it); a translation below has the fault `unlikely`. What is low differs by model and
    language: choose it from the column `translation_log_probability` of a run without it."""
    min_back_translation: float | None = Field(None, ge=0, le=1)
    """Smallest chrF++ (0 to 1) between a text and its translation translated back by the same
    translator; a translation below has the fault `back_translation`. Left out, nothing is
    translated back."""

    @property
    def is_used(self) -> bool:
        """True if anything is checked."""
        thresholds = (self.min_log_probability, self.min_back_translation)
        return bool(self.checks) or any(least is not None for least in thresholds)


_WORD = re.compile(r"[^\W\d_]{2,}")
_NUM_WORDS = 4  # with fewer, the share of copied words means nothing
_NUM_COPIED_CHARS = 20
_repeats = partial(has_repetition, min_line_repeats=4, min_loop_repeats=4, min_loop_chars=12)
_WITH_UNIT = re.compile(
    r"\d[\d.,]*(?:\s*(?:to|and|-|–)\s*\d[\d.,]*)?[\s-]*"
    r"(?:miles?|mph|inch(?:es)?|in\.|feet|foot|ft|yards?|pounds?|lbs?|ounces?|oz|gallons?|acres?"
    r"|°\s?F|degrees)\b",
    re.IGNORECASE,
)


def _lost_placeholder(pair: Translation, _: ArtefactConfig) -> bool:
    """Code, an address, a placeholder or a tag of the source is missing."""
    left = pair.translation
    for span in protected(pair.source):
        if span not in left:
            return True
        left = left.replace(span, " ", 1)
    return False


def _copied_source(pair: Translation, config: ArtefactConfig) -> bool:
    """The translation is the source, or holds a whole sentence of it."""
    source, translation = _prose(pair.source), _prose(pair.translation)
    words = _WORD.findall(translation.casefold())
    if len(words) < _NUM_WORDS:
        return len(source) >= _NUM_COPIED_CHARS and source == translation
    known = set(_WORD.findall(source.casefold()))
    if sum(word in known for word in words) > config.max_copied * len(words):
        return True
    return any(
        len(s) >= _NUM_COPIED_CHARS and len(_WORD.findall(s)) >= _NUM_WORDS and s in translation
        for s in map(str.strip, sentences(source, pair.source_language))
    )


def _sentence_count(pair: Translation, config: ArtefactConfig) -> bool:
    """Fewer sentences and shorter than expected, or more and longer; the count alone is weak."""
    before = num_sentences(_prose(pair.source), pair.source_language)
    after = num_sentences(_prose(pair.translation), pair.target_language)
    if before is None or after is None or before == after:
        return False
    sign = 1 if after > before else -1
    return sign * pair.length_deviation >= config.min_sentence_deviation


def _lost_number(pair: Translation, _: ArtefactConfig) -> bool:
    """A number of three digits is missing, or any number while the translation has a new one.

    Zeros at the end do not count as digits, since round numbers may be spelled out, as short ones
    may. Numbers with an English or American unit may be converted and do not count.
    """
    source = pair.source, pair.source_language
    translation = pair.translation, pair.target_language
    missing = missing_numbers(*source, *translation)
    if not missing:
        return False
    lost = missing_numbers(_WITH_UNIT.sub(" ", pair.source), pair.source_language, *translation)
    new = missing_numbers(*translation, *source)
    is_new = len(new) > len(missing) - len(lost)  # where units are converted, so many are new
    return any(is_new or len(number.strip("0")) >= 3 for number in lost)


CHECKS: Mapping[ArtefactName, Callable[[Translation, ArtefactConfig], bool]] = {
    "lost_placeholder": _lost_placeholder,
    "copied_source": _copied_source,
    # An unsure language is not wrong.
    "wrong_language": lambda pair, _: pair.identified not in (None, pair.target_language),
    "repetition": lambda pair, _: _repeats(pair.translation) and not _repeats(pair.source),
    "sentence_count": _sentence_count,
    "length_ratio": lambda pair, config: abs(pair.length_deviation) > config.max_length_deviation,
    "lost_number": _lost_number,
}
"""Checks by the name of their fault; each returns True if the translation has it."""


def find_artefacts(
    translations: Sequence[Translation],
    identifier: LanguageIdentifier,
    config: ArtefactConfig | None = None,
) -> list[list[ArtefactName]]:
    """Return the faults of each translation, in the order of `CHECKS`.

    The identifier's candidates should include every language of the run. Lengths are also compared
    with those of the other translations between the same languages.
    """
    config = config or ArtefactConfig()
    identified = identifier.identify([_prose(each.translation) for each in translations])
    pairs = [
        each._replace(
            source_language=language(each.source_language).tag,
            target_language=language(each.target_language).tag,
            identified=tag,
        )
        for each, tag in zip(translations, identified, strict=True)
    ]
    pairs = [
        pair._replace(length_deviation=deviation)
        for pair, deviation in zip(pairs, deviations_of(pairs), strict=True)
    ]
    return [
        [name for name in CHECKS if name in config.checks and CHECKS[name](pair, config)]
        for pair in pairs
    ]


def artefact_check(
    identifier: LanguageIdentifier,
    config: ArtefactConfig | None = None,
    translator: Translator | None = None,
) -> TranslationCheck:
    """Return the check of `data/translate.py`: the first fault of each translation, or None.

    `translator` translates those without a fault back, where `min_back_translation` is set.
    """
    config = config or ArtefactConfig()

    def check(translations: Sequence[Translation]) -> list[str | None]:
        found = find_artefacts(translations, identifier, config)
        reasons: list[str | None] = [faults[0] if faults else None for faults in found]
        for i, each in enumerate(translations):
            if _is_below(each.log_probability, config.min_log_probability):
                reasons[i] = reasons[i] or "unlikely"
        if config.min_back_translation is not None and translator is not None:
            fine = [i for i, reason in enumerate(reasons) if reason is None]
            values = back_translation_chrf([translations[i] for i in fine], translator)
            for i, value in zip(fine, values, strict=True):
                if _is_below(value, config.min_back_translation):
                    reasons[i] = "back_translation"
        return reasons

    return check


def _is_below(value: float | None, least: float | None) -> bool:
    return value is not None and least is not None and value < least


def back_translation_chrf(
    translations: Sequence[Translation], translator: Translator, tick: Tick = no_tick
) -> list[float | None]:
    """Return chrF++ (0 to 1) of each source against its translation translated back.

    None where the back-translation failed. A low value may be the fault of either direction.
    """
    returned = translator.translate(
        [each.translation for each in translations],
        [each.target_language for each in translations],
        [each.source_language for each in translations],
        tick,
    )
    return [
        chrf(back.text, each.source)
        if back.finish_reason == FinishReason.STOP and back.text.strip()
        else None
        for each, back in zip(translations, returned, strict=True)
    ]


def _prose(text: str) -> str:
    """Return the text without code and other protected spans, which would dilute every ratio."""
    return "\n".join(map(normalise, SPAN.sub(" ", FENCE.sub(" ", text)).splitlines())).strip()


def deviations_of(pairs: Sequence[Translation]) -> list[float]:
    """Return the deviations from the expected length, in spreads, without protected spans."""
    deviations = [0.0] * len(pairs)
    alike: dict[tuple[str, str], dict[int, tuple[int, int]]] = defaultdict(dict)
    for i, pair in enumerate(pairs):
        before, after = (length_chars(_prose(text)) for text in (pair.source, pair.translation))
        if before and after:
            alike[pair.source_language, pair.target_language][i] = before, after
        elif before or after:
            deviations[i] = math.inf if after else -math.inf
    for (source, target), sizes in alike.items():
        figures = length_figures(source), length_figures(target)
        found = length_deviations(list(sizes.values()), *figures)
        for i, deviation in zip(sizes, found, strict=True):
            deviations[i] = deviation
    return deviations
