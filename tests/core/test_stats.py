"""Intervals and tests: the reference implementation, the clusters, the edges.

`tests/golden/test_scipy.py` holds them against scipy's.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mean_tests import paired_difference, sign_flip_p
from scipy.stats import binomtest, bootstrap

from isoglot.core.stats import (
    Measured,
    estimate,
    interval_mean,
    interval_of,
    p_value,
    ratio,
    resampled_values,
    swapped_differences,
    unseen_share,
)

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


@pytest.mark.parametrize("num", [1, 4, 250])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_rate_at_its_edge_has_the_bounds_of_clopper_and_pearson(num, value):
    theirs = binomtest(int(value) * num, num).proportion_ci(0.95, "exact")
    ours = interval_mean([value] * num, names(num), seed=0, resamples=20, is_rate=True)
    assert ours == pytest.approx((theirs.low, theirs.high))


def test_a_change_of_nothing_says_how_much_so_few_prompts_leave_open():
    still = np.zeros(21)
    for num, bound in ((4, 0.602), (250, 0.0146)):
        value, low, high = estimate(still, num, between=(-1, 1))
        assert (value, low, high) == pytest.approx((0, -bound, bound), abs=1e-3)
    assert estimate(np.array([0.5, 0.4, 0.6]), 4) == estimate(np.array([0.5, 0.4, 0.6]))


@given(st.integers(1, 60), st.floats(0, 1))
def test_a_share_that_nothing_was_seen_of_is_seen_once_in_forty_times(num, value):
    share = unseen_share(num)
    assert (1 - share) ** num == pytest.approx(0.025)
    _, low, high = estimate(np.full(9, value), num)
    assert 0 <= low <= value <= high <= 1


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


tables = st.integers(1, 12).flatmap(
    lambda num: st.lists(
        st.tuples(st.integers(0, 4), st.floats(0, 1), st.floats(0.5, 2)),
        min_size=num,
        max_size=num,
    )
)
"""Rows of (family, statistics)."""


def measured(rows) -> Measured:
    return Measured([f"family-{row[0]}" for row in rows], [row[1:] for row in rows])


@given(tables)
def test_a_value_lies_in_its_interval(rows):
    value, low, high = estimate(resampled_values(ratio, [measured(rows)], seed=0)[:, 0])
    total = np.sum([row[1:] for row in rows], axis=0)
    assert value == pytest.approx(total[0] / total[1])
    assert low - 1e-12 <= value <= high + 1e-12
    assert interval_of(measured(rows).statistics, measured(rows).families, ratio, seed=0) == (
        pytest.approx((low, high))
    )


@given(tables, st.randoms())
def test_order_of_rows_of_statistics_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    one = resampled_values(ratio, [measured(rows)], seed=0, resamples=30)
    assert one == pytest.approx(
        resampled_values(ratio, [measured(shuffled)], seed=0, resamples=30), nan_ok=True
    )


@given(tables)
def test_one_family_has_no_spread_and_no_more_than_a_coin_s_doubt(rows):
    same = [(0, *row[1:]) for row in rows]
    values = resampled_values(ratio, [measured(same)], seed=0, resamples=20)[:, 0]
    assert values == pytest.approx(values[0])
    assert sign_flip_p([row[1] for row in same], ["a"] * len(same), seed=0) == 1.0


@given(tables, st.floats(0.1, 10))
def test_scaling_the_values_scales_the_interval(rows, factor):
    scaled = [(family, factor * value, weight) for family, value, weight in rows]
    one = estimate(resampled_values(ratio, [measured(rows)], seed=0, resamples=50)[:, 0])
    other = estimate(resampled_values(ratio, [measured(scaled)], seed=0, resamples=50)[:, 0])
    assert other == pytest.approx([factor * number for number in one])


@given(tables)
def test_several_languages_are_drawn_as_each_alone_where_their_families_are_the_same(rows):
    other = [(family, 1 - value, weight) for family, value, weight in rows]
    both = resampled_values(ratio, [measured(rows), measured(other)], seed=3, resamples=20)
    for column, table in zip(both.T, (rows, other), strict=True):
        alone = resampled_values(ratio, [measured(table)], seed=3, resamples=20)[:, 0]
        assert column == pytest.approx(alone)


def test_parallel_languages_do_not_average_out_and_others_do():
    sample = np.random.default_rng(1).normal(size=100)
    statistics = np.stack([sample, np.ones(100)], axis=1)
    parallel = [Measured(names(100), statistics)] * 9
    apart = [Measured([f"{i}-{name}" for name in names(100)], statistics) for i in range(9)]
    _, low, high = estimate(resampled_values(ratio, parallel, seed=0).mean(axis=1))
    assert (low, high) == pytest.approx(interval_mean(sample, names(100), seed=0))
    _, low_apart, high_apart = estimate(resampled_values(ratio, apart, seed=0).mean(axis=1))
    assert high_apart - low_apart == pytest.approx((high - low) / 3, rel=0.15)


def test_a_draw_without_a_family_of_a_language_is_left_out():
    everywhere = Measured(names(3), np.ones((3, 2)))
    one = Measured(names(1), [(0.25, 1)])
    drawn = resampled_values(ratio, [everywhere, one], seed=0, resamples=100)
    assert np.isnan(drawn[:, 1]).any()
    assert estimate(drawn[:, 1]) == (0.25, 0.25, 0.25)


@given(tables, tables)
def test_swapping_what_is_compared_changes_the_sign_alone(rows, others):
    num = min(len(rows), len(others))
    new = [(i, *row[1:]) for i, row in enumerate(rows[:num])]
    old = [(i, *row[1:]) for i, row in enumerate(others[:num])]
    one = swapped_differences(ratio, [measured(new)], [measured(old)], seed=0, resamples=50)
    other = swapped_differences(ratio, [measured(old)], [measured(new)], seed=0, resamples=50)
    assert one == pytest.approx(-other)
    assert 0 < p_value(one[:, 0]) <= 1


def test_no_difference_is_no_evidence_and_a_large_one_much():
    sample = np.random.default_rng(1).normal(size=40)
    assert sign_flip_p(np.zeros(40), names(40), seed=0) == 1.0
    assert sign_flip_p(sample + 3, names(40), seed=0, resamples=999) == pytest.approx(2 / 1000)
    assert sign_flip_p([1, 1, 1, 1], names(4), seed=0) == pytest.approx(2 / 16)
    assert sign_flip_p([1, 1, 1, 1], ["a", "a", "b", "b"], seed=0) == pytest.approx(2 / 4)


def test_p_values_are_as_small_as_they_say_by_chance():
    rng = np.random.default_rng(4)
    families = np.repeat(names(20), 3)
    found = [
        sign_flip_p(np.repeat(rng.normal(size=20), 3), families, seed=i, resamples=200)
        for i in range(400)
    ]
    assert 0.02 < np.mean(np.array(found) <= 0.05) < 0.08


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ([], "one width"),
        ([Measured(["a"], [(1.0, 1.0)]), Measured(["a"], [(1.0,)])], "one width"),
        ([Measured(["a"], [1.0])], "shape"),
        ([Measured([], np.zeros((0, 2)))], "0 values"),
        ([Measured(["a"], [(float("inf"), 1.0)])], "finite"),
    ],
)
def test_bad_statistics_are_refused(columns, why):
    with pytest.raises(ValueError, match=why):
        resampled_values(ratio, columns, seed=0)


def test_sides_of_another_number_of_languages_are_refused():
    one = Measured(["a"], [(1.0, 1.0)])
    with pytest.raises(ValueError, match="2 and 1"):
        swapped_differences(ratio, [one, one], [one], seed=0)
    with pytest.raises(ValueError, match="0 draws"):
        estimate(np.array([1.0, np.nan]))
