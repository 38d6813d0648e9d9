"""Intervals and tests for examples that are not independent within their family.

An example has a row of statistics, and a value is a function of their sum over examples: (value, 1)
for a mean, counts of n-grams for BLEU. Families are drawn, or swapped, once for all languages and
systems, since a family is the same prompt in each of them: the spread of a mean over languages, of
the worst one or of a difference is then that of the prompts.

Efron and Tibshirani 1993, *An Introduction to the Bootstrap*, chapter 13 (percentile interval);
Noreen 1989, *Computer-Intensive Methods for Testing Hypotheses*, chapter 2 (paired randomisation);
Miller 2024, *Adding Error Bars to Evals*, arXiv:2411.00640 (clustered errors, paired differences).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isoglot.core.errors import InputError

_BLOCK = 2_000_000  # counts of families held at a time: 16 MB

Value = Callable[[np.ndarray], np.ndarray]
"""Sums of statistics (..., k) → values (...)."""

Families = Sequence[str] | Sequence[int]
"""The family of each row, in any order."""


class Measured(NamedTuple):
    """The examples of one language under one system."""

    families: Families
    """Parallel examples have the same family in every language."""
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
    """Return (1 + resamples, len(measured)): the values as measured, then those of each draw.

    A bootstrap draw takes as many families as there are, with replacement, the same for all
    columns. So a figure over columns (a difference of two systems, a macro mean, the lowest) is
    computed row by row for `estimate`. A draw that has none of a column's families is NaN there.

    Raises:
        InputError: a column without rows.
    """
    table, rows = _family_sums(measured)
    drawn = [counts @ rows for counts in _drawn_counts(len(rows), seed, resamples)]
    return _values(value, np.concatenate([rows.sum(axis=0, keepdims=True), *drawn]), table)


def swapped_differences(
    value: Value,
    new: Sequence[Measured],
    old: Sequence[Measured],
    *,
    seed: int,
    resamples: int = 1000,
) -> np.ndarray:
    """Return (1 + resamples, len(new)): new minus old as measured, then with swapped families.

    A swap exchanges the statistics of the two systems for a whole family, in every language. If
    there are no more than `resamples` ways to swap, each is taken once. Both systems should be
    measured on the same examples. For `p_value`.

    Raises:
        InputError: as `resampled_values`.
    """
    if len(new) != len(old):
        raise ValueError(f"expected as many columns on both sides, got {len(new)} and {len(old)}")
    table, rows = _family_sums([*new, *old])
    rows_new, rows_old = np.split(rows, 2, axis=1)
    change = rows_old - rows_new
    exchanged = np.concatenate([swaps @ change for swaps in _swaps(len(rows), seed, resamples)])
    totals = np.hstack([rows_new.sum(axis=0) + exchanged, rows_old.sum(axis=0) - exchanged])
    values = _values(value, totals, table)
    return values[:, : len(new)] - values[:, len(new) :]


def over_seeds(values: Sequence[np.ndarray], *, seed: int) -> np.ndarray:
    """Return (1 + resamples, columns): the mean over seeds as measured, then that of each draw.

    `values` has for each seed of a training the result of `resampled_values`. A draw takes as many
    seeds as there are, with replacement, and for each of them one draw of its families, the same
    for all columns (Efron and Tibshirani 1993, chapter 8: nested data are drawn from the outside
    in). A seed without a value in a column (NaN) is left out there. Few seeds make an interval too
    narrow: with three, the variance between them comes out a third too small.
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
    """Return the mean without NaN; NaN if nothing is left."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis)


def estimate(
    values: np.ndarray, families: int | None = None, *, between: tuple[float, float] = (0.0, 1.0)
) -> Estimate:
    """Return the first of `values` (1 + resamples,) with the 95 % percentile interval of the rest.

    Draws that are NaN are left out. The lowest of several languages, found anew in each draw, may
    lie above its interval: the minimum of noisy values is biased downwards.

    Where all `families` are alike, as at a rate of 0 or 1 or a change of 0, no draw differs, and
    the interval is that of a rate at its edge (`unseen_share`): the share of families that may be
    otherwise, with the least and the greatest value of `between`. None keeps the width of zero.
    """
    draws = values[1:][~np.isnan(values[1:])]
    if len(draws) == 0:
        raise InputError("interval over 0 draws: expected at least one with a value")
    low, high = np.percentile(draws, [2.5, 97.5])
    value = float(values[0])
    if families and max(high, value) - min(low, value) < 1e-12:
        share, (least, most) = unseen_share(families), between
        low, high = (value + share * (end - value) for end in (least, most))
    return Estimate(value, float(low), float(high))


def unseen_share(num: int) -> float:
    """Return the greatest share, at 97.5 %, of a kind that none of `num` draws was of.

    Clopper and Pearson 1934: the upper bound of the 95 % interval of a rate where nothing occurred.
    """
    return float(1 - 0.025 ** (1 / num))


def p_value(differences: np.ndarray) -> float:
    """Return the two-sided p-value of the first difference among all of them (1 + swaps,).

    Twice the smaller tail, 1 at most; never 0, as the measured difference counts as a swap.
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
    is_rate: bool = False,
) -> tuple[float, float]:
    """Return the 95 % percentile-bootstrap interval of `value` of the sum of `statistics` (n, k).

    Whole families are resampled. `is_rate`: the value is 0 to 1, and has a bound where all families
    are alike, see `estimate`. Raises as `resampled_values` does.
    """
    measured = Measured(families, statistics)
    values = resampled_values(value, [measured], seed=seed, resamples=resamples)
    return estimate(values[:, 0], len(set(families)) if is_rate else None)[1:]


def interval_mean(
    values: Sequence[float],
    families: Families,
    *,
    seed: int,
    resamples: int = 1000,
    is_rate: bool = False,
) -> tuple[float, float]:
    """Return `interval_of` the mean; `families[i]` is the family of `values[i]`."""
    statistics = np.stack([np.asarray(values, dtype=float), np.ones(len(values))], axis=1)
    return interval_of(statistics, families, ratio, seed=seed, resamples=resamples, is_rate=is_rate)


def rate_of_kinds(
    kinds: Mapping[tuple[float, float], int], *, seed: int, resamples: int = 1000
) -> Estimate:
    """Return a rate and its interval from how many families there are of each (sum, n).

    The bootstrap of `interval_mean`: families that are alike are drawn together, in a multinomial
    draw of their kinds, which takes no longer for a million of them.
    """
    rows, times = (np.array(each, dtype=float) for each in zip(*sorted(kinds.items()), strict=True))
    num = int(times.sum())
    drawn = np.random.default_rng(seed).multinomial(num, times / num, size=resamples)
    return estimate(ratio(np.concatenate([times[None], drawn]) @ rows), num)


def standard_error_mean(columns: Sequence[tuple[Families, Sequence[float]]]) -> float | None:
    """Return the standard error of the mean over columns of the means of their values.

    Each column has the families and the values of one language. Values of one family are not
    independent in any of them (Miller 2024, arXiv:2411.00640, section 2.2, with the factor G / (G -
    1) of a sample of G families). Of one column without shared families it is the standard
    deviation over the root of n. None for fewer than two families.
    """
    sums: dict[object, float] = {}
    for families, values in columns:
        found = np.asarray(values, dtype=float)
        moved = (found - found.mean()) / (len(found) * len(columns))
        for family, part in zip(families, moved, strict=True):
            sums[family] = sums.get(family, 0.0) + float(part)
    num = len(sums)
    if num < 2:
        return None
    return float(np.sqrt(num / (num - 1) * sum(part**2 for part in sums.values())))


def ratio(sums: np.ndarray) -> np.ndarray:
    """Return the value of a mean: sums (..., 2) of (value, 1), divided."""
    return sums[..., 0] / sums[..., 1]


def _family_sums(measured: Sequence[Measured]) -> tuple[tuple[int, int], np.ndarray]:
    """Return (columns, k) and the sums of each family: (families, columns x k)."""
    blocks = [_checked(*cell) for cell in measured]
    widths = {block.shape[1] for block in blocks}
    if len(widths) != 1:
        raise ValueError(f"expected columns with statistics of one width, got {sorted(widths)}")
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
    """Return the statistics (n, k) of a column."""
    block = np.asarray(statistics, dtype=float)
    if len(block) != len(families):
        raise ValueError(
            f"expected one family for each value, got {len(families)} for {len(block)}"
        )
    if len(block) == 0:
        raise InputError("interval of 0 values: every example was unknown or none was given")
    if block.ndim != 2:
        raise ValueError(f"expected statistics (n, k), got an array of shape {block.shape}")
    if not np.isfinite(block).all():
        raise ValueError("interval of a value that is not finite: leave unknown examples out")
    return block


def _drawn_counts(num: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Yield blocks (draws, num) of the times that a draw with replacement has each family."""
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // num)
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        cells = rng.integers(0, num, (draws, num)) + num * np.arange(draws)[:, None]
        yield np.bincount(cells.ravel(), minlength=cells.size).reshape(draws, num).astype(float)


def _swaps(num: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Yield blocks (swaps, num) of 1 for a swapped family, else 0; the first row swaps none."""
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
    """Return the values (rows, columns) of sums (rows, columns x k)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return value(totals.reshape(len(totals), *table))
