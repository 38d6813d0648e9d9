"""The words of a text and the script that dominates them, for many texts at once.

Code, addresses, tags, numbers and signs tell nothing about a language and are taken out first. What
is left is counted by script with one look-up for each character of a whole batch.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

MIN_LETTERS = 4
"""A text with fewer letters is unsure; Han counts 3, kana and Hangul 2."""

# A syllable or a word says as much as several letters.
_WEIGHTS = {"Hani": 3, "Kana": 2, "Jpan": 2, "Hang": 2}
_MIN_LETTERS_BESIDE_NAMES = 10
_DOMINANT = 0.6  # share of the letters that one script must have
_KANA_OF_JAPANESE = 0.1  # kana among kana and Han; Japanese without any is rarer than a quoted kana

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
# Combining marks and joiners stay with their letters; Tibetan syllables fall apart at their dots.
_NO_WORD = re.compile(
    r"[\d_]|[^\w\s'’\u200c\u200d\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f"
    r"\u0670\u06d6-\u06ed\u07a6-\u07b0\u07eb-\u07f3\u0900-\u0963\u0970-\u0e4e\u0eb1-\u0ecd"
    r"\u0f18-\u0f39\u0f71-\u0f84\u0f8d-\u0fbc\u102b-\u109d\u135d-\u135f\u17b4-\u17d3-]"
)

_LATIN_NAME = re.compile(r"[A-ZÀ-ÖØ-Þ][A-Za-zÀ-ɏ'’]*")

_RANGES = (  # first code point, last code point, ISO 15924
    (0x0041, 0x02AF, "Latn"), (0x1E00, 0x1EFF, "Latn"), (0x2C60, 0x2C7F, "Latn"),
    (0xA720, 0xA7FF, "Latn"), (0x0370, 0x03FF, "Grek"), (0x1F00, 0x1FFF, "Grek"),
    (0x0400, 0x052F, "Cyrl"), (0x0530, 0x058F, "Armn"), (0x0590, 0x05FF, "Hebr"),
    (0xFB1D, 0xFB4F, "Hebr"), (0x0600, 0x06FF, "Arab"), (0x0750, 0x077F, "Arab"),
    (0x08A0, 0x08FF, "Arab"), (0xFB50, 0xFDFF, "Arab"), (0xFE70, 0xFEFC, "Arab"),
    (0x0780, 0x07BF, "Thaa"), (0x07C0, 0x07FF, "Nkoo"), (0x0900, 0x097F, "Deva"),
    (0x0980, 0x09FF, "Beng"), (0x0A00, 0x0A7F, "Guru"), (0x0A80, 0x0AFF, "Gujr"),
    (0x0B00, 0x0B7F, "Orya"), (0x0B80, 0x0BFF, "Taml"), (0x0C00, 0x0C7F, "Telu"),
    (0x0C80, 0x0CFF, "Knda"), (0x0D00, 0x0D7F, "Mlym"), (0x0D80, 0x0DFF, "Sinh"),
    (0x0E00, 0x0E7F, "Thai"), (0x0E80, 0x0EFF, "Laoo"), (0x0F00, 0x0FFF, "Tibt"),
    (0x1000, 0x109F, "Mymr"), (0xA9E0, 0xA9FF, "Mymr"), (0xAA60, 0xAA7F, "Mymr"),
    (0x10A0, 0x10FF, "Geor"), (0x1C90, 0x1CBF, "Geor"), (0x2D00, 0x2D2F, "Geor"),
    (0x1100, 0x11FF, "Hang"), (0xAC00, 0xD7A3, "Hang"), (0x1200, 0x139F, "Ethi"),
    (0x2D80, 0x2DDF, "Ethi"), (0xAB00, 0xAB2F, "Ethi"), (0x1780, 0x17FF, "Khmr"),
    (0x1C50, 0x1C7F, "Olck"), (0x2D30, 0x2D7F, "Tfng"), (0x3040, 0x30FF, "Kana"),
    (0x31F0, 0x31FF, "Kana"), (0x3400, 0x4DBF, "Hani"), (0x4E00, 0x9FFF, "Hani"),
    (0x20000, 0x2FA1F, "Hani"),
)  # fmt: skip
_NAMES = ["", "Zzzz", "Jpan", *dict.fromkeys(name for _, _, name in _RANGES)]
_INDEX = {name: index for index, name in enumerate(_NAMES)}
_TABLE_SIZE = 0x30000  # code points beyond belong to no script of the table


def words_of(text: str) -> str:
    """The words of a text, one space between them: no code, addresses, tags, numbers or signs."""
    if _SIGN_OF_IGNORED.search(text):
        text = _IGNORED.sub(" ", text)
    return " ".join(_NO_WORD.sub(" ", text).split())


def dominant_scripts(texts: Sequence[str]) -> list[str | None]:
    """The ISO 15924 script of at least 60 % of the letters of each text.

    None without such a script or below MIN_LETTERS. Text with kana is `Jpan`, Han without kana
    `Hani` (Chinese of any kind). Letters of scripts that no language of the table uses are `Zzzz`.
    Latin words with a capital in a text of two scripts are names, and do not count if enough is
    left without them.
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


def dominant_script(text: str) -> str | None:
    """The script of one text; see `dominant_scripts`."""
    return dominant_scripts([text])[0]


def is_in_script(word: str, script: str) -> bool:
    """Whether no letter of a word is of another script: names and loans are."""
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
    """The letters of each text by script, without the column of what is no letter."""
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
    """The index of the script of each code point; 0 for what is no letter."""
    letters = np.fromiter((chr(point).isalpha() for point in range(_TABLE_SIZE)), dtype=bool)
    table = np.where(letters, _INDEX["Zzzz"], 0).astype(np.uint8)
    table[0x02B0:0x0300] = 0  # apostrophes of many scripts
    for first, last, name in _RANGES:
        table[first : last + 1][letters[first : last + 1]] = _INDEX[name]
    return table
