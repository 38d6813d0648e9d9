"""chrF++ of one text against its reference."""

from functools import cache
from typing import Any

from isoglot.core.text import folded


def chrf(text: str, reference: str) -> float:
    """Return sacreBLEU's chrF++ of a sentence, 0 to 1: character 6-grams and word 2-grams.

    Both texts are compared as `core.text.folded`.
    """
    return chrf_scorer().sentence_score(folded(text), [folded(reference)]).score / 100


@cache
def chrf_scorer() -> Any:
    """Return sacreBLEU's chrF++."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=2)
