"""A language identifier that chooses among the languages of a run, and may say that it is unsure.

Script first: a text is reduced to its words in the script that dominates, and only the languages
written in it are asked about. Between those a naive Bayes over byte n-grams decides
(`langid_model.py`), whose probabilities are calibrated; docs/LOG.md has the errors by language.

Limits: a few words with a name in them ("Maria ha 8 mele") are mostly unsure. Varieties in
`VARIETIES` are told apart only where several of them are candidates, and then often not: where one
is, a text in another counts as in it. A text in two languages is either one of them or unsure.
"""

import importlib.metadata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.languages import LANGUAGES, language
from isoglot.models.language.langid_model import load_script_model
from isoglot.models.language.scripts import dominant_scripts, words_of

VARIETIES = (
    frozenset({"ar", "acm", "acq", "aeb", "ajp", "apc", "ars", "ary", "arz", "mey", "shi"}),
    frozenset({"bs", "hr", "sr-Latn"}),
    frozenset({"id", "ms"}),
    frozenset({"fa", "prs"}),
    frozenset({"ak", "tw"}),
    frozenset({"bm", "dyu"}),
    frozenset({"bo", "dz"}),
    frozenset({"fuc", "fuv"}),
    frozenset({"hi-Latn", "ur-Latn"}),
    frozenset({"nd", "zu"}),
)
"""Languages that are written so alike that one which is no candidate is taken for one that is."""

_HAN = {"Hans": "Hani", "Hant": "Hani"}
_OUTSIDE = 0.1  # prior probability of a language that is no candidate
_MAX_WORDS = 100  # of a long text; evenly spread over it
_OF_ITS_SCRIPT = 0.999  # confidence where the script is the answer

# The most frequent characters of one way to write Chinese and not of another.
_SIMPLIFIED = (
    "们来个时为说国过这还没对后学会从发问样经开两长进点无现应体当间关门见书给买卖总钱数块边"
)
_TRADITIONAL = (
    "們來個時為說國過這還沒對後學會從發問樣經開兩長進點無現應體當間關門見書給買賣總錢數塊邊"
)
_CANTONESE = "嘅係唔喺咗佢冇嚟哋啲嗰畀咁噉乜嘢"
_MANDARIN = "的是不在了他她們们這这那沒没也和"
_CHINESE = ("zh-Hans", "zh-Hant", "yue")
_OF_A_CHARACTER = 2.0  # log odds that one of these characters gives


class Guess(NamedTuple):
    """The best candidate for a text, and how sure that is."""

    language: str | None
    """None where no candidate is written in the script of the text, or it has no words."""
    confidence: float
    """The probability that the text is in this language and no other; 0 without a language."""


class RestrictedIdentifier:
    """Identifies a text as one of the candidate languages, or as None.

    A text is None when it has no words, or several that all begin with a capital (names); when no
    candidate is written in its script; and when the best candidate is less probable than
    `threshold`: because another is as good, or because a language outside the candidates is better,
    so an answer in a language of nobody's choice is not forced onto one. A text in Han is the one
    Chinese candidate, whichever it is.

    Instances may be shared by threads, and what they say of a text does not depend on other texts.

    Raises:
        InputError: no candidates, or a language that the table lacks.
    """

    def __init__(self, languages: Sequence[str], *, threshold: float = 0.9) -> None:
        if not languages:
            raise InputError("languages: expected at least one BCP-47 tag, got none; name some")
        tags = sorted({language(tag).tag for tag in languages})
        self._threshold = threshold
        self._by_script: dict[str, list[str]] = {}
        for tag in tags:
            script = LANGUAGES[tag].script
            self._by_script.setdefault(_HAN.get(script, script), []).append(tag)
        version = importlib.metadata.version("py3langid")
        self.name = f"isoglot-langid@1+py3langid@{version}:{len(tags)}"

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        """A BCP-47 tag among the candidates for each text, or None when unsure."""
        guesses = self.guess(texts)
        return [each.language if each.confidence >= self._threshold else None for each in guesses]

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """The best candidate for each text with its probability, however small."""
        texts = [_without_names(words_of(text)) for text in texts]
        guesses = [Guess(None, 0.0)] * len(texts)
        of_script: dict[str, list[int]] = {}
        for index, script in enumerate(dominant_scripts(texts)):
            if script in self._by_script:
                of_script.setdefault(script, []).append(index)
        for script, indices in of_script.items():
            found = self._guess_in_script([texts[index] for index in indices], script)
            for index, guess in zip(indices, found, strict=True):
                guesses[index] = guess
        return guesses

    def _guess_in_script(self, texts: list[str], script: str) -> list[Guess]:
        candidates = self._by_script[script]
        if script == "Hani":
            return _guess_chinese(texts, candidates)
        if sum(row.script == script for row in LANGUAGES.values()) == 1:
            return [Guess(candidates[0], _OF_ITS_SCRIPT)] * len(texts)
        model = load_script_model(script)
        scores, num_ngrams = model.scores([_some(text.split()) for text in texts])
        # N-grams overlap, so their likelihoods are not independent: this calibrates the sum.
        scores /= np.sqrt(np.maximum(num_ngrams, 1))[:, None]
        inside = [model.labels.index(tag) for tag in candidates]
        alike = {tag for group in VARIETIES if group & set(candidates) for tag in group}
        outside = [i for i, tag in enumerate(model.labels) if tag not in {*alike, *candidates}]
        scores[:, inside] += np.log((1 - _OUTSIDE) / len(inside))
        scores[:, outside] += np.log(_OUTSIDE / max(1, len(outside)))
        probabilities = _softmax(scores[:, inside + outside])[:, : len(inside)]
        return [
            Guess(candidates[best], row[best]) if num else Guess(None, 0.0)
            for row, best, num in zip(
                probabilities.tolist(), probabilities.argmax(1), num_ngrams, strict=True
            )
        ]


def _without_names(text: str) -> str:
    """The text, lower-cased if it is all capitals; nothing if each of its words has a capital."""
    if text.isupper():
        return text.lower()
    words = text.split()
    return "" if len(words) > 1 and all(word[0].isupper() for word in words) else text


def _some(words: list[str]) -> list[str]:
    return words if len(words) <= _MAX_WORDS else words[:: -(-len(words) // _MAX_WORDS)]


def _softmax(scores: Any) -> Any:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _guess_chinese(texts: list[str], candidates: list[str]) -> list[Guess]:
    """The candidate whose characters a text has more of; its one candidate, whichever it is."""
    if len(candidates) == 1:
        return [Guess(candidates[0], _OF_ITS_SCRIPT)] * len(texts)
    marks = (_SIMPLIFIED, _TRADITIONAL, _CANTONESE, _MANDARIN)
    counts = np.array([[sum(map(text.count, some)) for some in marks] for text in texts])
    simplified, traditional, cantonese, mandarin = counts.T.astype(float)
    scores = {
        "zh-Hans": simplified + mandarin,
        "zh-Hant": traditional + mandarin,
        "yue": traditional + 2 * cantonese,
    }
    table = np.stack([scores[tag] for tag in candidates], axis=1)
    probabilities = _softmax(_OF_A_CHARACTER * table)
    best = probabilities.argmax(1).tolist()
    return [Guess(candidates[i], float(row[i])) for row, i in zip(probabilities, best, strict=True)]
