"""Chinese and Japanese in Han characters, told apart by the character sets of their countries.

GB 2312 has the simplified characters, Big5 (with Hong Kong's supplement) the traditional ones, and
JIS X 0208 the Japanese ones. A character that a set lacks, or has only in its second level of rare
characters, speaks against its language: 驛 is written 驿 and 駅 elsewhere.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

LANGUAGES_IN_HAN = ("zh-Hans", "zh-Hant", "yue", "ja")
"""Languages written in Han characters, alone or with kana."""

_CHINESE = LANGUAGES_IN_HAN[:3]
# The set of each language with the first and last code of its first level.
_SETS = (
    ("gb2312", b"\xb0\xa1", b"\xd7\xfe"),
    ("big5", b"\xa4\x40", b"\xc6\x7e"),
    ("big5hkscs", b"\xa4\x40", b"\xc6\x7e"),
    ("shift_jis", b"\x88\x9f", b"\x98\x72"),
)
_RARE, _LACKING = -2.0, -4.0  # log-likelihood of a character of the second level, of none
_CANTONESE = "嘅係唔喺咗佢冇嚟哋啲嗰畀咁噉乜嘢"
_MANDARIN = "是了他她也我你们們这這那没沒和很吗嗎"
_TYPICAL = 2.0  # log-likelihood ratio of such a character
_WITHOUT_CANTONESE = -3.0  # Traditional characters are mostly standard Chinese
_KANA = 1.0  # of a kana; Chinese quotes some
_WITHOUT_KANA = -0.15  # of each Han character: Japanese rarely goes long without kana


def han_scores(texts: Sequence[str]) -> Any:
    """Return log-likelihoods, texts * LANGUAGES_IN_HAN, up to a constant of each text."""
    scores = np.zeros((len(texts), len(LANGUAGES_IN_HAN)))
    for row, text in zip(scores, texts, strict=True):
        han = [char for char in text if ord(char) >= 0x3400 and not "\uac00" <= char <= "\ud7af"]
        kana = sum("\u3041" <= char <= "\u30fe" for char in text)
        cantonese = sum(char in _CANTONESE for char in han)
        mandarin = sum(char in _MANDARIN for char in han)
        row += sum((np.array(_evidence(char)) for char in han), np.zeros(len(row)))
        row += _TYPICAL * np.array([mandarin, mandarin, 2 * cantonese, 0])
        row[2] += 0 if cantonese else _WITHOUT_CANTONESE
        row[-1] += _KANA * kana + (0 if kana else _WITHOUT_KANA * len(han))
    return scores


def merge_chinese(scores: Any, candidates: Sequence[str]) -> Any:
    """Let the one Chinese candidate stand for all Chinese: its score is the best of the three."""
    chinese = [tag for tag in candidates if tag in _CHINESE]
    if len(chinese) == 1:
        scores = scores.copy()
        best = scores[:, : len(_CHINESE)].max(1)
        scores[:, : len(_CHINESE)] = -np.inf
        scores[:, LANGUAGES_IN_HAN.index(chinese[0])] = best
    return scores


@cache
def _evidence(char: str) -> tuple[float, ...]:
    return tuple(_weight(char, *each) for each in _SETS)


def _weight(char: str, codec: str, first: bytes, last: bytes) -> float:
    try:
        return 0.0 if first <= char.encode(codec) <= last else _RARE
    except UnicodeEncodeError:
        return _LACKING
