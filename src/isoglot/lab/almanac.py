"""The lab's second world: small sums about dates, numbers, units and names, in a hundred languages.

Every word comes from Unicode's CLDR, through Babel: weekdays, months, full dates, counted units,
lists, names of countries and languages. Numbers in words follow CLDR's spell-out rules, which Babel
lacks: `numerals.tsv` holds them as ICU 72 writes them, for the languages that have some; the others
count days instead. A sum is words and signs alone, so that no language needs a sentence that CLDR
does not have.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.language_sets import SETS
from isoglot.core.records import content_id
from isoglot.core.text import normalise

ALMANAC_LANGUAGES = SETS["xllms-100"]
SUM_KINDS = ("weekday", "month", "date", "number", "unit", "places", "languages")
_WITH_PLACE = ("weekday", "month", "number")
SUM_UNITS = ("duration-hour", "duration-week", "length-kilometer", "mass-kilogram")
DAY, MONTH = "duration-day", "duration-month"
PLACES = ("BR", "CN", "DE", "EG", "FR", "GR", "IN", "JP", "KE", "MX", "RU", "TR")
_NAMED = ("ar", "de", "el", "en", "es", "fr", "hi", "it", "ja", "ru", "tr", "zh")
MAX_NUMBER, MAX_STEPS, MAX_COUNT = 12, 6, 12
FIRST_YEAR, NUM_YEARS, LAST_DAY = 2015, 20, 28


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum without words: its kind, and three numbers with a meaning for each kind."""

    kind: str
    a: int
    b: int
    c: int

    @property
    def family(self) -> str:
        return content_id("almanac", self.kind, str(self.a), str(self.b), str(self.c))


def sample_sum(rng: random.Random) -> Sum:
    """Sample a sum, each kind as likely as another."""
    kind, place = rng.choice(SUM_KINDS), rng.randrange(len(PLACES))
    match kind:
        case "weekday":
            return Sum(kind, rng.randrange(7), rng.randint(1, MAX_STEPS), place)
        case "month":
            return Sum(kind, rng.randrange(12), rng.randint(1, MAX_STEPS), place)
        case "date":
            year, month = FIRST_YEAR + rng.randrange(NUM_YEARS), rng.randint(1, 12)
            steps = rng.randint(1, MAX_STEPS)
            day = date(year, month, rng.randint(1, LAST_DAY - steps))  # the month stays
            return Sum(kind, day.toordinal(), steps, 0)
        case "number":
            a = rng.randint(1, MAX_NUMBER - 1)
            return Sum(kind, a, rng.randint(1, MAX_NUMBER - a), place)
        case "unit":
            a, b = rng.randint(1, MAX_COUNT), rng.randint(1, MAX_COUNT)
            return Sum(kind, a, b, rng.randrange(len(SUM_UNITS)))
        case _:
            return Sum(kind, *rng.sample(range(len(PLACES)), 3))


def terms(exercise: Sum, language: str) -> list[str]:
    """Return the two terms and the result in a language, or the three names of a list."""
    words = words_of(language)
    a, b, c = exercise.a, exercise.b, exercise.c
    match exercise.kind:
        case "weekday":
            return [words.weekdays[a], words.counted(b, DAY), words.weekdays[(a + b) % 7]]
        case "month":
            return [words.months[a], words.counted(b, MONTH), words.months[(a + b) % 12]]
        case "date":
            day = date.fromordinal(a)
            return [words.full(day), words.counted(b, DAY), words.full(day + timedelta(b))]
        case "number":
            return [words.number(a), words.number(b), words.number(a + b)]
        case "unit":
            return [words.counted(num, SUM_UNITS[c]) for num in (a, b, a + b)]
        case kind:
            names = words.places if kind == "places" else words.languages
            return [names[index] for index in (a, b, c)]


def render_sum(exercise: Sum, language: str) -> tuple[str, str]:
    """Return the prompt and the answer in a language.

    The kinds with few sums name a place too, so that there are many prompts of them.
    """
    parts, words = terms(exercise, language), words_of(language)
    if exercise.kind in ("places", "languages"):
        return "; ".join(parts), words.listed(parts)
    text, answer = f"{parts[0]} + {parts[1]}", parts[2]
    if exercise.kind in _WITH_PLACE:
        place = words.places[exercise.c]
        return f"{text}; {place}", words.listed([answer, place])
    return text, answer


class AlmanacWords:
    """The words of CLDR in one language."""

    def __init__(self, language: str) -> None:
        from babel import Locale

        self.locale: Any = Locale.parse(language, sep="-")
        days, months = self.locale.days["stand-alone"], self.locale.months["stand-alone"]
        self.weekdays = [_plain(days["wide"][index]) for index in range(7)]
        self.months = [_plain(months["wide"][index]) for index in range(1, 13)]
        self.places = [_plain(self.locale.territories[code]) for code in PLACES]
        self.languages = [_plain(self.locale.languages[code]) for code in _NAMED]
        self._numbers = numerals().get(language)
        self._counted: dict[tuple[int, str], str] = {}

    def counted(self, num: int, unit: str) -> str:
        """Return a text such as `3 days`; cached, since Babel is slow and these are few."""
        from babel.units import format_unit

        if (num, unit) not in self._counted:
            text = format_unit(num, unit, "long", locale=self.locale)
            self._counted[num, unit] = _plain(text)
        return self._counted[num, unit]

    def number(self, num: int) -> str:
        """Return a number in words if CLDR has them, else as so many days."""
        return self._numbers[num - 1] if self._numbers else self.counted(num, DAY)

    def full(self, day: date) -> str:
        """Return weekday, day, month and year, in the order of the language."""
        from babel.dates import format_date

        return _plain(format_date(day, "full", locale=self.locale))

    def listed(self, names: list[str]) -> str:
        """Return a list such as `a, b and c`."""
        from babel.lists import format_list

        return _plain(format_list(names, locale=self.locale))


@cache
def words_of(language: str) -> AlmanacWords:
    """Return the words of a language; raises InputError if CLDR lacks some of them."""
    from babel import UnknownLocaleError

    try:
        return AlmanacWords(language)
    except (KeyError, UnknownLocaleError):
        raise InputError(
            f"the almanac does not speak {language!r}: CLDR lacks words of it; take languages of "
            "the set xllms-100"
        ) from None


@cache
def numerals() -> Mapping[str, list[str]]:
    """Return language to its numbers from 1 to `MAX_NUMBER` in words."""
    text = files("isoglot.lab").joinpath("numerals.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {tag: [_plain(word) for word in words] for tag, *words in rows}


def _plain(text: str) -> str:
    """Normalise blanks and remove marks of direction, which are invisible."""
    return normalise(text.replace("\u200e", "").replace("\u200f", "").replace("\u061c", ""))
