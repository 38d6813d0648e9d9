"""Numbers of a text that its translation lacks, whichever way either writes them."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from isoglot.core.languages import locale_of
from isoglot.core.number_words import number_words
from isoglot.core.numbers import numbers_in, with_plain_numbers

_ROMAN = re.compile(r"(?<!\w)(?=[IVXL])(XL|L?X{0,3})(IX|IV|V?I{0,3})(?!\w)")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50}
_CLOCK = re.compile(
    r"\d\s*[ap]\.?\s?m\b|o'clock|\d ?[:時时點点시] ?\d|(?<!\d)\d\d?[.h]\d\d(?!\d)", re.IGNORECASE
)
_CALENDARS = {
    **dict.fromkeys(("th", "lo", "km"), (543,)),
    **dict.fromkeys(("am", "ti"), (7, 8)),
    **dict.fromkeys(("fa", "prs", "ps"), (621, 622)),
    **dict.fromkeys(("ne", "mai"), (56, 57)),
    "zh-Hant": (1911,),
}
"""Years between the calendar of a language and the common one."""
_NUM_JOINED = 4


class _Written(NamedTuple):
    digits: str
    value: Fraction
    is_magnified: bool
    """True if a word of magnitude belongs to it, or if it is in Han numerals."""


def missing_numbers(text: str, tag: str, other: str, other_tag: str) -> list[str]:
    """Return the digits of each number of `text` that `other` has in no form.

    `5,000,000` is `5 millones`, `5 миллионов`, `50 लाख` and `500万`, the 19th century XIX, May 5月.
    Where no word that CLDR knows says how many, a number below 1000 may count thousands, millions
    or billions, and in a language whose words it does not know any power of ten from a hundred on.
    """
    there = list(_written(with_plain_numbers(other), other_tag))
    named = _named(other, other_tag)
    known = [number.digits for number in there]
    joined = {
        "".join(known[start:end]).lstrip("0")
        for start in range(len(known))
        for end in range(start + 2, start + _NUM_JOINED + 1)
    }
    likeness = _Likeness(text, tag, other, other_tag)
    return [
        number.digits
        for number in _written(with_plain_numbers(text), tag)
        if not (
            number.digits.lstrip("0") in joined
            or number.value in named
            or any(likeness.is_same(number, each) for each in there)
        )
    ]


def _written(text: str, tag: str) -> Iterator[_Written]:
    for number in numbers_in(text, tag):
        written = text[number.start : number.end]
        runs = re.findall(r"\d+", written)
        if len(number.values) == 1 and "/" not in written:
            value = abs(number.values[0])
            is_magnified = any(map(str.isalpha, written))
            yield _Written("".join(runs) or str(value.numerator), value, is_magnified)
        else:  # a date, a time, a range, a fraction
            yield from (_Written(run, Fraction(run), False) for run in runs)


def _named(text: str, tag: str) -> set[Fraction]:
    """Return the numbers of names of months, of Roman numerals and of signs that are no digits."""
    values: set[float] = {
        unicodedata.numeric(char) for char in text if char.isnumeric() and not char.isdecimal()
    }
    values |= {_of_roman(found[0]) for found in _ROMAN.finditer(text)}
    lowered = text.lower()
    values |= {month for name, month in _months(tag).items() if name in lowered}
    return {Fraction(value).limit_denominator(100) for value in values}


def _of_roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    following = [*values[1:], 0]
    return sum(
        -one if one < next_one else one for one, next_one in zip(values, following, strict=True)
    )


@cache
def _months(tag: str) -> Mapping[str, int]:
    """Return CLDR's names of the months in lower case, with their numbers."""
    locale = locale_of(tag)
    return {
        name.lower(): month
        for form in (locale.months.values() if locale else ())
        for month, name in form["wide"].items()
        if any(map(str.isalpha, name))
    }


class _Likeness:
    """The ways in which numbers of two texts may be the same, though written differently."""

    def __init__(self, text: str, tag: str, other: str, other_tag: str) -> None:
        tags = (tag, other_tag)
        of_english = number_words("en").magnitudes.keys()
        unknown = [t for t in tags if t != "en" and number_words(t).magnitudes.keys() <= of_english]
        exponents = range(2, 13) if unknown else (3, 6, 9, 12)
        self.magnitudes = {10**exponent for exponent in exponents}
        is_clock = _CLOCK.search(f"{text}\n{other}") is not None
        # Swahili counts the hours from six.
        self.hours = {12, 6} if is_clock and "sw" in tags else {12} if is_clock else set()
        self.years = {years for each in tags for years in _CALENDARS.get(each, ())}

    def is_same(self, a: _Written, b: _Written) -> bool:
        """Return whether both may be the same number."""
        if a.value == b.value:
            return True
        if a.is_magnified and b.is_magnified:
            return False
        short, long = sorted((a.digits.lstrip("0"), b.digits.lstrip("0")), key=len)
        small, large = sorted((a.value, b.value))
        return (
            short == long  # 1.5 and 1,50 differ, 3 million of an unknown word does not
            or (len(short) == 2 and len(long) == 4 and long.endswith(short))  # 1995-96, the 80s
            or (large <= 24 and large - small in self.hours)
            or (len(long) == 4 and large - small in self.years)
            or (0 < small <= 21 and large == 100 * (small - 1))  # the 17th century, the 1600s
            or (0 < small < 1000 and large / small in self.magnitudes)
        )
