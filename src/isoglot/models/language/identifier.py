"""Language identifier restricted to the languages of a run, with None for unsure.

The dominant script comes first: only candidates written in it are considered. A naive Bayes
classifier over byte n-grams (`naive_bayes.py`) with calibrated probabilities decides between them,
and character sets decide between Chinese and Japanese (`han.py`). docs/LOG.md has the errors by
language.

Limits: a few words that include a name ("Maria ha 8 mele") are mostly unsure. `VARIETIES` are
distinguished only if several of them are candidates, and then unreliably; if only one is, a text in
another counts as that one. A text in two languages is either one of them or unsure.
"""

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.languages import LANGUAGES, language
from isoglot.models.language.english_terms import script_with_terms
from isoglot.models.language.han import LANGUAGES_IN_HAN, han_scores, merge_chinese
from isoglot.models.language.mixed import foreign_share
from isoglot.models.language.naive_bayes import ScriptModel, load_script_model
from isoglot.models.language.scripts import dominant_scripts, extract_words

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
"""Languages written so alike that a text in a non-candidate counts as the candidate."""

_HAN = {"Hans": "Hani", "Hant": "Hani", "Jpan": "Hani"}
_OUTSIDE = 0.1  # prior probability of all languages that are no candidates
_MAX_WORDS = 100  # taken from a long text, evenly spread
_SCRIPT_CONFIDENCE = 0.999  # if the script alone decides


class Guess(NamedTuple):
    """The best candidate for a text, with its probability."""

    language: str | None
    """None if no candidate is written in the script of the text, or the text has no words."""
    confidence: float
    """Probability that the text is in this language; 0 without a language."""


class RestrictedIdentifier:
    """Identifies a text as one of the candidate languages, or as None.

    None for a text without words or of several capitalised words only (names), for a script in
    which no candidate is written, and if the best candidate is less probable than `threshold`,
    because another candidate or a language outside them fits as well: a text in an unexpected
    language is not forced onto a candidate. If there is one Chinese candidate, any Chinese text
    counts as that one.

    Instances may be shared by threads. The result for a text does not depend on other texts.
    `load` gives the classifier of a script.

    Raises InputError for no candidates, and for a language that the table lacks.
    """

    def __init__(
        self,
        languages: Sequence[str],
        *,
        threshold: float = 0.9,
        load: Callable[[str], ScriptModel] = load_script_model,
    ) -> None:
        if not languages:
            raise InputError("languages: expected at least one BCP-47 tag, got none; name some")
        tags = sorted({language(tag).tag for tag in languages})
        self._threshold = threshold
        self._load = load
        self._by_script: dict[str, list[str]] = {}
        for tag in tags:
            script = LANGUAGES[tag].script
            self._by_script.setdefault(_HAN.get(script, script), []).append(tag)
        version = importlib.metadata.version("py3langid")
        self.name = f"isoglot-langid@4+py3langid@{version}:{len(tags)}"

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        """Return a BCP-47 tag among the candidates for each text, or None if unsure."""
        guesses = self.guess(texts)
        return [each.language if each.confidence >= self._threshold else None for each in guesses]

    def foreign_shares(self, texts: Sequence[str], languages: Sequence[str]) -> list[float]:
        """Return the share of the letters of each text in another language than the one given."""
        return [
            foreign_share(text, tag, self._others(tag))
            for text, tag in zip(texts, languages, strict=True)
        ]

    def _others(self, tag: str) -> list[str]:
        """Return the candidates that words of the script of a language may be in, and English."""
        script = LANGUAGES[tag].script
        alike = {tag}.union(*(group for group in VARIETIES if tag in group))
        english = ["en"] if script == "Latn" else []
        return [each for each in {*self._by_script.get(script, ()), *english} if each not in alike]

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Return the best candidate for each text with its probability, however small."""
        texts = [_without_names(extract_words(text)) for text in texts]
        guesses = [Guess(None, 0.0)] * len(texts)
        of_script: dict[str, list[int]] = {}
        for index, dominant in enumerate(dominant_scripts(texts)):
            script = script_with_terms(texts[index], dominant)
            script = _HAN.get(script or "", script)
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
            return _guess_in_han(texts, candidates)
        if sum(row.script == script for row in LANGUAGES.values()) == 1:
            return [Guess(candidates[0], _SCRIPT_CONFIDENCE)] * len(texts)
        model = self._load(script)
        words = model.as_typed([_subsample(text.split()) for text in texts])
        scores, num_ngrams = model.scores(words)
        # Overlapping n-grams are not independent: this calibrates the sum of their likelihoods.
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
    """Lower-case a text in capitals; return "" if each of several words is capitalised."""
    if text.isupper():
        return text.lower()
    words = text.split()
    return "" if len(words) > 1 and all(word[0].isupper() for word in words) else text


def _subsample(words: list[str]) -> list[str]:
    return words if len(words) <= _MAX_WORDS else words[:: -(-len(words) // _MAX_WORDS)]


def _softmax(scores: Any) -> Any:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def _guess_in_han(texts: list[str], candidates: list[str]) -> list[Guess]:
    scores = merge_chinese(han_scores(texts), candidates)
    is_inside = np.isin(LANGUAGES_IN_HAN, candidates)
    scores += np.where(is_inside, np.log((1 - _OUTSIDE) / is_inside.sum()), np.log(_OUTSIDE / 3))
    probabilities = np.minimum(_softmax(scores), _SCRIPT_CONFIDENCE)
    probabilities[:, ~is_inside] = 0
    best = probabilities.argmax(1).tolist()
    rows = zip(probabilities, best, strict=True)
    return [Guess(LANGUAGES_IN_HAN[index], float(row[index])) for row, index in rows]
