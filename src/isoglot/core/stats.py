"""Intervals that know that the examples of one family are not independent.

Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 13 (percentile interval);
Miller 2024, *Adding Error Bars to Evals*, arXiv:2411.00640 (clustered errors, paired differences).
"""

from collections.abc import Sequence

import numpy as np

_BLOCK = 2_000_000  # resampled indices held at a time: 16 MB


def interval_mean(
    values: Sequence[float], families: Sequence[str], *, seed: int, resamples: int = 1000
) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of the mean, whole families resampled.

    `families[i]` is the family of `values[i]`; the order of the rows does not matter. One family,
    as one value, has no spread to resample, and both bounds are its mean.

    Raises:
        ValueError: no values, or one that is not finite.
    """
    _, family = np.unique(np.asarray(families, dtype=str), return_inverse=True)
    if len(values) != len(family):
        raise ValueError(f"expected one family for each value, got {len(family)} for {len(values)}")
    if len(values) == 0:
        raise ValueError("interval of 0 values: every example was unknown or none was given")
    if not np.isfinite(values).all():
        raise ValueError("interval of a value that is not finite: leave unknown examples out")
    sums = np.bincount(family, weights=values)
    counts = np.bincount(family)
    means = _resampled_means(sums, counts, seed, resamples)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _resampled_means(sums: np.ndarray, counts: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Means of `resamples` draws of as many families as there are, with replacement."""
    rng = np.random.default_rng(seed)
    num = len(sums)
    step = max(1, _BLOCK // num)
    blocks = []
    for start in range(0, resamples, step):
        drawn = rng.integers(0, num, (min(step, resamples - start), num))
        blocks.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(blocks)


def paired_difference(
    values_a: Sequence[float | None],
    values_b: Sequence[float | None],
    families: Sequence[str],
    *,
    seed: int,
    resamples: int = 1000,
) -> tuple[float, float, float]:
    """Mean of `a - b` over the examples that both have, with its 95 % interval (low, high).

    Row i is one example of `families[i]`; None is an example that one side has no value for.

    Raises:
        ValueError: no example has both values.
    """
    rows = [
        (a - b, family)
        for a, b, family in zip(values_a, values_b, families, strict=True)
        if a is not None and b is not None
    ]
    if not rows:
        raise ValueError("difference over 0 examples: no example has a value on both sides")
    differences, shared = zip(*rows, strict=True)
    low, high = interval_mean(differences, shared, seed=seed, resamples=resamples)
    return float(np.mean(differences)), low, high
