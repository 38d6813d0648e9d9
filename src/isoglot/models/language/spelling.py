"""Write words in one spelling, where a language is written in several that read alike.

Keyboards and publishers differ in letters of the same shape, in optional vowel points and in
apostrophes. The identifier classifies and counts words in the one spelling, so that none of these
decides the language. Letters that keyboards of Arabic, Persian and Urdu have one each of do tell
those languages apart: they are kept, and a text is read as it would be typed on each keyboard.
"""

import re
import unicodedata

_SAME = {
    "ا": "ٱ",
    "ş": "ș",  # Romanian, with comma below
    "Ş": "Ș",
    "ţ": "ț",
    "Ţ": "Ț",
    "'": "’ʼʻʹ′`´",
}
# Optional points of Arabic (not the hamza and madda of letters), its tatweel, those of Hebrew.
_POINTS = "\u0610-\u061a\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06ed\u0591-\u05c7"
_OPTIONAL = [
    char
    for first, last in re.findall(r"(.)-(.)", _POINTS)
    for char in map(chr, range(ord(first), ord(last) + 1))
    if unicodedata.category(char) == "Mn"
]
SPELLINGS = {other: one for one, others in _SAME.items() for other in others}
SPELLINGS |= dict.fromkeys(["\u0640", *_OPTIONAL], "")
"""The one spelling of each letter or sign that has others; "" where it is optional."""

_YEH_KAF_HEH = ("يكه", "یکه", "یکہ")  # ى is a letter of Arabic in its own right
KEYBOARDS = tuple(
    {ord(other): one for each in _YEH_KAF_HEH for other, one in zip(each, own, strict=True)}
    for own in _YEH_KAF_HEH
)
"""The letters of an Arabic, a Persian and an Urdu keyboard, for `str.translate`."""

_TABLE = str.maketrans(SPELLINGS)
_APOSTROPHE = re.compile(r"(?<=\w)‘(?=\w)")  # else it opens a quotation


def one_spelling(text: str) -> str:
    """Return a text in Unicode form NFKC in the one spelling of its words."""
    return text if text.isascii() else _APOSTROPHE.sub("'", text).translate(_TABLE)
