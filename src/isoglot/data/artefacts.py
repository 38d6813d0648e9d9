"""Faults of a translation that show without reading it, each under its own name.

What a check cannot see: a word with the wrong meaning, a negation that went lost, a fluent sentence
that says something else. docs/LOG.md has precision and recall of each check by language.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from pydantic import Field

from isoglot.core.chrf import chrf
from isoglot.core.languages import language
from isoglot.core.lengths import length_deviation
from isoglot.core.protected import FENCE, SPAN, protected
from isoglot.core.protocols import LanguageIdentifier, Sampled, Tick, Translator, no_tick
from isoglot.core.records import FinishReason
from isoglot.core.section import Section
from isoglot.core.sentences import num_sentences, sentences
from isoglot.core.text import digits_to_ascii, has_repetition, length_chars, normalise

ArtefactName = Literal[
    "lost_placeholder",
    "copied_source",
    "wrong_language",
    "repetition",
    "sentence_count",
    "length_ratio",
    "lost_number",
]

UNLIKELY = "unlikely"
"""The reason of `ArtefactConfig.min_log_probability`."""

BACK_TRANSLATION = "back_translation"
"""The reason of `ArtefactConfig.min_back_translation`."""


class ArtefactConfig(Section):
    """Which translations are no translations."""

    checks: tuple[ArtefactName, ...] = get_args(ArtefactName)
    """The checks in use; the first of `CHECKS` that a translation fails gives the reason."""
    max_length_deviation: float = Field(3.5, gt=0)
    """Spreads from the length that the language pair lets expect, see `isoglot.core.lengths`."""
    min_sentence_deviation: float = Field(1.25, ge=0)
    """A sentence too few or too many counts where the length is off to that side by so much."""
    max_copied: float = Field(0.75, gt=0, le=1)
    """Share of the words of a translation that may stand in the source."""
    min_log_probability: float | None = Field(None, le=0)
    """Mean log-probability of a token that the translator must give its own translation (a
    `translator:` of kind seq2seq says it). What is low differs by model and language: choose it
    from the column `translation_log_probability` of a run without it."""
    min_back_translation: float | None = Field(None, ge=0, le=1)
    """chrF++ (0 to 1) that a text must keep when its translation is put back into its language, by
    the translator itself, which is asked twice then; left out, it is not asked."""

    @property
    def is_used(self) -> bool:
        """Whether anything is checked."""
        thresholds = (self.min_log_probability, self.min_back_translation)
        return bool(self.checks) or any(least is not None for least in thresholds)


class Pair(NamedTuple):
    """A text, its translation, the language that was identified in it (None: unsure), and the mean
    log-probability of a token by the translator (None: not known)."""

    source: str
    translation: str
    source_language: str
    target_language: str
    identified: str | None = None
    log_probability: float | None = None


Check = Callable[[Pair, ArtefactConfig], bool]
"""True where the translation has the fault."""

_WORD = re.compile(r"[^\W\d_]{2,}")
_NUM_WORDS = 4  # from so many on, a share of copied words says something
_NUM_COPIED_CHARS = 20
_LOOP = {"min_line_repeats": 4, "min_loop_repeats": 4, "min_loop_chars": 12}
_NUMBER = re.compile(r"(?<!\d)\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?!\d)|\d+(?:[.,'’·٫٬،]\d+)*")
_WITH_UNIT = re.compile(
    r"\d[\d.,]*(?:\s*(?:to|and|-|–)\s*\d[\d.,]*)?[\s-]*"
    r"(?:miles?|mph|inch(?:es)?|in\.|feet|foot|ft|yards?|pounds?|lbs?|ounces?|oz|gallons?|acres?"
    r"|°\s?F|degrees)\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"\d\s*[ap]\.?\s?m\b|o'clock", re.IGNORECASE)
_LARGE = re.compile(
    r"hundred|thousand|million|billion|trillion|lakh|crore|[千万億兆萬亿천만억조]", re.IGNORECASE
)


def lost_placeholder(pair: Pair, _: ArtefactConfig) -> bool:
    """Code, an address, a placeholder or a tag of the source is not in the translation."""
    left = pair.translation
    for span in protected(pair.source):
        if span not in left:
            return True
        left = left.replace(span, " ", 1)
    return False


def copied_source(pair: Pair, config: ArtefactConfig) -> bool:
    """The translation is the source, or holds a whole sentence of it."""
    source, translation = _prose(pair.source), _prose(pair.translation)
    words = _WORD.findall(translation.casefold())
    if len(words) < _NUM_WORDS:
        return len(source) >= _NUM_COPIED_CHARS and source == translation
    known = set(_WORD.findall(source.casefold()))
    if sum(word in known for word in words) > config.max_copied * len(words):
        return True
    said = (s.strip() for s in sentences(source, pair.source_language))
    return any(
        len(s) >= _NUM_COPIED_CHARS and len(_WORD.findall(s)) >= _NUM_WORDS and s in translation
        for s in said
    )


def wrong_language(pair: Pair, _: ArtefactConfig) -> bool:
    """Another language than the target was identified; unsure is not wrong."""
    return pair.identified not in (None, pair.target_language)


def repetition(pair: Pair, _: ArtefactConfig) -> bool:
    """The translation goes in circles, and the source does not."""
    return has_repetition(pair.translation, **_LOOP) and not has_repetition(pair.source, **_LOOP)


def sentence_count(pair: Pair, config: ArtefactConfig) -> bool:
    """Fewer sentences and shorter than expected, or more and longer.

    A translator may join two sentences or part one: so a count alone says little.
    """
    source, translation = _prose(pair.source), _prose(pair.translation)
    before = num_sentences(source, pair.source_language)
    after = num_sentences(translation, pair.target_language)
    if before is None or after is None or before == after:
        return False
    deviation = deviation_of(pair)
    return (deviation if after > before else -deviation) >= config.min_sentence_deviation


def length_ratio(pair: Pair, config: ArtefactConfig) -> bool:
    """Far longer or shorter than translations between the two languages are."""
    return abs(deviation_of(pair)) > config.max_length_deviation


def lost_number(pair: Pair, _: ArtefactConfig) -> bool:
    """A number of three digits is missing, or any while the translation has one of its own.

    Short numbers alone may stand in words. Those with an English or American unit may be converted
    and do not count. Digits are compared, whatever parts or groups them.
    """
    lost = _missing(_WITH_UNIT.sub(" ", pair.source), pair.translation, pair)
    if any(len(number) >= 3 for number in lost):
        return True
    return bool(lost) and bool(_missing(pair.translation, pair.source, pair))


CHECKS: Mapping[ArtefactName, Check] = {
    "lost_placeholder": lost_placeholder,
    "copied_source": copied_source,
    "wrong_language": wrong_language,
    "repetition": repetition,
    "sentence_count": sentence_count,
    "length_ratio": length_ratio,
    "lost_number": lost_number,
}


def find_artefacts(
    texts: Sequence[str],
    translations: Sequence[str],
    sources: Sequence[str],
    targets: Sequence[str],
    identifier: LanguageIdentifier,
    config: ArtefactConfig | None = None,
) -> list[list[ArtefactName]]:
    """The faults of each translation, in the order of `CHECKS`.

    The identifier's candidates should hold every language of the run.
    """
    config = config or ArtefactConfig()
    prose = [_prose(text) for text in translations]
    identified = identifier.identify(prose)
    pairs = map(
        Pair,
        texts,
        translations,
        [language(tag).tag for tag in sources],
        [language(tag).tag for tag in targets],
        identified,
    )
    return [
        [name for name in CHECKS if name in config.checks and CHECKS[name](pair, config)]
        for pair in pairs
    ]


def artefact_check(
    identifier: LanguageIdentifier,
    config: ArtefactConfig | None = None,
    translator: Translator | None = None,
) -> Callable[[Sequence[str], Sequence[Sampled], Sequence[str], Sequence[str]], list[str | None]]:
    """The check of `translate_prompts`: the first fault of each translation, or None.

    `translator` puts back those without a fault, where `min_back_translation` asks for it.
    """
    config = config or ArtefactConfig()

    def check(
        texts: Sequence[str],
        translations: Sequence[Sampled],
        sources: Sequence[str],
        targets: Sequence[str],
    ) -> list[str | None]:
        said = [translation.text for translation in translations]
        found = find_artefacts(texts, said, sources, targets, identifier, config)
        reasons: list[str | None] = [faults[0] if faults else None for faults in found]
        for i, translation in enumerate(translations):
            if _is_below(translation.log_probability, config.min_log_probability):
                reasons[i] = reasons[i] or UNLIKELY
        if config.min_back_translation is not None and translator is not None:
            fine = [i for i, reason in enumerate(reasons) if reason is None]
            asked, meant, come, go = (
                [column[i] for i in fine] for column in (texts, said, sources, targets)
            )
            values = back_translation_chrf(asked, meant, come, go, translator)
            for i, value in zip(fine, values, strict=True):
                if _is_below(value, config.min_back_translation):
                    reasons[i] = BACK_TRANSLATION
        return reasons

    return check


def _is_below(value: float | None, least: float | None) -> bool:
    """False where either is unknown."""
    return value is not None and least is not None and value < least


def artefact_score(pair: Pair) -> float:
    """How much a translation looks like a bad one, 0 to 1: for ranking, where no check fires.

    A weighted mean of four signs: words that come back, a length off the expected one, numbers that
    went lost or came up, another number of punctuation marks. These say little, and nothing where
    words are not parted by blanks; where the translator gave its log-probability, how unlikely a
    token was to it makes up most of the score. The weights were chosen on half of MLQE-PE.
    """
    shown = sum(
        weight * sign for weight, sign in zip((0.5, 0.35, 0.1, 0.05), _signs(pair), strict=True)
    )
    if pair.log_probability is None:
        return shown
    return 0.7 * (1 - math.exp(pair.log_probability)) + 0.3 * shown


def _signs(pair: Pair) -> tuple[float, float, float, float]:
    words = [word.casefold() for word in re.findall(r"\w+", pair.translation)]
    repeated = 1 - len(set(words)) / len(words) if words else 0.0
    length = min(1.0, abs(deviation_of(pair)) / 6)
    numbers = [*_missing(pair.source, pair.translation, pair)]
    numbers += _missing(pair.translation, pair.source, pair)
    marks = [len(re.findall(r"[^\w\s]", text)) for text in (pair.source, pair.translation)]
    marked = abs(marks[0] - marks[1]) / max(1, *marks)
    return repeated, length, min(1.0, len(numbers) / 2), marked


def back_translation_chrf(
    texts: Sequence[str],
    translations: Sequence[str],
    sources: Sequence[str],
    targets: Sequence[str],
    translator: Translator,
    tick: Tick = no_tick,
) -> list[float | None]:
    """chrF++ (0 to 1) of each text against its translation put back into the source language.

    None where the way back failed. It says as much of the way back as of the way there.
    """
    returned = translator.translate(translations, targets, sources, tick)
    return [
        chrf(back.text, text)
        if back.finish_reason == FinishReason.STOP and back.text.strip()
        else None
        for text, back in zip(texts, returned, strict=True)
    ]


def _prose(text: str) -> str:
    """The text without what a translation keeps, so that code does not water a ratio down."""
    return "\n".join(map(normalise, SPAN.sub(" ", FENCE.sub(" ", text)).splitlines())).strip()


def deviation_of(pair: Pair) -> float:
    """Spreads by which a translation is longer or shorter than expected, what it keeps left out."""
    source, translation = length_chars(_prose(pair.source)), length_chars(_prose(pair.translation))
    if not source or not translation:
        return 0.0 if source == translation else float("inf")
    return length_deviation(source, translation, pair.source_language, pair.target_language)


def _numbers(text: str) -> list[str]:
    return [re.sub(r"\D", "", found) for found in _NUMBER.findall(digits_to_ascii(text))]


def _missing(text: str, other: str, pair: Pair) -> list[str]:
    """The numbers of a text that the other lacks in every form."""
    there = _numbers(other)
    run = "".join(there)
    both = f"{pair.source} {pair.translation}"
    is_large, is_clock = bool(_LARGE.search(both)), bool(_CLOCK.search(both))

    def has(number: str) -> bool:
        if len(number) >= 3 and number in run:
            return True
        return any(_same(number, known, is_large, is_clock) for known in there)

    return [number for number in _numbers(text) if not has(number)]


def _same(a: str, b: str, is_large: bool, is_clock: bool) -> bool:
    if a.lstrip("0") == b.lstrip("0"):
        return True
    short, long = sorted((a, b), key=len)
    if len(short) == 2 and len(long) == 4 and long.endswith(short):  # 1995-96, the 80s
        return True
    if is_large and a.rstrip("0") == b.rstrip("0"):  # 1.2 million is 120 times ten thousand
        return True
    return is_clock and len(long) <= 2 and abs(int(a) - int(b)) == 12
