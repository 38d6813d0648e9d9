"""The expected length of a translation, in characters, and how uncertain the expectation is.

`length_ratios.csv` has three figures of ln(characters / characters of the English text) for a
language: the mean `log_ratio`; its `uncertainty`, the standard deviation of the mean of other texts
around it; and the `spread` of single texts around their mean, at 100 English characters.
`bench/lengths.py --fit` takes them from professional translations: half of the items of SIB-200 and
NTREX-128 (CC-BY-SA-4.0), and the Universal Declaration of Human Rights. Only these figures are
kept. A language without a row has an estimate by its script, as uncertain as it is.
"""

import csv
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from isoglot.core.languages import LANGUAGES, language

TEXT_SPREAD = 0.055
"""Spread of the mean of single documents, which no length reduces (NTREX-128)."""
SHORTEST = 12
"""Characters from which on the spread falls with the square root of the length."""
_FEWEST = 8
"""Other translations of a language pair from which on they correct the expected length."""
_ANY_SCRIPT = -0.1
_SCRIPT_SPREAD, _LANGUAGE_SPREAD = 0.4, 0.1
"""Mean of the log ratios of scripts, their spread, and that of languages within a script."""


class LengthFigures(NamedTuple):
    """A row of `length_ratios.csv`, or an estimate of one."""

    log_ratio: float
    uncertainty: float
    spread: float


@cache
def _table() -> dict[str, LengthFigures]:
    path = Path(__file__).with_name("length_ratios.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row.pop("tag"): row for row in csv.DictReader(file)}
    return {tag: LengthFigures(*map(float, row.values())) for tag, row in rows.items()}


def length_figures(tag: str) -> LengthFigures:
    """Return the row of a language, or an estimate where it has none.

    Raises:
        InputError: no language has this tag.
    """
    tag = language(tag).tag
    return _table().get(tag) or estimated_figures(LANGUAGES[tag].script, without=tag)


@cache
def estimated_figures(script: str, *, without: str = "") -> LengthFigures:
    """Estimate a language from the other rows in its script, without that of the tag `without`.

    Languages vary around the mean of their script, and scripts, of which some have a letter for a
    sound and others a sign for a word, around the mean of all. An unknown script is an ISO 15924
    code that no row has.
    """
    rows = {tag: row for tag, row in _table().items() if tag not in ("en", without)}
    known = [(_ANY_SCRIPT, _SCRIPT_SPREAD)]
    known += [
        (row.log_ratio, math.hypot(_LANGUAGE_SPREAD, row.uncertainty))
        for tag, row in rows.items()
        if LANGUAGES[tag].script == script
    ]
    mean, uncertainty = combined(known)
    spread = median(row.spread for row in rows.values())
    return LengthFigures(mean, math.hypot(uncertainty, _LANGUAGE_SPREAD), spread)


def combined(known: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return mean and deviation of one value, known several times by mean and deviation."""
    weighted = [(mean, deviation**-2) for mean, deviation in known]
    total = math.fsum(weight for _, weight in weighted)
    return math.fsum(mean * weight for mean, weight in weighted) / total, total**-0.5


def length_deviations(
    num_chars: Sequence[tuple[int, int]], source: LengthFigures, target: LengthFigures
) -> list[float]:
    """Return by how many spreads each translation is longer (positive) or shorter than expected.

    `num_chars` has the characters of each source and of its translation, at least one each. The
    spread is larger for short texts and for figures that are uncertain. Each translation is
    compared with the figures and, beside `_FEWEST` or more, with the median of the others, unless
    that contradicts the figures: then most of them may be faulty.
    """
    expected = target.log_ratio - source.log_ratio
    uncertainty = math.hypot(source.uncertainty, target.uncertainty)
    at_100_chars = math.hypot(source.spread, target.spread)
    excess, spreads = [], []
    for before, after in num_chars:
        english = max(before / math.exp(source.log_ratio), SHORTEST)
        excess.append(math.log(after / before) - expected)
        spreads.append(math.hypot(TEXT_SPREAD, at_100_chars * math.sqrt(100 / english)))
    prior = (0.0, max(uncertainty, TEXT_SPREAD))
    deviations = []
    for value, spread, middle in zip(excess, spreads, _medians_of_others(excess), strict=True):
        mean, deviation = prior
        if middle is not None:
            seen = (middle, 1.25 * fmean(spreads) / math.sqrt(len(excess) - 1))
            if abs(middle) < 3 * math.hypot(deviation, seen[1]):
                mean, deviation = combined([prior, seen])
        deviations.append((value - mean) / math.hypot(deviation, spread))
    return deviations


def _medians_of_others(values: Sequence[float]) -> list[float | None]:
    """Return for each value the median of the others; None where they are few."""
    if len(values) <= _FEWEST:
        return [None] * len(values)
    ordered = sorted(values)
    half, is_even = divmod(len(values) - 1, 2)

    def without(place: int) -> float:
        low, high = (ordered[at + (place <= at)] for at in (half - 1 + is_even, half))
        return (low + high) / 2

    return [without(bisect_left(ordered, value)) for value in values]
