"""Character n-grams of a text, in any script: what tells that two texts are nearly the same.

Words would need a segmenter in scripts without spaces; characters need none.
"""

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isoglot.core.languages import LANGUAGES

Grams = NDArray[np.uint32]
"""The hashed n-grams of a text: sorted, each once."""

NUM_CHARS = 5
NUM_CHARS_DENSE = 3
"""Characters in an n-gram: five, and three in scripts where one says as much as a syllable or a
word (about a word of English either way)."""

DENSE_SCRIPTS = frozenset(
    ("Hans", "Hant", "Hani", "Jpan", "Kore", "Hang", "Ethi", "Thai", "Laoo", "Khmr", "Mymr", "Tibt")
)
"""Han, kana, Hangul, Ethiopic, and the scripts of South-East Asia that leave no spaces."""

_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_DROPPED = ("P", "Z", "Cc", "Cf")
_LAST = 0x1FFFF
"""Beyond it there is Han, all of which stays; looking at every code point takes a second."""


def gram_chars(tag: str) -> int:
    """How many characters an n-gram has in a language; one that is not in the table has five."""
    row = LANGUAGES.get(tag)
    return NUM_CHARS_DENSE if row and row.script in DENSE_SCRIPTS else NUM_CHARS


def bare(text: str) -> NDArray[np.uint32]:
    """The code points of a text that stay when its looks do not count.

    Unicode NFKC, case folded (Turkish dotless and dotted i are one), without blanks, punctuation
    and invisible characters. Digits, symbols such as + and vowel signs stay.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = unicodedata.normalize("NFKC", folded).replace("ı", "i").replace("i\u0307", "i")
    points = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return points[_stays()[np.minimum(points, _LAST)]]


def ngrams(text: str, num_chars: int) -> Grams:
    """The n-grams of a text; of one that is shorter the whole text, of an empty one none."""
    points = bare(text).astype(np.uint64)
    num_chars = min(num_chars, len(points))
    if not num_chars:
        return np.empty(0, np.uint32)
    num = len(points) - num_chars + 1
    hashed = np.zeros(num, np.uint64)
    for start in range(num_chars):
        hashed = (hashed + points[start : start + num] + np.uint64(1)) * _FIRST
        hashed ^= hashed >> np.uint64(29)
    return np.unique(((hashed * _SECOND) >> np.uint64(32)).astype(np.uint32))


def jaccard(a: Grams, b: Grams) -> float:
    """Shared n-grams over all n-grams, 0 to 1; two texts without any are the same."""
    if not len(a) and not len(b):
        return 1.0
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


@cache
def _stays() -> NDArray[np.bool_]:
    """Of each code point whether `bare` keeps it."""
    kinds = map(unicodedata.category, map(chr, range(_LAST + 1)))
    return np.array([not kind.startswith(_DROPPED) for kind in kinds])
