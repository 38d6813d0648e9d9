"""The expected length of a translation, in characters, from professionally translated text.

`length_ratios.csv` has for each language the mean and the spread of ln(characters / characters of
the English sentence), the spread at 100 English characters, over the half of the items of SIB-200
and NTREX-128 (CC-BY-SA-4.0) that `bench/artefacts.py --fit` draws; only these figures are kept. A
language without text has the median of its script, or of all languages.
"""

import csv
import math
from functools import cache
from pathlib import Path
from statistics import median

from isoglot.core.languages import LANGUAGES, language

_SHORTEST, _LONGEST = 25, 900
"""Characters between which the spread falls with the square root of the length."""


@cache
def _table() -> dict[str, tuple[float, float]]:
    path = Path(__file__).with_name("length_ratios.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = {row["tag"]: row for row in csv.DictReader(file)}
    return {tag: (float(row["log_ratio"]), float(row["spread"])) for tag, row in rows.items()}


@cache
def _figures(tag: str) -> tuple[float, float]:
    table = _table()
    if tag in table:
        return table[tag]
    script = LANGUAGES[tag].script
    alike = [table[known] for known in table if LANGUAGES[known].script == script]
    some = alike or list(table.values())
    # a guess has a wider spread
    return median(mean for mean, _ in some), 1.5 * median(spread for _, spread in some)


def length_deviation(num_source: int, num_target: int, source: str, target: str) -> float:
    """Return by how many spreads a translation is longer (positive) or shorter than expected.

    `num_source` and `num_target` are characters, at least one each; the languages are tags.
    """
    (of_source, spread_source), (of_target, spread_target) = (
        _figures(language(tag).tag) for tag in (source, target)
    )
    spread = math.hypot(spread_source, spread_target) or spread_target
    english = num_source / math.exp(of_source)
    spread *= math.sqrt(100 / min(max(english, _SHORTEST), _LONGEST))
    return (math.log(num_target / num_source) - (of_target - of_source)) / max(spread, 1e-9)
