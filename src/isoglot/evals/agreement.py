"""Krippendorff's alpha: agreement of raters beyond chance, for nominal and ordinal labels.

1 is agreement, 0 chance, below 0 disagreement. Krippendorff 2011, *Computing Krippendorff's
Alpha-Reliability*, sections B to D.
"""

from collections.abc import Hashable, Sequence

import numpy as np


def coincidences(unit: Sequence[Hashable | None], labels: Sequence[Hashable]) -> np.ndarray:
    """Return the contribution of one unit to the matrix of coincidences, by rows: (labels²,).

    `unit` has the label of each rater, None for one who gave none. Each label is paired with every
    other rater's; a pair among m labels counts 1 / (m - 1).
    """
    counts = np.array([sum(name == label for name in unit) for label in labels], dtype=float)
    num = counts.sum()
    if num < 2:
        return np.zeros(len(labels) ** 2)
    return ((np.outer(counts, counts) - np.diag(counts)) / (num - 1)).ravel()


def nominal_alpha(sums: np.ndarray) -> np.ndarray:
    """Return alpha of summed coincidences, (…, labels²) → (…); NaN where it is not defined.

    It is undefined with no unit of two labels, or with only one label anywhere.
    """
    matrix = _square(sums)
    return _alpha(matrix, 1 - np.eye(matrix.shape[-1]))


def ordinal_alpha(sums: np.ndarray) -> np.ndarray:
    """Return alpha of summed coincidences of ordered labels: (…, labels²) → (…).

    The distance of two ranks is the number of values between them, counting half of those at each
    end, squared (section D, the metric of ordinal data).
    """
    matrix = _square(sums)
    per_label = matrix.sum(axis=-1)
    middle = np.cumsum(per_label, axis=-1) - per_label / 2
    return _alpha(matrix, (middle[..., :, None] - middle[..., None, :]) ** 2)


def _square(sums: np.ndarray) -> np.ndarray:
    size = round(sums.shape[-1] ** 0.5)
    return sums.reshape(*sums.shape[:-1], size, size)


def _alpha(matrix: np.ndarray, distance: np.ndarray) -> np.ndarray:
    per_label = matrix.sum(axis=-1)
    num = per_label.sum(axis=-1)
    observed = (matrix * distance).sum(axis=(-2, -1))
    chance = per_label[..., :, None] * per_label[..., None, :]
    expected = (chance * distance).sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (num - 1) * observed / expected, np.nan)
