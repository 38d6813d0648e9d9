"""Graders of a text against a gold answer: from 1.0, right, to 0.0, wrong."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import groupby, takewhile
from typing import Literal

from isoglot.core.errors import InputError
from isoglot.core.number_words import numeral_of_any_language
from isoglot.core.numbers import last_number
from isoglot.core.text import digits_to_ascii, normalise
from isoglot.evals.latex import grade_latex

Grader = Callable[[str, str], float | None]
"""Text, gold answer → a grade from 0 to 1, or None where the text cannot be graded."""

_SEPARATORS = re.compile(r"[,;\n\u3001\uff0c\uff1b\u060c\u061b]")
_SENTENCE_END = re.compile(r"[.!?\n\u3002\uff01\uff1f\u0964\u061f\u06d4\u1362]+")
_HEADING = re.compile(r"^[^:\uff1a]*[:\uff1a]")
_NUMBER = re.compile(r"(?<!\d)[-\u2212]?\d+(?:\.\d+)?")
# Written without spaces between words, so an item is found wherever its characters occur.
_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def grade_last_number(text: str, gold: str) -> float | None:
    """Return 1.0 if the last number of the text is the gold number, 0.0 otherwise or without one.

    None where the value of the last number is unknown: a time, a range with the gold in it, or a
    number in words in the last sentence of a text without any in digits.

    Raises:
        InputError: the gold has no number.
    """
    expected = last_number(gold)
    if expected is None or len(expected.values) != 1:
        raise InputError(f"gold {gold!r:.60}: expected a number, came none; mend the gold column")
    number = last_number(text)
    if number is None:
        sentences = [part for part in _SENTENCE_END.split(text) if part.strip()]
        in_words = sentences and numeral_of_any_language().search(sentences[-1])
        return None if in_words else 0.0
    # `1.125` is 1125 here, as in the gold.
    is_gold = number._replace(fraction=None).equals(expected.values[0])
    return None if is_gold is None else float(is_gold)


def grade_exact(text: str, gold: str) -> float | None:
    """Return 1.0 if text and gold are equal but for case and blanks, else 0.0."""
    return float(_normalised(text.strip()) == _normalised(gold.strip()))


def grade_listed_items(text: str, gold: str) -> float | None:
    """Grade a list of `count` different items, taken from those allowed.

    Gold is JSON, `{"count": 3, "items": [["red", "crimson"], ["blue"], …]}`: each item with its
    synonyms. The grade is max(0, d - e) / count. d is the number of different items found as whole
    words, at most `count`; e is the number of items beyond `count` plus that of list entries
    (between commas, semicolons and line ends, after a heading with a colon) without any item. So
    1.0 is exactly `count` items and nothing else.

    Raises:
        InputError: the gold is not such JSON.
    """
    count, item_of = _listed_gold(gold)
    pattern = _any_of(tuple(item_of))
    body = _normalised(text)
    # Text before a colon is a heading unless it names an item itself.
    heading = _HEADING.match(body)
    if heading and not pattern.search(heading.group()):
        body = body[heading.end() :]
    found: set[int] = set()
    num_other = 0
    for entry in filter(None, map(_bare, _SEPARATORS.split(body))):
        items = {item_of[match.group()] for match in pattern.finditer(entry)}
        found |= items
        num_other += not items
    excess = max(0, len(found) - count) + num_other
    return max(0, min(len(found), count) - excess) / count


def grade_sequence(text: str, gold: str) -> float | None:
    """Return the length of the common prefix of two sequences over that of the longer one.

    If the gold is all numbers, the numbers of the text are compared, else the entries between
    commas, semicolons and line ends; both after a heading with a colon.

    Raises:
        InputError: the gold has no entries.
    """
    expected = _entries(gold, numeric=False)
    numeric = all(_NUMBER.fullmatch(entry) for entry in expected)
    if numeric:
        expected = _entries(gold, numeric=True)
    if not expected:
        raise InputError(
            f"gold {gold!r:.60}: expected entries between commas, came none; mend the gold"
        )
    entries = _entries(text, numeric=numeric)
    pairs = zip(entries, expected, strict=False)
    prefix = list(takewhile(lambda pair: pair[0] == pair[1], pairs))
    return len(prefix) / max(len(entries), len(expected))


def _grade_listed(text: str, gold: str) -> float | None:
    """Grade by the kind of gold, for sets that hold both: JSON of items, or a sequence."""
    return (grade_listed_items if gold.startswith("{") else grade_sequence)(text, gold)


GraderName = Literal["last_number", "listed_items", "sequence", "listed", "exact", "latex"]

GRADERS: Mapping[GraderName, Grader] = {
    "last_number": grade_last_number,
    "listed_items": grade_listed_items,
    "sequence": grade_sequence,
    "listed": _grade_listed,
    "exact": grade_exact,
    "latex": grade_latex,
}


def _last_value(text: str) -> str | None:
    number = last_number(text)
    return str(number.values[0]) if number and len(number.values) == 1 else None


FINAL_ANSWERS: Mapping[str, Callable[[str], str | None]] = {
    "last_number": _last_value,
    "sequence": lambda text: ", ".join(_entries(text, numeric=False)) or None,
    "exact": lambda text: _normalised(text.strip()) or None,
}
"""Readings of a text, by grader, that are equal where the grader takes one for the other."""


def _entries(text: str, *, numeric: bool) -> list[str]:
    body = _HEADING.sub("", _normalised(text), count=1)
    if numeric:
        numbers = _NUMBER.findall(digits_to_ascii(body))
        return [str(Decimal(number.replace("\u2212", "-")).normalize()) for number in numbers]
    return [entry for entry in map(_bare, _SEPARATORS.split(body)) if entry]


def _listed_gold(gold: str) -> tuple[int, dict[str, int]]:
    """Parse the gold of a list: the count, and normalised synonym → item."""
    try:
        parsed = json.loads(gold)
        count, items = int(parsed["count"]), parsed["items"]
        item_of = {
            _normalised(synonym): i for i, synonyms in enumerate(items) for synonym in synonyms
        }
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'gold {gold!r:.60}: expected JSON {{"count": 3, "items": [["red"], …]}}; mend the gold'
        ) from error
    if not 1 <= count <= len(items) or "" in item_of:
        raise InputError(
            f"gold {gold!r:.60}: expected a count from 1 to {len(items)} and no empty item"
        )
    return count, item_of


@lru_cache(maxsize=256)
def _any_of(synonyms: Sequence[str]) -> re.Pattern[str]:
    """Match any of the synonyms as whole words, the longest first: `dark red` is not also `red`."""
    longest_first = sorted(synonyms, key=lambda synonym: (-len(synonym), synonym))
    words = [re.escape(word) for word in longest_first if not _is_unspaced(word)]
    # A synonym in such a script is never a prefix of one that is not, so these may come first.
    found = [re.escape(word) for word in longest_first if _is_unspaced(word)]
    if words:
        edge = f"[{_word_characters()}]"
        found.append(f"(?<!{edge})(?:{'|'.join(words)})(?!{edge})")
    return re.compile("|".join(found))


def _is_unspaced(synonym: str) -> bool:
    return any(unicodedata.name(char, "").startswith(_UNSPACED) for char in synonym)


@lru_cache(maxsize=1)
def _word_characters() -> str:
    r"""Return `\w` and the marks it leaves out, such as Devanagari vowel signs, as ranges."""
    marks = [code for code in range(0x300, 0xFE30) if unicodedata.category(chr(code))[0] == "M"]
    runs = groupby(enumerate(marks), key=lambda pair: pair[1] - pair[0])
    codes = [[code for _, code in run] for _, run in runs]
    return r"\w" + "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in codes)


def _normalised(text: str) -> str:
    return "\n".join(normalise(line) for line in text.casefold().splitlines())


def _bare(entry: str) -> str:
    """Strip bullets, numbering and final punctuation."""
    return re.sub(r"^(?:\d+[.)]\s+|[-*•\s])+|[\s.!?\u3002\uff01\uff1f\u0964]+$", "", entry)
