"""How far raters agree beyond chance: Krippendorff's alpha for names and for ranks.

Krippendorff 2011, *Computing Krippendorff's Alpha-Reliability*, sections B to D.
"""

from collections.abc import Hashable, Sequence
from math import isnan
from typing import Any

import numpy as np


def krippendorff_alpha(
    units: Sequence[Sequence[Hashable | None]], *, is_ordinal: bool = False
) -> float | None:
    """Alpha of what several raters called each unit; None is a rater who did not say.

    With `is_ordinal` the names are numbers, and the further apart the worse.

    1 is agreement, 0 what chance gives, below 0 is disagreement. None where alpha is not defined:
    no unit with two names, or the same name everywhere.
    """
    named: set[Any] = {name for unit in units for name in unit if name is not None}
    labels = sorted(named, key=None if is_ordinal else _as_text)
    sums = np.sum([coincidences(unit, labels) for unit in units] or np.zeros((1, 1)), axis=0)
    value = (ordinal_alpha if is_ordinal else alpha)(sums)
    return None if isnan(value) else float(value)


def coincidences(unit: Sequence[Hashable | None], labels: Sequence[Hashable]) -> np.ndarray:
    """What one unit adds to the matrix of coincidences, by rows: (labels²,).

    Each name is paired with every other rater's, and the pairs of m names weigh 1 / (m - 1).
    """
    counts = np.array([sum(name == label for name in unit) for label in labels], dtype=float)
    num = counts.sum()
    if num < 2:
        return np.zeros(len(labels) ** 2)
    return ((np.outer(counts, counts) - np.diag(counts)) / (num - 1)).ravel()


def alpha(sums: np.ndarray) -> np.ndarray:
    """Alpha of summed coincidences: (…, labels²) → (…); NaN where it is not defined."""
    matrix = _square(sums)
    return _alpha(matrix, 1 - np.eye(matrix.shape[-1]))


def ordinal_alpha(sums: np.ndarray) -> np.ndarray:
    """Alpha of summed coincidences of labels in their order: (…, labels²) → (…).

    How far two ranks are apart is the number of values between them, of each of the two the half
    (section D: the metric of ordinal data), squared.
    """
    matrix = _square(sums)
    per_label = matrix.sum(axis=-1)
    middle = np.cumsum(per_label, axis=-1) - per_label / 2
    return _alpha(matrix, (middle[..., :, None] - middle[..., None, :]) ** 2)


def _square(sums: np.ndarray) -> np.ndarray:
    size = round(sums.shape[-1] ** 0.5)
    return sums.reshape(*sums.shape[:-1], size, size)


def _alpha(matrix: np.ndarray, apart: np.ndarray) -> np.ndarray:
    per_label = matrix.sum(axis=-1)
    num = per_label.sum(axis=-1)
    observed = (matrix * apart).sum(axis=(-2, -1))
    chance = per_label[..., :, None] * per_label[..., None, :]
    expected = (chance * apart).sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (num - 1) * observed / expected, np.nan)


def _as_text(name: Hashable) -> tuple[str, str]:
    return type(name).__name__, str(name)
