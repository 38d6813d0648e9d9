"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) for every script.

The usual tokeniser knows only a to z, so identical Arabic texts score 0. English keeps it and gets
exactly the values of `rouge-score` without stemming. In other languages a word is a run of letters
with their marks; where words are written without blanks, each character is one.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache

from isoglot.core.records import Prompt
from isoglot.core.text import folded
from isoglot.evals.metric import Metric, mean_of, reference_of

_ENGLISH = re.compile(r"[a-z0-9]+")
# Thai and Lao; Burmese and its extensions; Khmer; Tai Le to New Tai Lue; kana; Han, both planes.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff\u1950-\u19df"
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003134f"
)


@lru_cache(maxsize=4096)
def tokens(text: str, tag: str) -> tuple[str, ...]:
    """Split a text into lower-case words, or into characters where it has no words."""
    lowered = folded(text).lower()
    if tag == "en":
        return tuple(_ENGLISH.findall(lowered))
    return tuple(_words().findall(lowered) or "".join(lowered.split()))


def _f_measure(num_common: int, num_words: int, num_gold: int) -> float:
    if not num_common:
        return 0.0
    precision, recall = num_common / num_words, num_common / num_gold
    return 2 * precision * recall / (precision + recall)


def _rouge_n(words: Sequence[str], gold: Sequence[str], order: int) -> float:
    ours, theirs = _ngrams(words, order), _ngrams(gold, order)
    return _f_measure((ours & theirs).total(), ours.total(), theirs.total())


def _rouge_l(words: Sequence[str], gold: Sequence[str]) -> float:
    return _f_measure(_common_subsequence(words, gold), len(words), len(gold))


def _ngrams(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[i:] for i in range(order)), strict=False))


def _common_subsequence(words: Sequence[str], gold: Sequence[str]) -> int:
    """Return the length of the longest one, with a row of the table as the bits of a number.

    Hyyrö 2004, *Bit-parallel LCS-length computation revisited*.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(gold):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(gold)) - 1
    row = full  # a bit is 0 where the table steps up
    for word in words:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(gold) - row.bit_count()


def _sides(prompt: Prompt, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tag = prompt.answer_language
    return tokens(text, tag), tokens(reference_of(prompt), tag)


@cache
def _words() -> re.Pattern[str]:
    r"""Match a character of an unspaced script with its marks, or a run of letters and digits.

    `\w` leaves out marks such as the vowel signs of Devanagari.
    """
    characters = map(chr, range(0x300, 0x1F000))
    marks = "".join(char for char in characters if unicodedata.category(char).startswith("M"))
    mark = rf"[{re.escape(marks)}]"
    letter = rf"(?![{_UNSPACED}])[^\W_]"
    return re.compile(rf"(?=\w)[{_UNSPACED}]{mark}*|{letter}(?:{letter}|{mark})*")


ROUGE_1: Metric = mean_of("rouge_1", lambda prompt, text: _rouge_n(*_sides(prompt, text), 1))
"""Mean F-measure of unigrams."""

ROUGE_2: Metric = mean_of("rouge_2", lambda prompt, text: _rouge_n(*_sides(prompt, text), 2))
"""Mean F-measure of bigrams, each counted as often as both sides have it."""

ROUGE_L: Metric = mean_of("rouge_l", lambda prompt, text: _rouge_l(*_sides(prompt, text)))
"""Mean F-measure of the longest common subsequence."""
