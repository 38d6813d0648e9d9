"""Win rates and both orders: what counts, what does not, and the laws of swapping sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.evals.preference_stats import both_orders, win_rate

preferences = st.lists(st.none() | st.sampled_from([0, 0.25, 0.5, 0.75, 1.0]), min_size=1).filter(
    lambda row: any(p is not None for p in row)
)
verdicts = st.lists(
    st.tuples(*[st.sampled_from(["a", "b", "tie", None])] * 2, st.sampled_from("ab")), min_size=1
)


def test_counts_by_hand():
    found = win_rate([1, 0.75, 0.5, 0, None])
    assert (found.wins, found.losses, found.ties, found.unknown, found.n) == (2, 1, 1, 1, 4)
    assert found.value == 0.5625
    assert found.discrete == 0.625
    assert found.standard_error == pytest.approx((0.546875 / 3) ** 0.5 / 2)
    assert win_rate([1]).standard_error is None


@given(preferences)
def test_the_other_side_wins_what_this_one_loses(row):
    ours = win_rate(row)
    theirs = win_rate([None if p is None else 1 - p for p in row])
    assert ours.value + theirs.value == pytest.approx(1)
    assert (ours.wins, ours.losses, ours.ties) == (theirs.losses, theirs.wins, theirs.ties)
    assert ours.n + ours.unknown == len(row)
    assert ours.standard_error == pytest.approx(theirs.standard_error)


def test_both_orders_by_hand():
    found = both_orders(
        ["a", "a", "b", None, None, "tie"], ["a", "b", "b", "a", None, "tie"], "aaaaaa"
    )
    assert (found.n, found.answered, found.consistent) == (6, 4, 3)
    assert (found.correct_first, found.correct_swapped, found.correct_both) == (2, 2, 1)
    assert found.swap_consistency == 3 / 4
    assert found.accuracy == 4 / 12


@given(verdicts)
def test_the_orders_may_change_places(rows):
    first, swapped, gold = zip(*rows, strict=True)
    one, other = both_orders(first, swapped, gold), both_orders(swapped, first, gold)
    assert (one.consistent, one.correct_both) == (other.consistent, other.correct_both)
    assert (one.correct_first, one.accuracy) == (other.correct_swapped, other.accuracy)
    assert one.correct_both <= min(one.correct_first, one.correct_swapped, one.consistent)


def test_without_gold_nothing_is_correct_and_without_verdicts_nothing_consistent():
    assert both_orders(["a"], ["a"]).correct_both == 0
    assert both_orders([None], [None]).swap_consistency is None
    assert both_orders([None, None], [None, None]).correct_first == 0


@pytest.mark.parametrize(
    ("row", "why"), [([], "0 comparisons"), ([None], "1 comparisons"), ([2.0], "came 2.0")]
)
def test_bad_preferences_are_refused(row, why):
    with pytest.raises(ValueError, match=why):
        win_rate(row)


def test_verdicts_without_a_partner_are_refused():
    with pytest.raises(ValueError, match="2, 1 and 2"):
        both_orders(["a", "b"], ["a"])
