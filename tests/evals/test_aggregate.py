"""Results, differences and groups: what is known, and what changed beyond chance."""

import random
from math import isnan

import pytest

from isoglot.core.records import Graded
from isoglot.core.stats import unseen_share
from isoglot.evals.aggregate import aggregate, aggregate_groups, compare, improved_languages
from isoglot.evals.grading import OFF_TARGET_RATE, grader_metric

ABOUT = {"task": "maths", "seed": 1, "signature": "s"}
ACCURACY = grader_metric("accuracy", "last_number")
METRICS = [ACCURACY, OFF_TARGET_RATE]


def rows_of(*values, language="de", off_target=0.0):
    rows = [[(ACCURACY.name, value), (OFF_TARGET_RATE.name, off_target)] for value in values]
    return [
        Graded(f"f{i}", f"p{i}", language, name, value, None if value is None else (value, 1.0))
        for i, row in enumerate(rows)
        for name, value in row
    ]


def test_results_keep_the_unknown_out_of_the_mean():
    rows = rows_of(1.0, 0.0, None, 1.0, 1.0) + rows_of(0.0, language="sw", off_target=None)
    accuracy, off_target, swahili, unsure = aggregate(rows, METRICS, trained={"de"}, **ABOUT)
    assert (accuracy.language, accuracy.metric, accuracy.trained) == ("de", "accuracy", True)
    assert (accuracy.value, accuracy.n, accuracy.unknown) == (0.75, 4, 1)
    assert accuracy.low <= accuracy.value <= accuracy.high
    assert (off_target.metric, off_target.value, off_target.n) == ("off_target_rate", 0.0, 5)
    assert (swahili.language, swahili.trained, swahili.task) == ("sw", False, "maths")
    assert isnan(unsure.value), "nothing known is not zero"
    assert (unsure.n, unsure.unknown) == (0, 1)


def test_the_order_of_rows_decides_nothing():
    rows = rows_of(*[float(i % 3 == 0) for i in range(60)])
    shuffled = random.Random(5).sample(rows, len(rows))
    results = [aggregate(each, METRICS, trained=[], **ABOUT) for each in (rows, shuffled)]
    assert results[0] == results[1]


def test_a_gain_is_beyond_its_interval():
    old = rows_of(*[0.0] * 50, *[1.0] * 50) + rows_of(*[0.0, 1.0] * 50, language="sw")
    better = rows_of(*[0.0] * 20, *[1.0] * 80) + rows_of(*[1.0, 0.0] * 49, 1.0, 1.0, language="sw")
    german, swahili = compare(better, old, METRICS[:1], seed=0)
    assert (german.language, german.value, german.n) == ("de", pytest.approx(0.3), 100)
    assert german.low > 0
    assert swahili.low < 0 < swahili.value < swahili.high
    assert improved_languages([german, swahili]) == ["de"]
    assert improved_languages(compare(old, old, METRICS[:1], seed=0)) == []


def test_rambling_past_the_limit_is_no_gain():
    old = rows_of(*[0.0] * 50, *[1.0] * 50)
    rambling = rows_of(*[None] * 50, *[1.0] * 50)
    assert aggregate(rambling, METRICS, trained=[], **ABOUT)[0].value == 1.0
    (difference,) = compare(rambling, old, METRICS[:1], seed=0)
    assert (difference.value, difference.n, improved_languages([difference])) == (0.0, 100, [])
    (worse,) = compare(rows_of(*[0.0] * 50, *[None] * 50), old, METRICS[:1], seed=0)
    assert worse.value == -0.5
    (back,) = compare(old, rambling, METRICS[:1], seed=0)
    assert (back.value, back.n, back.unknown) == (0.0, 50, 50)


def test_only_the_same_examples_are_compared():
    with pytest.raises(ValueError, match="expected the same examples"):
        compare(rows_of(1.0, 1.0), rows_of(1.0), METRICS[:1], seed=0)


def test_groups_over_languages():
    rows = rows_of(*[1.0] * 8, *[0.0] * 2)
    rows += rows_of(*[1.0] * 4, *[0.0] * 6, language="sw")
    rows += rows_of(*[1.0] * 6, *[0.0] * 4, language="id")
    groups = {g.group: g for g in aggregate_groups(rows, [ACCURACY], seed=0)}
    assert {name: group.languages for name, group in groups.items()} == {
        "mean": ["de", "id", "sw"],
        "tier:high": ["de"],
        "tier:mid": ["id"],
        "tier:low": ["sw"],
        "worst": ["de", "id", "sw"],
        "democratisation": ["de", "id", "sw"],
    }
    assert groups["mean"].value == pytest.approx(0.6)
    assert groups["worst"].value == pytest.approx(0.4)
    assert groups["democratisation"].value == pytest.approx(0.75)
    for group in groups.values():
        assert group.low <= group.value <= group.high
        assert group.change is None


def test_a_group_changes_by_the_mean_of_its_languages():
    old = rows_of(*[0.0] * 10) + rows_of(*[0.0] * 10, language="sw")
    new = rows_of(*[1.0] * 5, *[0.0] * 5) + rows_of(*[1.0] * 3, *[0.0] * 7, language="sw")
    groups = {g.group: g for g in aggregate_groups(new, [ACCURACY], seed=0, base=old)}
    assert groups["mean"].change == pytest.approx(0.4)
    assert groups["mean"].change_low <= 0.4 <= groups["mean"].change_high
    assert groups["worst"].change is None


def test_parallel_languages_are_drawn_together():
    """Opposite answers to the same questions: their mean is .5 in every draw of the questions."""
    values = [float(i % 2) for i in range(40)]
    rows = rows_of(*values) + rows_of(*[1 - value for value in values], language="sw")
    mean = next(g for g in aggregate_groups(rows, [ACCURACY], seed=0) if g.group == "mean")
    assert mean.value == 0.5
    other = 0.5 * unseen_share(40)  # as far as 40 questions can tell
    assert (mean.low, mean.high) == pytest.approx((0.5 - other, 0.5 + other))
