"""Forms, lengths, digits and repetition in a text of any script."""

import re
import unicodedata
from collections import Counter
from functools import cache

_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_WORDED = re.compile(r"[^\W_]")

_INVISIBLE = re.compile(  # Default_Ignorable_Code_Point of Unicode 15.1
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]+"
)

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def folded(text: str) -> str:
    """Return one form for all texts that read alike, to compare and classify them by.

    The form is Unicode's NFKC (full-width letters, ligatures and Arabic presentation forms become
    plain letters) without invisible characters: soft hyphens, joiners, direction marks, variation
    selectors. Exponents, indices, fractions and circled numbers stay: `10²` is not `102`. The am of
    Thai and Lao stays one letter, as it is typed, and so do case and white space. A text, its NFC,
    NFD and folded form have the same folded form.
    """
    if text.isascii():
        return text
    parts = _raised().split(_INVISIBLE.sub("", text))
    parts[::2] = [unicodedata.normalize("NFKC", part) for part in parts[::2]]
    plain = unicodedata.normalize("NFC", "".join(parts))
    return plain.replace("\u0e4d\u0e32", "ำ").replace("\u0ecd\u0eb2", "ຳ")


@cache
def _raised() -> re.Pattern[str]:
    """Match characters of one digit or letter that change their meaning on a plain line."""
    forms = ("<super>", "<sub>", "<fraction>", "<circle>")
    chars = [c for c in map(chr, range(0x10000)) if unicodedata.decomposition(c).startswith(forms)]
    return re.compile("([" + re.escape("".join(set(chars) - set("ªº™℠"))) + "]+)")


def normalise(text: str) -> str:
    """Return the text in Unicode form NFC, every run of white space one blank, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def same_text(one: str, other: str) -> bool:
    """True for texts that read alike: the same but for their form (`folded`) and white space."""
    return one == other or normalise(folded(one)) == normalise(folded(other))


def printable(text: str) -> str:
    """Replace what a terminal obeys by U+FFFD: control characters and overrides of direction.

    Line breaks and tabs stay.
    """
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


def whole_characters(text: str) -> str:
    """Replace each half of a surrogate pair, which no file can hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def length_chars(text: str) -> int:
    """Count the code points of the normalised text, so that a decomposed text is not longer."""
    return len(normalise(text))


def digits_to_ascii(text: str) -> str:
    """Replace every decimal digit of Unicode (category Nd) by one of 0 to 9."""
    return _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text)


def has_repetition(
    text: str, *, min_line_repeats: int = 5, min_loop_repeats: int = 5, min_loop_chars: int = 32
) -> bool:
    """Return True if a line is repeated often, or the text ends in a loop.

    A line counts from `min_line_repeats` copies on, as in the code released with LIDR (Yang et al.
    2024, arXiv:2410.08964). A loop is any stretch of characters, from a word of Han to a sentence,
    that is repeated `min_loop_repeats` times at the end and fills `min_loop_chars`. Lines and
    stretches without a letter or digit, as in code and tables, do not count.
    """
    lines = Counter(line.strip() for line in text.splitlines() if _WORDED.search(line))
    if any(copies >= min_line_repeats for copies in lines.values()):
        return True
    return _ends_in_loop(normalise(text), min_loop_repeats, min_loop_chars)


def _ends_in_loop(text: str, min_repeats: int, min_chars: int) -> bool:
    for period in range(1, len(text) // min_repeats + 1):
        unit = text[-period:]
        if not text.endswith(unit, 0, -period):  # the common case, without building the loop
            continue
        repeats = max(min_repeats, -(-min_chars // period))
        if text.endswith(unit * repeats) and _WORDED.search(unit):
            return True
    return False
