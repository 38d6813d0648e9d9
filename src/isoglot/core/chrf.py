"""chrF++ of one text against its reference."""

from functools import cache
from typing import Any


def chrf(text: str, reference: str) -> float:
    """Return chrF++ (Popović 2017), 0 to 1, as sacreBLEU computes it for one sentence, with 6-grams
    of characters and 2-grams of words."""
    return chrf_scorer().sentence_score(text, [reference]).score / 100


@cache
def chrf_scorer() -> Any:
    """Return sacreBLEU's chrF++."""
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=2)
