"""Intervals and tests that know that the examples of one family are not independent.

What is measured of an example is a row of statistics, and a value is a function of their sum over
examples: (value, 1) for a mean, counts of n-grams for BLEU. Families are drawn, or swapped, once
for all languages and systems, since one family is the same question in each of them: the spread of
a mean over languages, of the worst one or of a difference is then that of the questions.

Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 13 (percentile interval);
Noreen 1989, *Computer-Intensive Methods for Testing Hypotheses*, chapter 2 (paired randomisation);
Miller 2024, *Adding Error Bars to Evals*, arXiv:2411.00640 (clustered errors, paired differences).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isoglot.core.errors import InputError

_BLOCK = 2_000_000  # counts of families held at a time: 16 MB

Value = Callable[[np.ndarray], np.ndarray]
"""Sums of statistics (..., k) → values (...)."""

Families = Sequence[str] | Sequence[int]
"""The family of each row; the order of the rows does not matter."""


class Measured(NamedTuple):
    """What is known of the examples of one language under one system."""

    families: Families
    """Parallel examples have the same one in every language."""
    statistics: ArrayLike
    """(n, k): one row for each example."""


class Estimate(NamedTuple):
    """A value and its 95 % interval."""

    value: float
    low: float
    high: float


def resampled_values(
    value: Value, measured: Sequence[Measured], *, seed: int, resamples: int = 1000
) -> np.ndarray:
    """(1 + resamples, len(measured)): the values as measured, then those of each bootstrap draw.

    A draw takes as many families as there are, with replacement, and is the same for all columns.
    So a figure over columns is worked out row by row and then given to `estimate`: a difference of
    two systems, a macro mean, the lowest language. A draw that has none of a column's families is
    NaN there.

    Raises:
        InputError: a column without rows, with a statistic that is not finite, or of another width.
    """
    table, rows = _family_sums(measured)
    totals = [rows.sum(axis=0, keepdims=True)]
    for drawn in _drawn_families(len(rows), seed, resamples):
        totals.append(_counts(drawn) @ rows)
    return _values(value, np.concatenate(totals), table)


def swapped_differences(
    value: Value,
    new: Sequence[Measured],
    old: Sequence[Measured],
    *,
    seed: int,
    resamples: int = 1000,
) -> np.ndarray:
    """(1 + resamples, len(new)): new minus old as measured, then with families swapped at random.

    A swap exchanges what the two systems did on a whole family, in every language. Where there are
    no more than `resamples` ways to swap, each of them stands there once. Both systems should be
    measured on the same examples. For `p_value`.

    Raises:
        InputError: as `resampled_values`; or the two systems have not as many columns.
    """
    if len(new) != len(old):
        raise InputError(f"expected as many columns on both sides, got {len(new)} and {len(old)}")
    table, rows = _family_sums([*new, *old])
    rows_new, rows_old = np.split(rows, 2, axis=1)
    change = rows_old - rows_new
    exchanged = np.concatenate([swaps @ change for swaps in _swaps(len(rows), seed, resamples)])
    totals = np.hstack([rows_new.sum(axis=0) + exchanged, rows_old.sum(axis=0) - exchanged])
    values = _values(value, totals, table)
    return values[:, : len(new)] - values[:, len(new) :]


def over_seeds(values: Sequence[np.ndarray], *, seed: int) -> np.ndarray:
    """(1 + resamples, columns): the mean over seeds as measured, then that of each draw.

    `values` has for each seed of a training what `resampled_values` made of its own examples. A
    draw takes as many seeds as there are, with replacement, and for each of them one draw of its
    families, the same for all columns (Efron and Tibshirani 1993, chapter 8: what is nested is
    drawn from the outside in). A column that a seed has no value for (NaN) is left to the others.
    Few seeds make an interval too narrow: of three, the spread between them comes out a third too
    small in variance.
    """
    stacked = np.stack(values)
    num_seeds, num_rows, _ = stacked.shape
    if num_seeds == 1:
        return stacked[0]
    rng = np.random.default_rng(seed)
    shape = num_rows - 1, num_seeds
    drawn = stacked[rng.integers(0, num_seeds, shape), rng.integers(1, num_rows, shape)]
    return mean_known(np.concatenate([stacked[None, :, 0], drawn]), axis=1)


def mean_known(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis)


def estimate(values: np.ndarray) -> Estimate:
    """The first of `values` (1 + resamples,) with the 95 % percentile interval of the others.

    Draws that are NaN are left out. The lowest of several languages, found anew in each draw, may
    lie above its interval: the minimum of noisy values is biased downwards.
    """
    draws = values[1:][~np.isnan(values[1:])]
    if len(draws) == 0:
        raise InputError("interval over 0 draws: expected at least one with a value")
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(float(values[0]), float(low), float(high))


def p_value(differences: np.ndarray) -> float:
    """Two-sided: how rare a difference as large as the first is among all of them (1 + swaps,).

    Twice the smaller tail, 1 at most. What was measured counts as one of the swaps: never 0.
    """
    known = differences[~np.isnan(differences)]
    slack = 100 * np.finfo(float).eps * abs(known[0])  # equal but for rounding
    tails = np.mean(known <= known[0] + slack), np.mean(known >= known[0] - slack)
    return min(1.0, 2 * float(min(tails)))


def interval_of(
    statistics: ArrayLike,
    families: Families,
    value: Value,
    *,
    seed: int,
    resamples: int = 1000,
) -> tuple[float, float]:
    """95 % percentile-bootstrap interval of `value` of the sum of `statistics` (n, k).

    Whole families are resampled. One family has no spread to resample, and both bounds are its
    value. Raises InputError as `resampled_values`.
    """
    measured = Measured(families, statistics)
    values = resampled_values(value, [measured], seed=seed, resamples=resamples)
    return estimate(values[:, 0])[1:]


def interval_mean(
    values: Sequence[float], families: Families, *, seed: int, resamples: int = 1000
) -> tuple[float, float]:
    """`interval_of` the mean: `families[i]` is the family of `values[i]`."""
    statistics = np.stack([np.asarray(values, dtype=float), np.ones(len(values))], axis=1)
    return interval_of(statistics, families, ratio, seed=seed, resamples=resamples)


def ratio(sums: np.ndarray) -> np.ndarray:
    """The value of a mean: sums (..., 2) of (value, 1), divided."""
    return sums[..., 0] / sums[..., 1]


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
        InputError: no example has both values.
    """
    rows = [
        (a - b, family)
        for a, b, family in zip(values_a, values_b, families, strict=True)
        if a is not None and b is not None
    ]
    if not rows:
        raise InputError("difference over 0 examples: no example has a value on both sides")
    differences, shared = zip(*rows, strict=True)
    low, high = interval_mean(differences, shared, seed=seed, resamples=resamples)
    return float(np.mean(differences)), low, high


def sign_flip_p(
    effects: Sequence[float], families: Families, *, seed: int, resamples: int = 1000
) -> float:
    """Two-sided p-value of a mean effect, under flips of the sign of whole families.

    `effects[i]` is what changed in an example, such as new minus old: the `p_value` of a mean.
    """
    column = np.asarray(effects, dtype=float)
    ones = np.ones(len(column))
    new = Measured(families, np.stack([column, ones], axis=1))
    old = Measured(families, np.stack([0 * column, ones], axis=1))
    return p_value(swapped_differences(ratio, [new], [old], seed=seed, resamples=resamples)[:, 0])


def _family_sums(measured: Sequence[Measured]) -> tuple[tuple[int, int], np.ndarray]:
    """(columns, k), and the sums of each family of any column: (families, columns x k)."""
    blocks = [_checked(*cell) for cell in measured]
    widths = {block.shape[1] for block in blocks}
    if len(widths) != 1:
        raise InputError(f"expected columns with statistics of one width, got {sorted(widths)}")
    everyone = np.concatenate([np.asarray(cell.families, dtype=str) for cell in measured])
    names, family = np.unique(everyone, return_inverse=True)
    ends = np.cumsum([len(block) for block in blocks])
    columns = [
        np.bincount(at, weights=column, minlength=len(names))
        for at, block in zip(np.split(family, ends[:-1]), blocks, strict=True)
        for column in block.T
    ]
    return (len(blocks), widths.pop()), np.stack(columns, axis=1)


def _checked(families: Families, statistics: ArrayLike) -> np.ndarray:
    """The statistics (n, k) of a column."""
    block = np.asarray(statistics, dtype=float)
    if len(block) != len(families):
        raise InputError(
            f"expected one family for each value, got {len(families)} for {len(block)}"
        )
    if len(block) == 0:
        raise InputError("interval of 0 values: every example was unknown or none was given")
    if block.ndim != 2:
        raise InputError(f"expected statistics (n, k), got an array of shape {block.shape}")
    if not np.isfinite(block).all():
        raise InputError("interval of a value that is not finite: leave unknown examples out")
    return block


def _drawn_families(num: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Blocks of draws (draws, num): as many families as there are, with replacement."""
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // num)
    for start in range(0, resamples, step):
        yield rng.integers(0, num, (min(step, resamples - start), num))


def _counts(drawn: np.ndarray) -> np.ndarray:
    """How often each family stands in each draw: (draws, num)."""
    draws, num = drawn.shape
    cells = (drawn + num * np.arange(draws)[:, None]).ravel()
    return np.bincount(cells, minlength=draws * num).reshape(draws, num).astype(float)


def _swaps(num: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Blocks (swaps, num) of 1 for a family that is swapped, else 0; the first row swaps none."""
    step = max(1, _BLOCK // num)
    if 2**num <= resamples:
        for start in range(0, 2**num, step):
            ways = np.arange(start, min(start + step, 2**num))
            yield (ways[:, None] >> np.arange(num) & 1).astype(float)
        return
    yield np.zeros((1, num))
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, step):
        # two columns shuffled, and not one of random bits: scipy draws so, and ours are its swaps
        orders = np.tile(np.arange(2), (min(step, resamples - start), num, 1))
        yield rng.permuted(orders, axis=-1)[..., 0].astype(float)


def _values(value: Value, totals: np.ndarray, table: tuple[int, int]) -> np.ndarray:
    """Values (rows, columns) of sums (rows, columns x k)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return value(totals.reshape(len(totals), *table))
