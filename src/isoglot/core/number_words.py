"""Words around numbers: CLDR's magnitudes, units and currencies, and our own minus and negation."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from isoglot.core.languages import locale_of

_MEASURES = ("duration", "length", "mass", "volume")
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
"""Scripts without blanks between words, Thai to Lao, Burmese, Khmer, kana and Han: as ranges."""

WORD_START, WORD_END = rf"(?<![^\W\d_{UNSPACED}])", rf"(?![^\W\d_{UNSPACED}])"
"""No letter of a spaced script before, or after."""
_NUKTA = re.compile("[\u093c\u09bc]")
_NEVER = re.compile(r"(?!)")
_WITHIN = 6  # letters of a numeral that is no part of another word
_AMBIGUOUS = re.compile(r"[\u0000-\u024f]{1,3}")  # `on` is ten in Turkish


class NumberWords:
    """Words of a language and of English, which stands in answers of all; in lower case."""

    def __init__(self, tag: str) -> None:
        rows = [row for code in dict.fromkeys(("en", tag)) if (row := _row(code))]
        locales = [
            found for code in dict.fromkeys(("en-IN", "en", tag)) if (found := locale_of(code))
        ]

        def listed(key: str) -> list[str]:
            return [word for row in rows for word in row.get(key, ())]

        before, after = _magnitudes(locales)
        for row in rows:
            after |= row.get("magnitudes", {})
        self.magnitudes: Mapping[str, int] = {**before, **after}
        """Word → the number that it multiplies by: `millones` 10**6."""
        self.magnitude = _pattern(" ?", after, f"s?{WORD_END}")
        """Matches a magnitude after a number, in group 1."""
        self.magnitudes_before: Mapping[str, int] = before
        """Those that stand before the number, as in Swahili: `elfu 3`."""
        self.measures: dict[str, set[str]] = defaultdict(set)
        """Unit → what it measures: `hours` duration."""
        for unit, measure in _units(locales):
            self.measures[unit].add(measure)
        # Units are inflected in more forms than CLDR has.
        inflected = rf"(?:s?\.?{WORD_END}|(?<=\S{{3}})[^\s\d.,;:]{{1,3}}(?!\w))"
        self.unit = _pattern("[ -]?", self.measures, inflected)
        self.conjunction = _pattern(" ?", _conjunctions(locales), " ?")
        self.currency = _pattern("", _currencies(locales), r"\.?")
        self.minus = _pattern(WORD_START, listed("minus"), r" ?[$€£¥₹]? ?$")
        """Matches a word for minus, and a sign of currency, at the end of a text."""
        self.half = _pattern(" ?(?:(?:[个個年天月]|小[时時]|時間) ?)?", listed("half"), WORD_END)
        self.not_before = _pattern(WORD_START, listed("not_before"), WORD_END)
        self.not_after = _pattern(
            rf"[^\d.,;:!?。，、]{{0,8}}?{WORD_START}", listed("not_after"), ""
        )
        numerals = [word for row in rows for word in row.get("numerals", "").split()]
        self.numeral = _numerals(numerals)
        """Matches a number in words, from 3 on, of which the value is not read."""


def _numerals(words: Sequence[str]) -> re.Pattern[str]:
    """Match a numeral; long ones within a word, too (`einundzwanzig`), others at its beginning."""
    long = "|".join(re.escape(word) for word in words if len(word) >= _WITHIN)
    short = "|".join(map(re.escape, words))
    ending = rf"(?:{WORD_END}|(?<=[가-힣]))"
    within = rf"{long}|" if long else ""
    return re.compile(rf"{within}{WORD_START}(?:{short}){ending}", re.IGNORECASE)


@cache
def number_words(tag: str) -> NumberWords:
    """Return the words around numbers in a language; those of English where none are known."""
    return NumberWords(tag)


@cache
def numeral_of_any_language() -> re.Pattern[str]:
    """Match a numeral of a language that is not known, without short Latin ones but English."""
    every = {word for row in _rows().values() for word in row.get("numerals", "").split()}
    english = {*_rows()["en"]["numerals"].split()}
    return _numerals(sorted(english | {w for w in every if not _AMBIGUOUS.fullmatch(w)}))


def _pattern(before: str, words: Iterable[str], after: str) -> re.Pattern[str]:
    """Match one of the words, the longest first, in any case."""
    longest_first = sorted(set(words), key=lambda word: (-len(word), word))
    if not longest_first:
        return _NEVER
    found = "|".join(map(re.escape, longest_first))
    return re.compile(f"{before}({found}){after}", re.IGNORECASE)


@cache
def _rows() -> Mapping[str, Any]:
    path = files("isoglot.core") / "number_words.toml"
    return tomllib.loads(path.read_text("utf-8"))


def _row(tag: str) -> Mapping[str, Any]:
    return _rows().get(tag) or _rows().get(tag.split("-")[0], {})


def _magnitudes(locales: Iterable[Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Return the words of compact numbers, such as `0 millones`, before a number and after it."""
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    for locale in locales:
        forms = locale._data["compact_decimal_formats"]
        for length, fewest in (("short", 3), ("long", 1)):  # not K, M and B, which are units too
            for plural in forms.get(length, {}).values():
                for power, form in plural.items():
                    pattern = getattr(form, "pattern", str(form)).split(";")[0]
                    zeros = pattern.count("0")
                    word = pattern.strip("0").strip().strip("'. ").lower()
                    if zeros == 0 or len(word) < fewest or "0" in word:
                        continue
                    there = before if pattern.endswith("0") else after
                    value = 10 ** (len(power) - zeros)
                    there |= dict.fromkeys((word, _NUKTA.sub("", word)), value)
    return before, after


def _units(locales: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for locale in locales:
        for unit, lengths in locale._data["unit_patterns"].items():
            if unit.split("-")[0] not in _MEASURES:
                continue
            for length in ("long", "short", "narrow"):
                for plural, form in lengths.get(length, {}).items():
                    word = str(form).replace("{0}", "").strip(" .\u00a0\u202f").lower()
                    if plural != "per" and word and "{" not in word:
                        yield word, unit.split("-")[0]


def _conjunctions(locales: Iterable[Any]) -> Iterator[str]:
    for locale in locales:
        for length in ("standard", "unit"):
            form = locale.list_patterns.get(length, {}).get("2", "")
            if word := form.replace("{0}", "").replace("{1}", "").strip(" ,、"):
                yield word


def _currencies(locales: Iterable[Any]) -> Iterator[str]:
    """Yield signs, ISO codes, and the words of the names of currencies."""
    yield from ("Rs", "Sh", "Shs", "Ksh", "TSh", "Rp", "RM", "Fr", "Kr", "Lt", "Tk", "Ft")
    for locale in locales:
        yield from locale.currencies
        yield from locale.currency_symbols.values()
        for name in locale.currencies.values():
            yield from (word for word in name.split() if len(word) > 2)
