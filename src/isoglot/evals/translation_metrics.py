"""Corpus metrics of translations: chrF++, BLEU and spBLEU, equal to sacreBLEU's.

Each keeps the statistics of every answer, and its value is a function of their sum. So the
bootstrap resamples sums, and the value of a set is that of sacreBLEU (Post 2018, arXiv:1804.08771)
and not a mean over sentences. Answers and references are compared as `core.text.folded`, as
the signature says (`forms:nfkc`): for texts in that form, all numbers are sacreBLEU's.
"""

import warnings
from functools import cache
from typing import Any

import numpy as np

from isoglot.core.chrf import chrf_scorer
from isoglot.core.languages import language
from isoglot.core.records import Prompt
from isoglot.core.text import folded
from isoglot.evals.metric import Metric, Statistics, reference_of

_CHRF_BETA = 2
_MAX_ORDER = 4  # of BLEU's n-grams

# Scripts without blanks between words. BLEU over characters needs no segmenter, so no number
# depends on which one is installed. Tibetan and Dzongkha have marks between syllables.
_BY_CHARACTER = {"Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}


def bleu_tokeniser(tag: str) -> str:
    """Return sacreBLEU's name of the tokeniser for a language."""
    script = language(tag).script
    if script in ("Hans", "Hant"):
        return "zh"
    return "char" if script in _BY_CHARACTER else "13a"


def _statistics(scorer: Any, text: str, prompt: Prompt) -> Statistics | None:
    if scorer is None:
        return None
    texts, references = [folded(text)], [[folded(reference_of(prompt))]]
    return tuple(map(float, scorer._extract_corpus_statistics(texts, references)[0]))


@cache
def _bleu(tokeniser: str) -> Any:
    """Return sacreBLEU's BLEU; None where the SentencePiece model of spBLEU is not available."""
    from sacrebleu.metrics.bleu import BLEU as SacreBleu

    try:
        # force: do not warn of every text with blanks before its full stops.
        return SacreBleu(tokenize=tokeniser, force=True)
    except (ImportError, OSError) as error:
        reason = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
        warnings.warn(
            f"spBLEU has no value here ({reason}): it needs `pip install sentencepiece` and, once, "
            "the network for the model of FLORES-200, or $SACREBLEU/models/flores200sacrebleuspm",
            stacklevel=2,
        )
        return None


def _chrf_value(sums: np.ndarray) -> np.ndarray:
    """Compute chrF (Popović 2017) from statistics (..., 3 × orders).

    They are the counts of n-grams of hypothesis, reference and both, for each order.
    """
    counts = np.asarray(sums, dtype=float).reshape(*np.shape(sums)[:-1], -1, 3)
    hypothesis, reference, match = counts[..., 0], counts[..., 1], counts[..., 2]
    counted = (hypothesis > 0) & (reference > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = _over(match, hypothesis, counted).sum(axis=-1) / orders
    recall = _over(match, reference, counted).sum(axis=-1) / orders
    factor = _CHRF_BETA**2
    weighted = factor * precision + recall
    return _over((1 + factor) * precision * recall, weighted, weighted > 0)


def _bleu_value(sums: np.ndarray) -> np.ndarray:
    """Compute BLEU (Papineni et al. 2002), smoothed exponentially, from statistics (..., 10).

    They are the lengths of hypothesis and reference, then matched and all n-grams of each order.
    """
    sums = np.asarray(sums, dtype=float)
    length, reference = sums[..., 0], sums[..., 1]
    matched, all_ngrams = sums[..., 2 : 2 + _MAX_ORDER], sums[..., 2 + _MAX_ORDER :]
    missed = np.cumsum(matched == 0, axis=-1)
    smoothed = np.where(matched > 0, matched, 0.5**missed)
    # An order without n-grams makes the precision, and with it BLEU, 0.
    valid = (all_ngrams > 0).all(axis=-1) & (matched > 0).any(axis=-1) & (length > 0)
    precision = np.where(valid[..., None], _over(smoothed, all_ngrams, all_ngrams > 0), 1.0)
    shortness = 1 - _over(reference, length, length > 0)
    brevity = np.exp(np.minimum(0.0, shortness))
    return np.where(valid, brevity * np.exp(np.log(precision).mean(axis=-1)), 0.0)


def _over(numerator: np.ndarray, denominator: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Divide; 0 elsewhere."""
    return np.divide(numerator, denominator, out=np.zeros(np.shape(where)), where=where)


CHRF = Metric("chrf++", lambda prompt, text: _statistics(chrf_scorer(), text, prompt), _chrf_value)
"""chrF++: character 6-grams and word 2-grams, as sacreBLEU's `CHRF(word_order=2)`."""

BLEU = Metric(
    "bleu",
    lambda prompt, text: _statistics(_bleu(bleu_tokeniser(prompt.answer_language)), text, prompt),
    _bleu_value,
)
"""BLEU with the tokeniser of the answer's language, see `bleu_tokeniser`."""

SPBLEU = Metric(
    "spbleu", lambda prompt, text: _statistics(_bleu("flores200"), text, prompt), _bleu_value
)
"""BLEU over the pieces of FLORES-200's SentencePiece model; unknown without that model."""
