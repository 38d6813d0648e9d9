"""Identification of the languages of the almanac by its words, which are all known.

A date or a name of two words is too short for an identifier of real languages; here every possible
word is known. A text that several languages write alike stays unsure.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from itertools import product
from statistics import multimode

from isoglot.core.languages import LANGUAGES
from isoglot.lab.almanac import DAY, MAX_COUNT, MAX_NUMBER, MAX_STEPS, MONTH, SUM_UNITS, words_of

_BETWEEN = re.compile(r"[\s\d.,;:+()\[\]/\-\u060c\u1363\u3001\u104a]+")
_UNSPACED = ("Hans", "Hant", "Jpan", "Thai", "Laoo", "Khmr", "Mymr")
"""Scripts without a blank between the words of a list."""


class AlmanacIdentifier:
    """Identifies the candidate with most words of a text; None if several have as many.

    Words that no candidate has are ignored.
    """

    name = "almanac"

    def __init__(self, languages: Sequence[str]) -> None:
        self._languages = list(languages)

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        return [self._identify(text) for text in texts]

    def foreign_shares(self, texts: Sequence[str], languages: Sequence[str]) -> list[float]:  # noqa: ARG002
        """Find nothing: answers of a few words are in one language."""
        return [0.0 for _ in texts]

    def _identify(self, text: str) -> str | None:
        pairs = product(_words(text), self._languages)
        best = multimode(language for word, language in pairs if _has(language, word))
        return best[0] if len(best) == 1 else None


def _words(text: str) -> list[str]:
    return [word for word in _BETWEEN.split(text.casefold()) if word]


@cache
def _has(language: str, word: str) -> bool:
    """Return True for a word of the language or, in a script without blanks, several of them."""
    lexicon = _lexicon(language)
    if word in lexicon or LANGUAGES[language].script not in _UNSPACED:
        return word in lexicon
    ends = {0}
    for end in range(1, len(word) + 1):
        if any(word[start:end] in lexicon for start in ends):
            ends.add(end)
    return len(word) in ends


@cache
def _lexicon(language: str) -> frozenset[str]:
    """Collect every word that the almanac can use in a language."""
    return frozenset(word for text in _everything(language) for word in _words(text))


def _everything(language: str) -> Iterator[str]:
    words = words_of(language)
    yield from (*words.weekdays, *words.months)
    for units, most in (((DAY, MONTH), MAX_STEPS), (SUM_UNITS, 2 * MAX_COUNT)):
        yield from (words.counted(num, unit) for unit in units for num in range(1, most + 1))
    yield from (words.number(num) for num in range(1, MAX_NUMBER + 1))
    yield from (words.full(date(2023, month, 1)) for month in range(1, 13))
    yield from (words.full(date(2023, 1, day)) for day in range(1, 8))
    for names in (words.places, words.languages):
        yield from names
        for index in range(len(names)):
            three = [names[(index + i) % len(names)] for i in range(3)]
            yield from (words.listed(three), words.listed(three[:2]))
    if LANGUAGES[language].script in _UNSPACED:  # the words between the last two items of a list
        yield words.listed(["1", "2", "3"])
