"""Extract the words of texts and find their dominant scripts, many texts at once.

Code, addresses, tags, numbers and symbols say nothing about the language and are removed first
(`code.py`). The remaining letters, with their vowel signs and other marks, are counted by script,
with one look-up per character of a whole batch.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from isoglot.core.text import folded
from isoglot.models.language.code import without_code
from isoglot.models.language.spelling import one_spelling

MIN_LETTERS = 4
"""Texts with fewer letters have no script; Han counts 3, kana and Hangul 2."""

# A syllable or a whole word carries as much as several letters.
_WEIGHTS = {"Hani": 3, "Kana": 2, "Jpan": 2, "Hang": 2}
_MIN_LETTERS_BESIDE_NAMES = 10
_DOMINANT = 0.6  # share of the letters that one script must have
_MOST_OTHER_WORDS = 0.25  # in a text that is mostly in Latin letters: others have terms in it
_LETTERS_OF_WORD = 5  # in scripts without spaces
_KANA_OF_JAPANESE = 0.1  # share of kana in kana and Han; quoted kana is more common than pure Han

_LATIN_NAME = re.compile(r"[A-ZÀ-ÖØ-Þ][A-Za-zÀ-ɏ'’]*")
LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]['A-Za-zÀ-ɏ-]*")

_RANGES = {  # by ISO 15924 code: first and last code points
    "Latn": "0041-02AF 1D00-1DBF 1E00-1EFF 2C60-2C7F A720-A7FF AB30-AB6F",
    "Grek": "0370-03FF 1F00-1FFF",
    "Cyrl": "0400-052F 1C80-1C8F 2DE0-2DFF A640-A69F",
    "Armn": "0530-058F",
    "Hebr": "0590-05FF FB1D-FB4F",
    "Arab": "0600-06FF 0750-077F 0870-08FF FB50-FDFF FE70-FEFC",
    "Thaa": "0780-07BF",
    "Nkoo": "07C0-07FF",
    "Deva": "0900-097F A8E0-A8FF",
    "Beng": "0980-09FF",
    "Guru": "0A00-0A7F",
    "Gujr": "0A80-0AFF",
    "Orya": "0B00-0B7F",
    "Taml": "0B80-0BFF",
    "Telu": "0C00-0C7F",
    "Knda": "0C80-0CFF",
    "Mlym": "0D00-0D7F",
    "Sinh": "0D80-0DFF",
    "Thai": "0E00-0E7F",
    "Laoo": "0E80-0EFF",
    "Tibt": "0F00-0FFF",
    "Mymr": "1000-109F A9E0-A9FF AA60-AA7F",
    "Geor": "10A0-10FF 1C90-1CBF 2D00-2D2F",
    "Hang": "1100-11FF 3130-318F A960-A97F AC00-D7FF",
    "Ethi": "1200-139F 2D80-2DDF AB00-AB2F 1E7E0-1E7FF",
    "Khmr": "1780-17FF",
    "Olck": "1C50-1C7F",
    "Tfng": "2D30-2D7F",
    "Kana": "3040-30FF 31F0-31FF",
    "Hani": "3005-3007 3400-4DBF 4E00-9FFF F900-FAFF 20000-2FA1F",
}
_NAMES = ["", "Zzzz", "Jpan", *_RANGES]
_INDEX = {name: index for index, name in enumerate(_NAMES)}
_TABLE_SIZE = 0x30000  # code points beyond belong to no script of the table


def extract_words(text: str) -> str:
    """Return the words of a text, folded, in one spelling and separated by single spaces, without
    code, addresses, tags, numbers or symbols."""
    plain = unicodedata.normalize("NFKC", folded(text))  # exponents and the like, too
    return " ".join(_no_word().sub(" ", one_spelling(without_code(plain))).split())


def script_runs(words: str) -> list[tuple[str, str]]:
    """Split words into runs of letters of one ISO 15924 script: pairs of script and run.

    Marks belong to the letter before them. Runs end at spaces, apostrophes and hyphens, too. Han is
    `Hani` and kana `Kana` in any language; letters of scripts that no language uses are `Zzzz`.
    """
    runs: list[tuple[str, str]] = []
    before = ""
    for char in words:
        script = script_of(char)
        if before and not script and unicodedata.category(char)[0] == "M":
            script = before  # an accent of any script
        if script and script == before:
            runs[-1] = (script, runs[-1][1] + char)
        elif script:
            runs.append((script, char))
        before = script
    return runs


def dominant_scripts(texts: Sequence[str]) -> list[str | None]:
    """Return the ISO 15924 script of at least 60 % of the letters of each text.

    None without such a script or below MIN_LETTERS. Text with kana is `Jpan`, Han without kana
    `Hani` (any Chinese). Letters of scripts that no language of the table uses are `Zzzz`.
    Capitalised Latin words in a text of two scripts are taken for names, and do not count if enough
    letters remain without them. Mostly Latin letters are no script where a quarter of the words has
    others: a sentence of Hindi or Thai may hold more letters of English terms than of its own.
    """
    if not texts:
        return []
    counts = _count(texts)
    scripts = _decide(counts, MIN_LETTERS)
    latin = counts[:, _INDEX["Latn"]]
    mixed = np.flatnonzero((latin > 0) & (counts.sum(1) > latin)).tolist()
    mixed = [index for index in mixed if scripts[index] in (None, "Latn")]
    if mixed:
        nameless = [_LATIN_NAME.sub(" ", texts[index]) for index in mixed]
        found = _decide(_count(nameless), _MIN_LETTERS_BESIDE_NAMES)
        for index, script in zip(mixed, found, strict=True):
            script = script or scripts[index]
            is_latin = script == "Latn" and not _has_many_other_words(texts[index])
            scripts[index] = script if is_latin or script != "Latn" else None
    return scripts


def _has_many_other_words(text: str) -> bool:
    """True if a text of mostly Latin letters may be of another script, with English terms in it."""
    words = Counter[bool]()
    for script, run in script_runs(text):
        words[script == "Latn"] += 1 if script == "Latn" else -(-len(run) // _LETTERS_OF_WORD)
    return words[False] >= _MOST_OTHER_WORDS * words.total()


def is_in_script(word: str, script: str) -> bool:
    """True if no letter of the word belongs to another script, as in names and loans."""
    if word.isascii():
        return script == "Latn"
    return all(script_of(char) in ("", script) for char in word)


def _decide(counts: Any, min_letters: int) -> list[str | None]:
    kana, han, japanese = (counts[:, _INDEX[name]] for name in ("Kana", "Hani", "Jpan"))
    is_japanese = (kana > 0) & (kana >= _KANA_OF_JAPANESE * (kana + han))
    japanese[:] = np.where(is_japanese, kana + han, 0)
    kana[is_japanese] = 0
    han[is_japanese] = 0
    weighted = counts * [_WEIGHTS.get(name, 1) for name in _NAMES]
    total = weighted.sum(1)
    best = weighted.argmax(1)
    most = weighted[np.arange(len(counts)), best]
    sure = (total >= min_letters) & (most >= _DOMINANT * total)
    names = zip(best.tolist(), sure.tolist(), strict=True)
    return [_NAMES[index] if is_sure else None for index, is_sure in names]


def _count(texts: Sequence[str]) -> Any:
    """Count the letters of each text by script; the column of non-letters is 0."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    scripts = _table()[np.minimum(points, _TABLE_SIZE - 1)]
    cells = np.repeat(np.arange(len(texts)) * len(_NAMES), lengths) + scripts
    counts = np.bincount(cells, minlength=len(texts) * len(_NAMES)).reshape(-1, len(_NAMES))
    counts[:, 0] = 0
    return counts


@cache
def script_of(char: str) -> str:
    """Return the ISO 15924 script of a letter or its vowel sign; "" for any other character."""
    return _NAMES[_table()[min(ord(char), _TABLE_SIZE - 1)]]


@cache
def _no_word() -> re.Pattern[str]:
    """Match a character that is no part of a word; marks stay with their letters."""
    marks = "".join(chr(point) for point, kind in enumerate(_categories()) if kind == "M")
    return re.compile(rf"[\d_]|[^\w\s'{marks}-]")


@cache
def _table() -> Any:
    """Index the script of each code point; 0 for characters that are neither letter nor mark."""
    kinds = np.frombuffer(_categories().encode(), dtype=np.uint8)
    letters = (kinds == ord("L")) | (kinds == ord("M"))
    table = np.where(kinds == ord("L"), _INDEX["Zzzz"], 0).astype(np.uint8)
    table[0x02B0:0x0370] = 0  # apostrophes and accents of many scripts
    for name, ranges in _RANGES.items():
        for each in ranges.split():
            first, last = (int(point, 16) for point in each.split("-"))
            table[first : last + 1][letters[first : last + 1]] = _INDEX[name]
    return table


@cache
def _categories() -> str:
    """Return the first letter of Unicode's general category for each code point of the table."""
    return "".join(unicodedata.category(chr(point))[0] for point in range(_TABLE_SIZE))
