"""Numbers in a text of any language.

Read are the digits of every script, Han numerals, groups of digits and decimals by any convention,
fractions, powers, words of magnitude (CLDR's: `5 millones`, `50 लाख`, `elfu 3`) and minus in its
many forms. A time, a date or a duration of two units is a number whose value is unknown.
"""

import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from isoglot.core.han_numbers import HAN, read_han
from isoglot.core.latex import plain_latex
from isoglot.core.number_words import UNSPACED, NumberWords, number_words
from isoglot.core.text import digits_to_ascii, folded


class ReadNumber(NamedTuple):
    """A number as it stands in a text of `with_plain_numbers`."""

    start: int
    end: int
    values: tuple[Fraction, ...]
    """Its value; several where the writing leaves open which (`3-5`), none where it is no plain
    number (`10:30`)."""
    fraction: Fraction | None = None
    """The value of `1.125` or `25%` where a number below one, or between whole ones, is expected;
    `values` has 1125 and 25."""

    def equals(self, expected: Fraction) -> bool | None:
        """Return whether the number is the expected one; None if that is unknown."""
        if expected.denominator > 1 and expected == self.fraction:
            return True
        if self.values and expected not in self.values:
            return False
        return True if len(self.values) == 1 else None


# After `folded`, which leaves ASCII of full-width forms and the plain blank of all others.
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("−➖˗‐‑", "-"),
        **dict.fromkeys("’ʼ", "'"),
        **{"٫": ".", "٬": ",", "،": ",", "⁄": "/"},
    }
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_EXPONENT_SIGNS = re.compile(r"(?<=[\d)])[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
# Between digits these commas separate, as in a list, unless a group of thousands follows.
_WIDE_COMMA = re.compile(r"(?<=\d)[，،](?=\d)(?!\d{3}(?!\d))")
_VULGAR = re.compile(r"(\d?)([¼-¾⅐-⅞↉])")

_START = re.compile(
    rf"""
    (?P<indian> (?<!\d)(?<!\d[.,]) [1-9]\d?(?:,\d\d)+,\d{{3}} (?P<indian_point>\.\d+)?
        (?!\d|[.,]\d) )
  | (?P<grouped> (?<!\d)(?<!\d[.,]) [1-9]\d{{0,2}} (?P<mark>[.,' ])\d{{3}} (?:(?P=mark)\d{{3}})*
        (?P<point>(?!(?P=mark))[.,]\d+)? (?!\d|[.,]\d) )
  | (?P<decimal> (?<!\d)(?<!\d[.,]) \d+(?P<decimal_point>[.,]\d+) (?!\d|[.,]\d) )
  | (?P<bare> (?<![\w.]) \.\d+ (?!\d|[.,]\d) )
  | (?P<whole> \d+ )
  | (?P<han> [{HAN}]+ )
    """,
    re.VERBOSE,
)
_PARTS = re.compile(rf"([\d.]+|[{HAN}]+) ?(?:分之|分の|분의) ?([\d.]+|[{HAN}]+)")
_POWER = re.compile(r" ?\^ ?\(?([+-]?\d+)\)?")
_EXPONENT = re.compile(r"[eE]([+-]?\d+)(?!\w)| ?[×x·⋅*] ?10 ?\^ ?\(?([+-]?\d+)\)?")
_OVER = re.compile(r" ?/ ?(\d+)(?![\d/]|[.,]\d)")
_MIXED = re.compile(r"(?: |-| ?\+ ?)(\d+) ?/ ?(\d+)(?![\d/]|[.,]\d)")
_MORE = re.compile(r" (\d+)(?= )")
_PERCENT = re.compile(r" ?[%٪]")
_RUN = re.compile(
    r"(?: ?:\d+)+|(?: : \d+)+|(?:[./]\d+){2,}|(?:-\d+){2,}"
    r"| ?[hH] ?\d\d?(?!\w)| ?[点點時时시](?: ?\d|半)"
)
_RANGE = re.compile(r"(?:[-–‒~〜]| [–‒~〜] )(?=[\d.])")
_OPERATOR = re.compile(r" ?([+×÷⋅·]) ?(?=\d)| ([-x/]) (?=\d)")
_UNREAD_BEFORE = re.compile(r"(?:√|[\^_]|\\(?:sqrt|log|ln|sin|cos|tan|binom|sum|int))[ (]*$")
_UNREAD_AFTER = re.compile(r" ?(?:√|π|\\(?:pi|sqrt|log|ln|sin|cos|tan))|\)? ?/ ?\(")
_SIGN = re.compile(rf"(?:(?<![)\]\d-])(?<![^\W{UNSPACED}])[-–‒]|(?:^|(?<=[:=(]))[ ]*[-–‒] )$")
_CURRENCY = re.compile(r"(?<=[-–‒ ])([^\s\d().,:;–-]{1,5}\.?) ?$")
_MAX_EXPONENT = 400


def with_plain_numbers(text: str) -> str:
    r"""Return a text in which numbers are of ASCII: `３，４００` is `3,400`, `3½` is `3 1/2`.

    LaTeX becomes plain text (`\dfrac{1}{2}` is `1/2`), an exponent a power (`5²` is `5^2`).
    """
    text = folded(_WIDE_COMMA.sub(", ", text))
    text = digits_to_ascii(plain_latex(text).translate(_SIGNS))
    text = _EXPONENT_SIGNS.sub(lambda power: "^" + power[0].translate(_RAISED), text)
    return _VULGAR.sub(_written_out, text)


def numbers_in(text: str, tag: str = "en") -> Iterator[ReadNumber]:
    """Yield the numbers of a text of `with_plain_numbers`, by words of a language and English.

    The convention of a text is unknown, so the rule depends on the number alone:

    * Of two different separators the last is the decimal one: `1,234.5` and `1.234,5`.
    * One kind of separator (comma, point, apostrophe, blank) before groups of exactly three digits
      groups thousands: `1,234`, `1.234`, `1 234` are all 1234. So does the Indian `1,23,456`.
    * Any other single comma or point is decimal: `3,5`, `0.125`, `1234.567`.
    * A minus counts if it touches the number and no word, digit or bracket before it, or if it
      stands first in the text or after an equals sign or a colon: `x = - 5`.
    * A single Han numeral is a word more often than a number (一共): it counts in a text without
      other numbers.
    """
    words = number_words(tag)
    single: list[ReadNumber] = []
    position, any_found = 0, False
    while match := _START.search(text, position):
        reading = _Reading(text, match, words)
        number = reading.number() if reading.is_number else None
        position = max(match.end(), number.end if number else 0)
        if number is None:
            continue
        if match["han"] and number.end - match.start() == 1:
            single.append(number)
        else:
            any_found = True
            yield number
    if not any_found:
        yield from single


def last_number(text: str, tag: str = "en") -> ReadNumber | None:
    """Return the last number of any text; None if there is none."""
    found = list(numbers_in(with_plain_numbers(text), tag))
    return found[-1] if found else None


def _written_out(vulgar: re.Match[str]) -> str:
    value = str(Fraction(unicodedata.numeric(vulgar[2])).limit_denominator(10))
    return f"{vulgar[1]} {value}" if vulgar[1] else value


def _whole(numeral: str) -> Fraction | None:
    if numeral[0] in HAN:
        found = read_han(numeral, 0)
        return found[0] if found else None
    return Fraction(numeral) if re.fullmatch(r"\d+(\.\d+)?", numeral) else None


class _Reading:
    """A number that grows from its digits by what stands before and after them."""

    def __init__(self, text: str, match: re.Match[str], words: NumberWords) -> None:
        self.text, self.words = text, words
        self.start, self.end = match.span()
        self.value: Fraction = Fraction(0)
        self.fraction: Fraction | None = None
        self.values: tuple[Fraction, ...] | None = None
        """The values, where they are not the one."""
        self.is_number = self._amount(match)

    def number(self) -> ReadNumber:
        """Return the number, with its sign and all that belongs to it."""
        self._magnify()
        self._divide()
        self._raise()
        self._join()
        if self._take(_UNREAD_AFTER) or _UNREAD_BEFORE.search(
            self.text[max(0, self.start - 12) : self.start]
        ):
            self.values = ()
        if self._take(_PERCENT):
            self.fraction = self.value / 100
        sign = self._sign()
        values = (self.value,) if self.values is None else self.values
        fraction = None if self.fraction is None else sign * self.fraction
        return ReadNumber(self.start, self.end, tuple(sign * value for value in values), fraction)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match a pattern behind what was read, which then belongs to the number."""
        if match := pattern.match(self.text, self.end):
            self.end = match.end()
        return match

    def _amount(self, match: re.Match[str]) -> bool:
        """Read the digits, or Han numerals, or both mixed; False if these are no number."""
        if parts := _PARTS.match(self.text, self.start):
            bottom, top = map(_whole, parts.groups())
            if bottom and top is not None:
                self.value, self.end = top / bottom, parts.end()
                if bottom == 100:
                    self.value, self.fraction = top, self.value
                return True
        if not match["han"]:
            self.value = self._digits(match)
        place, digits = (self.start, None) if match["han"] else (self.end, self.value)
        if found := read_han(self.text, place, digits):
            (self.value, self.end), self.fraction = found, None
        return not match["han"] or found is not None

    def _digits(self, match: re.Match[str]) -> Fraction:
        whole = match[0]
        points = (match["indian_point"], match["point"], match["decimal_point"], match["bare"])
        point = next(filter(None, points), "")
        digits = re.sub(r"\D", "", whole.removesuffix(point))
        if match["grouped"] and not point and match["mark"] in ".," and len(digits) < 7:
            self.fraction = Fraction(re.sub(r"[.,]", ".", whole))
        return Fraction((digits or "0") + point.replace(",", "."))

    def _magnify(self) -> None:
        """Read the words of magnitude before the number or after it, and a half."""
        words = self.words
        word = self._word_before()
        if magnitude := words.magnitudes_before.get(word.lower()):
            self.start -= len(word) + 1
            self.value *= magnitude
            self.fraction = None
        total = Fraction(0)
        while after := self._take(words.magnitude):
            magnitude = words.magnitudes[after[1].lower()]
            self.value *= magnitude
            self.fraction = None
            more = _MORE.match(self.text, self.end)
            lower = words.magnitude.match(self.text, more.end()) if more else None
            if more and lower and words.magnitudes[lower[1].lower()] < magnitude:
                total += self.value
                self.value, self.end = Fraction(more[1]), more.end()
        self.value += total
        if self._take(words.half):
            self.value += Fraction(1, 2)

    def _divide(self) -> None:
        """Read `1/2`, `3 1/2` and `3 and 1/2`."""
        if self.value.denominator == 1 and (mixed := self._mixed()):
            self.value += Fraction(int(mixed[1]), int(mixed[2]))
        elif (over := _OVER.match(self.text, self.end)) and int(over[1]):
            self.end = over.end()
            self.value /= int(over[1])
        else:
            return
        self.fraction = None

    def _mixed(self) -> re.Match[str] | None:
        """Take a proper fraction after a whole number."""
        joined = self.words.conjunction.match(self.text, self.end)
        for start in (self.end, joined.end() - 1 if joined else self.end):
            mixed = _MIXED.match(self.text, start)
            if mixed and 0 < int(mixed[1]) < int(mixed[2]):
                self.end = mixed.end()
                return mixed
        return None

    def _raise(self) -> None:
        """Read `10^3`, `2e3` and `2 × 10^3`; a power too large to write has no value."""
        if exponent := self._take(_EXPONENT):
            power, factor = int((exponent[1] or exponent[2])[:6]), Fraction(10)
        elif exponent := self._take(_POWER):
            power, factor, self.value = int(exponent[1][:6]), self.value, Fraction(1)
        else:
            return
        self.fraction = None
        is_tower = self._take(_POWER) is not None
        if is_tower or abs(power) > _MAX_EXPONENT or abs(factor) > 10**9 or not factor:
            self.values = ()
        else:
            self.value *= factor**power

    def _join(self) -> None:
        """Read what makes of several numbers one: a time, a date, a range, a sum, two units."""
        if self._take(_RUN) or self._two_units():
            self.values = ()
        elif joint := _RANGE.match(self.text, self.end):
            self._combine(joint.end(), "-")
        elif joint := _OPERATOR.match(self.text, self.end):
            self._combine(joint.end(), joint[1] or joint[2])

    def _combine(self, start: int, operator: str) -> None:
        """Read an operation that was left open, whose value may be any of its numbers."""
        match = _START.match(self.text, start)
        if match is None or match["han"]:
            return
        other = _Reading(self.text, match, self.words)
        number = other.number()
        self.end, self.fraction = number.end, None
        if len(number.values) != 1:
            self.values = ()
            return
        left, right = self.value, number.values[0]
        results = {"+": left + right, "-": left - right}
        if operator in "×x⋅·":
            results[operator] = left * right
        if operator in "÷/" and right:
            results[operator] = left / right
        self.values = tuple({left, right, results.get(operator, left)})

    def _two_units(self) -> bool:
        """Read the second of two units: `2 hours 30 minutes`, `5 ft 3`, `saa 2 na dakika 30`."""
        words, before = self.words, self._word_before().lower()
        unit = words.unit.match(self.text, self.end)
        is_before = unit is None and before in words.measures
        if unit is None and not is_before:
            return False
        end = unit.end() if unit else self.end
        joint = words.conjunction.match(self.text, end)
        rest = self.text[joint.end() if joint else end :][:60]
        second = (
            rf" ?(?:{words.unit.pattern}) ?\d+" if is_before else rf"\d+(?:{words.unit.pattern})"
        )
        found = re.match(rf"[ ,]*{second}", rest, re.IGNORECASE)
        if found is None:
            return False
        first = before if unit is None else unit[1].lower()
        if not words.measures[first] & words.measures.get(found[1].lower(), set()):
            return False
        self.end = (joint.end() if joint else end) + found.end()
        return True

    def _word_before(self) -> str:
        """Return the word that stands before the number, after which a blank is."""
        found = re.search(r"[^\s\d.,;:()]+(?= $)", self.text[max(0, self.start - 24) : self.start])
        return found[0] if found else ""

    def _sign(self) -> int:
        """Read the minus, in a sign or a word, before the number and its currency."""
        first = max(0, self.start - 40)
        before = self.text[first : self.start]
        if (between := _CURRENCY.search(before)) and self.words.currency.fullmatch(between[1]):
            before = before[: between.start(1)]
        sign = _SIGN.search(before)
        word = None if sign else self.words.minus.search(before)
        if word and re.search(r"[\d)] ?$", before[: word.start()]):
            word = None  # 10 minus 5
        if found := sign or word:
            self.start = first + found.start()
        return -1 if found else 1
