"""Character n-grams of a text in any script, by which near-duplicates are found.

Words would need a segmenter in scripts without spaces; characters need none.
"""

import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isoglot.core.languages import LANGUAGES
from isoglot.core.text import folded

Grams = NDArray[np.uint32]
"""The distinct hashed n-grams of a text, sorted."""

_NUM_CHARS = 5
_NUM_CHARS_DENSE = 3
"""Characters in an n-gram: five, and three in scripts whose characters are syllables or words,
which is about a word of English either way."""

_DENSE_SCRIPTS = frozenset(
    ("Hans", "Hant", "Hani", "Jpan", "Kore", "Hang", "Ethi", "Thai", "Laoo", "Khmr", "Mymr", "Tibt")
)
"""Han, kana, Hangul, Ethiopic, and the scripts of South-East Asia that leave no spaces."""

_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_DROPPED = ("P", "Z", "Cc", "Cf")
_LAST = 0x1FFFF
"""Beyond it is Han, all of which is kept; a table of every code point would take a second."""


def gram_chars(tag: str) -> int:
    """Return the number of characters of an n-gram in a language; five for an unknown tag."""
    row = LANGUAGES.get(tag)
    return _NUM_CHARS_DENSE if row and row.script in _DENSE_SCRIPTS else _NUM_CHARS


def bare(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text without its formatting.

    Unicode NFKC, case folded (Turkish dotless and dotted i are one), without blanks, punctuation
    and invisible characters. Digits, symbols such as + and vowel signs are kept.
    """
    plain = unicodedata.normalize("NFKC", folded(text)).casefold()
    plain = unicodedata.normalize("NFKC", plain).replace("ı", "i").replace("i\u0307", "i")
    points = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return points[_is_kept()[np.minimum(points, _LAST)]]


def ngrams(text: str, num_chars: int) -> Grams:
    """Return the n-grams of a text; a shorter text is one n-gram, an empty one has none."""
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
    """Return shared n-grams over all n-grams, 0 to 1; two texts without any are equal."""
    if not len(a) and not len(b):
        return 1.0
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)


@cache
def _is_kept() -> NDArray[np.bool_]:
    """Return for each code point up to `_LAST` if `bare` keeps it."""
    kinds = map(unicodedata.category, map(chr, range(_LAST + 1)))
    return np.array([not kind.startswith(_DROPPED) for kind in kinds])
