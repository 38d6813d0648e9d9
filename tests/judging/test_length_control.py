"""The length-controlled win rate: planted judges, symmetries, and refits of whole resamples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.stats import estimate
from isoglot.judging.length_control import (
    Compared,
    length_controlled,
    length_controlled_values,
    predicted_at_equal_length,
)

rows = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([0, 0.3, 0.5, 1]), st.integers(-900, 900)),
    min_size=1,
    max_size=25,
)


def compared(table) -> Compared:
    families, preferences, differences = zip(*table, strict=True)
    return Compared(families, preferences, differences)


def planted(
    num: int, languages: int, *, quality: float, taste: float, longer: float, seed: int = 0
) -> list[Compared]:
    """A judge with a taste for length, prompts of one difficulty in all languages."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(size=num)
    found = []
    for _ in range(languages):
        difference = rng.normal(longer, 1, size=num)
        logits = quality + difficulty + taste * np.tanh(difference / difference.std())
        wins = rng.random(num) < 1 / (1 + np.exp(-logits))
        found.append(Compared(range(num), wins.astype(float), 500 * difference))
    return found


def test_a_judge_that_only_likes_length_is_seen_through():
    (one,) = planted(3000, 1, quality=0, taste=2, longer=0.7)
    assert np.mean(one.preferences) > 0.62
    assert length_controlled([one])[0] == pytest.approx(0.5, abs=0.03)
    several = planted(500, 8, quality=0, taste=2, longer=0.7)
    assert length_controlled(several).mean() == pytest.approx(0.5, abs=0.04)


def test_a_judge_without_the_taste_is_left_alone():
    (one,) = planted(3000, 1, quality=0.8, taste=0, longer=0.7)
    assert length_controlled([one])[0] == pytest.approx(np.mean(one.preferences), abs=0.02)


@given(rows, st.integers(0, 500))
def test_without_a_spread_in_length_it_is_the_win_rate(table, constant):
    same = [(family, preference, constant) for family, preference, _ in table]
    found = length_controlled([compared(same), compared(same)])
    assert found == pytest.approx(np.mean([row[1] for row in same]), abs=1e-4)


@given(rows, rows)
@settings(deadline=None)
def test_the_other_side_has_the_rest(one, other):
    ours = length_controlled([compared(one), compared(other)])
    turned = [[(f, 1 - p, -d) for f, p, d in table] for table in (one, other)]
    assert ours + length_controlled([compared(t) for t in turned]) == pytest.approx(1, abs=1e-6)


@given(rows, st.integers(2, 50), st.randoms())
@settings(deadline=None)
def test_neither_the_unit_of_length_nor_the_order_of_rows_matters(table, unit, random):
    shuffled = [(f, p, d * unit) for f, p, d in random.sample(table, len(table))]
    once, again = length_controlled([compared(table)]), length_controlled([compared(shuffled)])
    assert once == pytest.approx(again, abs=1e-7)


@given(rows, rows)
@settings(deadline=None)
def test_a_value_lies_in_its_interval(one, other):
    drawn = length_controlled_values([compared(one), compared(other)], seed=0, resamples=200)
    assert drawn[0] == pytest.approx(length_controlled([compared(one), compared(other)]))
    assert ((drawn >= 0) & (drawn <= 1)).all()
    for column in drawn.T:
        value, low, high = estimate(column)
        assert low - 1e-9 <= value <= high + 1e-9


def drawn_again(several: list[Compared], families: np.ndarray) -> list[Compared]:
    """The comparisons of the families drawn; one drawn twice counts as two."""
    return [
        Compared(
            range(len(families)),
            np.asarray(one.preferences)[families],
            np.asarray(one.length_differences_chars)[families],
        )
        for one in several
    ]


@pytest.mark.parametrize("languages", [1, 4])
def test_the_interval_is_that_of_fitting_each_resample_again(languages):
    several = planted(200, languages, quality=1, taste=1.5, longer=-0.5)
    fast = length_controlled_values(several, seed=1, resamples=2000)[1:]
    rng = np.random.default_rng(2)
    slow = np.array(
        [length_controlled(drawn_again(several, rng.integers(0, 200, 200))) for _ in range(300)]
    )
    assert fast.std(axis=0) == pytest.approx(slow.std(axis=0), rel=0.15)
    bounds_fast, bounds_slow = (np.percentile(v, [2.5, 97.5], axis=0) for v in (fast, slow))
    assert bounds_fast == pytest.approx(bounds_slow, abs=0.025)


def test_a_side_that_wins_all_has_no_doubt_and_no_failure():
    found = length_controlled_values([compared([(i, 1, i) for i in range(9)])], seed=0)
    assert found == pytest.approx(1, abs=1e-4)


def test_weights_that_others_fitted():
    assert predicted_at_equal_length(0.0, 0.0, [1, 2, 3]).mean() == 0.5
    assert predicted_at_equal_length(0.3, 2.0, [-1, 0.7]).mean() == pytest.approx(
        np.mean([1 / (1 + np.exp(1.7)), 1 / (1 + np.exp(-1.7))])
    )


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (Compared([], [], []), "0 comparisons"),
        (Compared(["a"], [1.5], [0]), "came 1.5"),
        (Compared(["a"], [float("nan")], [0]), "came nan"),
        (Compared(["a"], [1.0], [float("nan")]), "finite"),
        (Compared(["a"], [1.0, 0.0], [0]), "1, 2 and 1"),
    ],
)
def test_bad_comparisons_are_refused(row, why):
    with pytest.raises(ValueError, match=why):
        length_controlled([row])
