"""Krippendorff's alpha: the worked examples of 2011, and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.evals.agreement import coincidences, nominal_alpha, ordinal_alpha


def krippendorff_alpha(units, *, is_ordinal=False):
    """Alpha of what several raters called each unit; None where it is not defined."""
    labels = sorted({name for unit in units for name in unit if name is not None})
    sums = np.sum([coincidences(unit, labels) for unit in units] or np.zeros((1, 1)), axis=0)
    value = (ordinal_alpha if is_ordinal else nominal_alpha)(sums)
    return None if np.isnan(value) else float(value)


def units(*raters: str) -> list[tuple[str | None, ...]]:
    """What each rater called the units in turn; a point is a rater who did not say."""
    rows = [[None if name == "." else name for name in rater] for rater in raters]
    return list(zip(*rows, strict=True))


@pytest.mark.parametrize(
    ("raters", "published"),
    [
        (("0100000010", "1110010000"), 0.095),
        (("aabbdcccedda", "babbbcccedd" + "d"), 0.692),
        (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
    ],
    ids=["binary, two raters", "nominal, two raters", "nominal, four raters, some missing"],
)
def test_worked_examples(raters, published):
    assert krippendorff_alpha(units(*raters)) == pytest.approx(published, abs=5e-4)


def test_the_worked_example_as_ranks():
    raters = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    ranks = [[None if r is None else int(r) for r in unit] for unit in units(*raters)]
    assert krippendorff_alpha(ranks, is_ordinal=True) == pytest.approx(0.815, abs=5e-4)


@given(st.lists(st.tuples(*[st.sampled_from([1, 2, 3, None])] * 3), max_size=20))
def test_of_ranks_only_the_order_counts(ranked):
    value = krippendorff_alpha(ranked, is_ordinal=True)
    stretched = [tuple(rank and rank**3 for rank in unit) for unit in ranked]
    turned = [tuple(rank and -rank for rank in unit) for unit in ranked]
    for other in (stretched, turned):
        assert krippendorff_alpha(other, is_ordinal=True) == (value and pytest.approx(value))
    two = [tuple(rank and min(rank, 2) for rank in unit) for unit in ranked]
    # Two names are equally far apart, in an order or in none.
    named = krippendorff_alpha(two)
    assert krippendorff_alpha(two, is_ordinal=True) == (named and pytest.approx(named))


def test_agreement_is_1_and_chance_about_0():
    assert krippendorff_alpha(units("abcabc", "abcabc")) == 1
    rng = np.random.default_rng(1)
    drawn = rng.choice(["win", "loss", "tie"], (5000, 2))
    assert krippendorff_alpha(drawn.tolist()) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("named", [(), ("aaa", "aaa"), ("ab.", "..c"), ("...", "...")])
def test_alpha_is_unknown_without_two_names_to_compare(named):
    assert krippendorff_alpha(units(*named) if named else []) is None


@given(st.lists(st.tuples(*[st.sampled_from(["win", "loss", "tie", None])] * 2), max_size=20))
def test_order_of_units_raters_and_names_does_not_matter(pairs):
    value = krippendorff_alpha(pairs)
    other = krippendorff_alpha([(b, a) for a, b in reversed(pairs)])
    renamed = {"win": 2, "loss": 0, "tie": 1, None: None}
    numbers = krippendorff_alpha([tuple(renamed[name] for name in pair) for pair in pairs])
    assert (value is None) == (other is None) == (numbers is None)
    if value is not None:
        assert value == pytest.approx(other)
        assert value == pytest.approx(numbers)
        assert value <= 1


def test_alpha_is_of_the_last_axis():
    labels = ["a", "b"]
    one = sum(coincidences(unit, labels) for unit in ["ab", "aa", "bb"])
    other = sum(coincidences(unit, labels) for unit in ["aa", "bb"])
    values = nominal_alpha(np.array([[one], [other]]))
    assert values.shape == (2, 1)
    assert values[1, 0] == 1
    assert values[0, 0] == krippendorff_alpha(["ab", "aa", "bb"])
