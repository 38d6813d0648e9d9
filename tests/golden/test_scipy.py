"""Intervals and p-values against scipy's, at equal resamples: one generator draws the same ones."""

import numpy as np
import pytest
from mean_tests import paired_difference, sign_flip_p
from scipy.stats import bootstrap, permutation_test

from isoglot.core.stats import (
    Measured,
    estimate,
    interval_mean,
    interval_of,
    p_value,
    ratio,
    resampled_values,
    swapped_differences,
)

SEED = 11
NUM = (3, 37, 800, 3000)  # the last takes several blocks of draws


def names(num: int) -> list[str]:
    return [f"family-{i:04d}" for i in range(num)]


def pairs(num: int) -> np.ndarray:
    return np.random.default_rng(5).gamma(2.0, size=(num, 2)) + np.array([0.1, 0.0])


def theirs_bootstrap(sample: tuple, statistic, resamples: int) -> tuple[float, float]:
    found = bootstrap(
        sample,
        statistic,
        n_resamples=resamples,
        method="percentile",
        paired=len(sample) > 1,
        rng=np.random.default_rng(SEED),
    )
    return tuple(found.confidence_interval)


@pytest.mark.parametrize("num", NUM)
def test_interval_of_a_mean(num):
    sample = pairs(num)[:, 0]
    ours = interval_mean(sample, names(num), seed=SEED, resamples=2000)
    assert ours == pytest.approx(theirs_bootstrap((sample,), np.mean, 2000), abs=1e-6)


@pytest.mark.parametrize("num", NUM)
def test_interval_of_a_paired_difference(num):
    new, old = pairs(num).T

    def difference(a, b, axis):
        return a.mean(axis=axis) - b.mean(axis=axis)

    value, *ours = paired_difference(new, old, names(num), seed=SEED)
    assert value == pytest.approx(new.mean() - old.mean(), abs=1e-12)
    assert ours == pytest.approx(theirs_bootstrap((new, old), difference, 1000), abs=1e-6)


@pytest.mark.parametrize("num", NUM)
def test_interval_of_a_function_of_sums(num):
    def of_sums(sums):
        return sums[..., 0] ** 2 / sums[..., 1]

    def of_columns(a, b, axis):
        return a.sum(axis=axis) ** 2 / b.sum(axis=axis)

    ours = interval_of(pairs(num), names(num), of_sums, seed=SEED)
    assert ours == pytest.approx(theirs_bootstrap(tuple(pairs(num).T), of_columns, 1000), rel=1e-9)


def test_interval_of_a_mean_over_languages_and_of_a_difference_of_two_systems():
    num = 60
    tables = np.random.default_rng(2).normal(size=(4, num))  # two languages under two systems
    measured = [Measured(names(num), np.stack([row, np.ones(num)], axis=1)) for row in tables]
    drawn = resampled_values(ratio, measured, seed=SEED)
    change = drawn[:, :2].mean(axis=1) - drawn[:, 2:].mean(axis=1)

    def mean_change(a, b, c, d, axis):
        return (a + b - c - d).mean(axis=axis) / 2

    value, *ours = estimate(change)
    assert value == pytest.approx(mean_change(*tables, axis=0), abs=1e-12)
    assert ours == pytest.approx(theirs_bootstrap(tuple(tables), mean_change, 1000), abs=1e-6)


def theirs_permutation(new: np.ndarray, old: np.ndarray, statistic, resamples: int) -> float:
    found = permutation_test(
        (new, old),
        statistic,
        permutation_type="samples",
        n_resamples=resamples,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


def mean_difference(a, b, axis):
    return a.mean(axis=axis) - b.mean(axis=axis)


@pytest.mark.parametrize("num", [2, 9, 37, 800, 3000])  # up to 9 there is room for every flip
def test_p_value_of_a_mean_difference(num):
    new, old = pairs(num).T
    ours = sign_flip_p(new - old, names(num), seed=SEED)
    assert ours == pytest.approx(theirs_permutation(new, old, mean_difference, 1000), abs=1e-6)


@pytest.mark.parametrize("num", [4, 40])
def test_p_value_of_a_function_of_sums(num):
    statistics = np.random.default_rng(8).gamma(2, size=(2 * num, 2))
    new, old = np.arange(num), np.arange(num, 2 * num)  # scipy swaps the numbers of the rows
    measured = [[Measured(names(num), statistics[rows])] for rows in (new, old)]
    swapped = swapped_differences(ratio, *measured, seed=SEED)

    def difference(a, b, axis):
        assert axis == -1
        return ratio(statistics[a].sum(axis=-2)) - ratio(statistics[b].sum(axis=-2))

    theirs = theirs_permutation(new, old, difference, 1000)
    assert p_value(swapped[:, 0]) == pytest.approx(theirs, abs=1e-6)


def test_families_are_flipped_whole():
    effects = np.random.default_rng(3).normal(0.2, size=30)
    families = np.repeat(names(10), 3)
    by_family = effects.reshape(10, 3).sum(axis=1)
    zero = np.zeros(10)
    theirs = theirs_permutation(by_family, zero, mean_difference, 2000)
    ours = sign_flip_p(effects, families, seed=SEED, resamples=2000)
    assert ours == pytest.approx(theirs, abs=1e-6)
