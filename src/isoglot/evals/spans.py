"""Answers that are words of a passage: exact match and F1 over words, as SQuAD has them.

Rajpurkar et al. 2016, arXiv:1606.05250: without case, punctuation and English articles. In scripts
that have no blanks each character counts as a word, as MLQA counts Chinese (Lewis et al. 2019,
arXiv:1910.07475); of an answer of several lines the first one counts.
"""

import re
import unicodedata
from collections import Counter

from isoglot.core.records import Prompt
from isoglot.core.text import normalise
from isoglot.evals.metric import mean_of, reference_of

_ARTICLES = {"a", "an", "the"}
# Thai and Lao, Burmese, Khmer, kana and Han.
_WORDS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]"
    "|[^\\s\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+"
)


def span_words(text: str) -> list[str]:
    """Return the words of an answer as they are compared."""
    first = next(filter(None, map(str.strip, text.splitlines())), "")
    bare = "".join(
        " " if unicodedata.category(char)[0] in "PS" else char
        for char in normalise(first).casefold()
    )
    return [word for word in _WORDS.findall(bare) if word not in _ARTICLES]


def _exact(prompt: Prompt, text: str) -> float:
    return float(span_words(text) == span_words(reference_of(prompt)))


def _f1(prompt: Prompt, text: str) -> float:
    answer, gold = span_words(text), span_words(reference_of(prompt))
    shared = (Counter(answer) & Counter(gold)).total()
    return 2 * shared / (len(answer) + len(gold)) if shared else float(answer == gold)


SPAN_F1 = mean_of("f1", _f1)
EXACT_MATCH = mean_of("exact_match", _exact)
