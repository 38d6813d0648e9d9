"""Extract the words of texts and find their dominant scripts, many texts at once.

Code, addresses, tags, numbers and symbols say nothing about the language and are removed first. The
remaining letters are counted by script, with one look-up per character of a whole batch.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

MIN_LETTERS = 4
"""Texts with fewer letters have no script; Han counts 3, kana and Hangul 2."""

# A syllable or a whole word carries as much as several letters.
_WEIGHTS = {"Hani": 3, "Kana": 2, "Jpan": 2, "Hang": 2}
_MIN_LETTERS_BESIDE_NAMES = 10
_DOMINANT = 0.6  # share of the letters that one script must have
_KANA_OF_JAPANESE = 0.1  # share of kana in kana and Han; quoted kana is more common than pure Han

_IGNORED = re.compile(
    r"""
    ```.*?(?:```|\Z) | `[^`\n]*`            # code
    | (?:https?://|www\.)\S+ | [\w.+-]{1,64}@[\w.-]{3,255} # addresses
    | </?\w[^>\n]{0,255}>                   # tags
    | \\(?:begin|end|documentclass|usepackage|label|ref|cite)\{[^}\n]{0,99}\} | \\[a-zA-Z]+
    # lines of code: a keyword and its brackets, or a call, an assignment or a block
    | ^[ \t]*(?:def|class|for|if|elif|while|return|print|function|const|let|var|public|void|int
        |SELECT|INSERT|UPDATE|CREATE|\#include)\b[^\n]*(?:[{}=]|\w\(|\):|[ ][+*/%][ ]|;$)[^\n]*$
    | ^[ \t]*(?:import|from[ ]\S+[ ]import)[ ]\w[\w.]*(?:[ ]as[ ]\w+)?;?$
    | ^[ \t]*[\w.]+(?:\[[^\]\n]*\])?[ ]?[-+*/]?=[ ]?[^\n]*[\])};\w"']$
    | ^[ \t]*[\w.]+\([^\n]*\);?$ | ^(?:[^\n]*\{|[ \t]*\}[^\n]*)$
    | (?<!\w)[a-zA-Z][ ]?[=+/^<>]{1,2}[ ]?[\w.]+ # formulas
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
_SIGN_OF_IGNORED = re.compile(r"[`@<>\\={}()^+/]|http|www\.|^\s*(?:import|from) ", re.MULTILINE)
# Combining marks and joiners stay with their letters; Tibetan syllables are split at their dots.
_NO_WORD = re.compile(
    r"[\d_]|[^\w\s'’\u200c\u200d\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f"
    r"\u0670\u06d6-\u06ed\u07a6-\u07b0\u07eb-\u07f3\u0900-\u0963\u0970-\u0e4e\u0eb1-\u0ecd"
    r"\u0f18-\u0f39\u0f71-\u0f84\u0f8d-\u0fbc\u102b-\u109d\u135d-\u135f\u17b4-\u17d3-]"
)

_LATIN_NAME = re.compile(r"[A-ZÀ-ÖØ-Þ][A-Za-zÀ-ɏ'’]*")

_RANGES = {  # by ISO 15924 code: first and last code points
    "Latn": "0041-02AF 1E00-1EFF 2C60-2C7F A720-A7FF",
    "Grek": "0370-03FF 1F00-1FFF",
    "Cyrl": "0400-052F",
    "Armn": "0530-058F",
    "Hebr": "0590-05FF FB1D-FB4F",
    "Arab": "0600-06FF 0750-077F 08A0-08FF FB50-FDFF FE70-FEFC",
    "Thaa": "0780-07BF",
    "Nkoo": "07C0-07FF",
    "Deva": "0900-097F",
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
    "Hang": "1100-11FF AC00-D7A3",
    "Ethi": "1200-139F 2D80-2DDF AB00-AB2F",
    "Khmr": "1780-17FF",
    "Olck": "1C50-1C7F",
    "Tfng": "2D30-2D7F",
    "Kana": "3040-30FF 31F0-31FF",
    "Hani": "3400-4DBF 4E00-9FFF 20000-2FA1F",
}
_NAMES = ["", "Zzzz", "Jpan", *_RANGES]
_INDEX = {name: index for index, name in enumerate(_NAMES)}
_TABLE_SIZE = 0x30000  # code points beyond belong to no script of the table


def extract_words(text: str) -> str:
    """Return the words of a text separated by single spaces, without code, addresses, tags, numbers
    or symbols."""
    if _SIGN_OF_IGNORED.search(text):
        text = _IGNORED.sub(" ", text)
    return " ".join(_NO_WORD.sub(" ", text).split())


def dominant_scripts(texts: Sequence[str]) -> list[str | None]:
    """Return the ISO 15924 script of at least 60 % of the letters of each text.

    None without such a script or below MIN_LETTERS. Text with kana is `Jpan`, Han without kana
    `Hani` (any Chinese). Letters of scripts that no language of the table uses are `Zzzz`.
    Capitalised Latin words in a text of two scripts are taken for names, and do not count if enough
    letters remain without them.
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
            scripts[index] = script or scripts[index]
    return scripts


def is_in_script(word: str, script: str) -> bool:
    """True if no letter of the word belongs to another script, as in names and loans."""
    if word.isascii():
        return script == "Latn"
    return all(_script_of(char) in ("", script) for char in word)


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
def _script_of(char: str) -> str:
    return _NAMES[_table()[min(ord(char), _TABLE_SIZE - 1)]]


@cache
def _table() -> Any:
    """Index the script of each code point; 0 for non-letters."""
    letters = np.fromiter((chr(point).isalpha() for point in range(_TABLE_SIZE)), dtype=bool)
    table = np.where(letters, _INDEX["Zzzz"], 0).astype(np.uint8)
    table[0x02B0:0x0300] = 0  # apostrophes of many scripts
    for name, ranges in _RANGES.items():
        for each in ranges.split():
            first, last = (int(point, 16) for point in each.split("-"))
            table[first : last + 1][letters[first : last + 1]] = _INDEX[name]
    return table
