"""PolyMath: 500 problems in four levels of difficulty and 18 languages.

Wang et al. 2025, arXiv:2504.18428; github.com/QwenLM/PolyMath. 125 problems to a level, parallel by
their place. Its own figure is `dw_accuracy`: a problem counts 1, 2, 4 or 8 by its level.
"""

from collections.abc import Mapping

from isoglot.benchmarks.benchmark import ReadSplit
from isoglot.benchmarks.latex_answers import LATEX_ACCURACY, latex_benchmark
from isoglot.core.records import Prompt
from isoglot.core.rows import Row
from isoglot.evals.metric import Statistics

_WEIGHTS = {"low": 1.0, "medium": 2.0, "high": 4.0, "top": 8.0}


def _rows_of(rows: ReadSplit) -> Mapping[str, tuple[str, Row]]:
    return {
        f"{level}-{place}": (level, row)
        for level in _WEIGHTS
        for place, row in enumerate(rows(level))
    }


def _weighted(prompt: Prompt, text: str) -> Statistics | None:
    found, weight = LATEX_ACCURACY.grade(prompt, text), _WEIGHTS[prompt.source.rpartition("/")[2]]
    return found and (found[0] * weight, weight)


DW_ACCURACY = LATEX_ACCURACY._replace(name="dw_accuracy", grade=_weighted, worst=None)
"""Accuracy in which a problem counts by its level, see the paper's section 3.4."""

POLYMATH = latex_benchmark("polymath", tuple(_WEIGHTS), _rows_of, DW_ACCURACY)
