"""Intervals: the reference implementation, the clusters, the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from isoglot.core.stats import interval_mean, paired_difference

values = st.lists(st.floats(-100, 100), min_size=1, max_size=30)


def names(num: int) -> list[str]:
    return [f"family-{i:04d}" for i in range(num)]


@pytest.mark.parametrize("num", [2, 37, 3000])
def test_one_value_per_family_is_the_percentile_bootstrap_of_scipy(num):
    sample = np.random.default_rng(5).normal(size=num)
    rng = np.random.default_rng(11)  # the same generator draws the same resamples
    theirs = bootstrap((sample,), np.mean, n_resamples=1000, method="percentile", rng=rng)
    ours = interval_mean(sample, names(num), seed=11)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=1e-6)


def test_copies_within_a_family_do_not_narrow_the_interval():
    sample = np.random.default_rng(5).normal(size=50)
    once = interval_mean(sample, names(50), seed=1)
    copied = interval_mean(np.repeat(sample, 10), np.repeat(names(50), 10), seed=1)
    assert copied == pytest.approx(once)


def test_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    bounds = [
        interval_mean(rng.normal(size=60), names(60), seed=i, resamples=300) for i in range(300)
    ]
    covered = np.mean([low <= 0 <= high for low, high in bounds])
    assert 0.89 < covered < 0.99


@given(values, st.randoms())
def test_order_of_rows_does_not_matter(sample, random):
    rows = list(zip(sample, names(len(sample)), strict=True))
    shuffled = random.sample(rows, len(rows))
    one = interval_mean(*zip(*rows, strict=True), seed=0, resamples=50)
    other = interval_mean(*zip(*shuffled, strict=True), seed=0, resamples=50)
    assert one == pytest.approx(other)


@given(values)
def test_interval_lies_within_the_values(sample):
    low, high = interval_mean(sample, names(len(sample)), seed=0, resamples=50)
    assert min(sample) - 1e-9 <= low <= high <= max(sample) + 1e-9


def test_one_value_is_its_own_interval():
    assert interval_mean([0.25], ["a"], seed=0) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("sample", "families", "why"),
    [([], [], "0 values"), ([1.0], ["a", "b"], "one family"), ([float("nan")], ["a"], "finite")],
)
def test_bad_values_are_refused(sample, families, why):
    with pytest.raises(ValueError, match=why):
        interval_mean(sample, families, seed=0)


def test_difference_is_over_examples_that_both_have():
    difference, low, high = paired_difference(
        [1.0, 1.0, None, 0.0], [0.0, 1.0, 1.0, None], names(4), seed=0
    )
    assert difference == 0.5
    assert 0 <= low <= high <= 1


@given(values)
def test_a_constant_shift_is_the_difference_without_doubt(sample):
    shifted = [value + 2 for value in sample]
    result = paired_difference(shifted, sample, names(len(sample)), seed=0, resamples=20)
    assert result == pytest.approx((2, 2, 2))


def test_difference_of_nothing_shared_is_refused():
    with pytest.raises(ValueError, match="0 examples"):
        paired_difference([None, 1.0], [1.0, None], names(2), seed=0)
