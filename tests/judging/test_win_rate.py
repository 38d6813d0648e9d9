"""Win rates: laws of the numbers that a comparison gives."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from isoglot.core.records import Verdict
from isoglot.core.stats import interval_mean
from isoglot.evals.agreement import coincidences, nominal_alpha
from isoglot.judging.verdicts import swap_sides
from isoglot.judging.win_rate import JudgedResult, summarise_verdicts

SCORE = {"win": 1.0, "loss": 0.0, "tie": 0.5, "invalid": None}
OUTCOMES = list(SCORE)
METRICS = [
    "win_rate",
    "length_controlled_win_rate",
    "swap_consistency",
    "position_bias",
    "verbosity_bias",
]


def said(
    family: str,
    forward: str,
    backward: str | None = None,
    *,
    language: str = "sw",
    a_chars: int = 10,
    b_chars: int = 10,
    scores: tuple[float, float] | None = None,
) -> Verdict:
    backward = backward or forward
    forward_score, backward_score = scores or (SCORE[forward], SCORE[backward])
    return Verdict(
        *(family, f"{family}-{language}", language, "a@1", "b@1", "judge@1", forward, backward),
        *(forward_score, backward_score, "", "", "", "", a_chars, b_chars),
    )


def results(verdicts, **options) -> dict[tuple[str, str], JudgedResult]:
    options = {"seed": 1, "signature": "s", "resamples": 100, **options}
    rows = summarise_verdicts(verdicts, **options)
    assert len({(row.language, row.metric) for row in rows}) == len(rows)
    return {(row.language, row.metric): row for row in rows}


outcomes = st.sampled_from(OUTCOMES)
comparisons = (
    st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from(["sw", "de", "fr"]), outcomes, outcomes,
            st.integers(0, 50), st.integers(0, 50),
        ),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[:2],
    )
    .map(
        lambda rows: [
            said(f"f{family}", forward, backward, language=tag, a_chars=a, b_chars=b)
            for family, tag, forward, backward, a, b in rows
        ]
    )
    .filter(lambda rows: any(row.outcome != "invalid" for row in rows))
)  # fmt: skip


def test_counts_and_win_rate_of_each_language_and_of_the_mean():
    verdicts = [
        *(said(f"f{i}", "win") for i in range(5)),
        said("f5", "win", "loss"),
        said("f6", "loss"),
        said("f7", "win", "invalid"),
        said("f0", "loss", language="de"),
        said("f1", "tie", language="de"),
    ]
    rows = results(verdicts, unanswered={"de": 2, "fr": 1})
    sw, de, mean = (rows[tag, "win_rate"] for tag in ("sw", "de", "mean"))
    assert (sw.wins, sw.ties, sw.losses, sw.invalid, sw.unanswered) == (5, 1, 1, 1, 0)
    assert (sw.n, sw.unknown, sw.signature) == (7, 1, "s")
    assert sw.value == pytest.approx(5.5 / 7)
    assert (de.wins, de.ties, de.losses, de.invalid, de.unanswered) == (0, 1, 1, 0, 2)
    assert (de.n, de.unknown, de.value) == (2, 2, 0.25)
    assert (mean.wins, mean.ties, mean.losses, mean.invalid, mean.unanswered) == (5, 2, 2, 1, 3)
    assert (mean.n, mean.unknown) == (9, 4)
    assert mean.value == pytest.approx((5.5 / 7 + 0.25) / 2)
    fr = rows["fr", "win_rate"]
    assert (fr.value, fr.low, fr.high, fr.n, fr.unknown) == (None, None, None, 0, 1)
    assert rows["sw", "position_bias"].wins is None


def test_rows_stand_by_language_and_then_metric_and_the_mean_last():
    verdicts = [said("f", "win", language=tag) for tag in ("sw", "de")]
    rows = summarise_verdicts(verdicts, seed=1, signature="s", resamples=10)
    expected = [(tag, metric) for tag in ("de", "sw", "mean") for metric in METRICS]
    assert [(row.language, row.metric) for row in rows] == expected


@given(comparisons)
@settings(deadline=None)
def test_naming_a_b_mirrors_the_win_rates_and_leaves_the_judge_as_it_is(verdicts):
    ours, theirs = results(verdicts), results([swap_sides(verdict) for verdict in verdicts])
    for (tag, metric), one in ours.items():
        other = theirs[tag, metric]
        assert (one.n, one.unknown) == (other.n, other.unknown)
        assert (one.wins, one.ties, one.losses) == (other.losses, other.ties, other.wins)
        if one.value is None:
            assert other.value is None
        elif metric.endswith("win_rate"):
            assert one.value == pytest.approx(1 - other.value, abs=1e-6)
            assert (one.low, one.high) == (
                pytest.approx(1 - other.high, abs=1e-4),
                pytest.approx(1 - other.low, abs=1e-4),
            )
        else:
            assert (one.value, one.low, one.high) == (other.value, other.low, other.high)


@given(comparisons)
@settings(deadline=None)
def test_a_value_lies_in_its_interval_and_in_its_range(verdicts):
    for row in results(verdicts).values():
        if row.value is None:
            assert (row.low, row.high) == (None, None)
            assert row.n == 0 or row.metric == "length_controlled_win_rate"
            continue
        least = -0.5 if row.metric.endswith("bias") else 0.0
        assert least - 1e-9 <= row.low <= row.value <= row.high <= least + 1 + 1e-9


@given(comparisons, st.randoms())
@settings(deadline=None)
def test_order_of_rows_does_not_matter(verdicts, random):
    shuffled = random.sample(verdicts, len(verdicts))
    assert results(verdicts) == results(shuffled)


@given(comparisons)
@settings(deadline=None)
def test_what_is_invalid_changes_counts_alone(verdicts):
    more = [*verdicts, said("g", "invalid", "win"), said("h", "invalid", language="de")]
    before, after = results(verdicts), results(more)
    for key, row in before.items():
        assert (row.value, row.low, row.high, row.n) == (
            after[key].value,
            after[key].low,
            after[key].high,
            after[key].n,
        )
    assert after["mean", "win_rate"].invalid == before["mean", "win_rate"].invalid + 2


def test_a_judge_of_places_is_found_out():
    verdicts = [said(f"f{i}", "win", "loss", a_chars=i, b_chars=10) for i in range(20)]
    rows = results(verdicts)
    found = {metric: rows["sw", metric].value for metric in METRICS}
    assert found["swap_consistency"] == 0
    assert found["position_bias"] == 0.5
    assert found["win_rate"] == 0.5
    assert found["length_controlled_win_rate"] == pytest.approx(0.5)
    assert found["verbosity_bias"] == 0
    last = results([said("f", "loss", "win")])
    assert last["sw", "position_bias"].value == -0.5


def test_a_judge_of_length_is_found_out():
    verdicts = [
        said(f"f{i}", "win" if i % 2 else "loss", a_chars=10 + 5 * (i % 2), b_chars=12)
        for i in range(40)
    ]
    rows = results([*verdicts, said("same", "win")])
    bias = rows["sw", "verbosity_bias"]
    assert (bias.value, bias.n, bias.unknown) == (0.5, 40, 1)
    assert rows["sw", "position_bias"].value == 0
    assert rows["sw", "swap_consistency"].value == 1
    shorter = [said(f"f{i}", "win", a_chars=3, b_chars=9) for i in range(4)]
    assert results(shorter)["sw", "verbosity_bias"].value == -0.5


def test_length_control_takes_out_what_length_won():
    rng = np.random.default_rng(0)
    verdicts = []
    for i in range(400):
        a_chars, b_chars = rng.integers(50, 300), rng.integers(50, 250)
        longer = "win" if a_chars > b_chars else "loss"
        outcome = longer if rng.random() < 0.8 else rng.choice(["win", "loss"])
        verdicts.append(said(f"f{i}", str(outcome), a_chars=int(a_chars), b_chars=int(b_chars)))
    rows = results(verdicts)
    plain, controlled = rows["sw", "win_rate"], rows["sw", "length_controlled_win_rate"]
    assert plain.value > 0.55
    assert controlled.low < 0.5 < controlled.high


def test_interval_is_the_bootstrap_over_families():
    rng = np.random.default_rng(3)
    drawn = rng.choice(["win", "loss", "tie"], 60)
    verdicts = [said(f"f{i:02}", str(outcome)) for i, outcome in enumerate(drawn)]
    row = results(verdicts, seed=7, resamples=1000)["sw", "win_rate"]
    values = [SCORE[outcome] for outcome in drawn]
    expected = interval_mean(values, [v.family for v in verdicts], seed=7, resamples=1000)
    assert (row.low, row.high) == pytest.approx(expected)
    assert row.low < row.value < row.high


def test_the_mean_draws_a_family_in_all_its_languages():
    """Equal languages add nothing that their mean could be surer of; independent ones do."""
    rng = np.random.default_rng(4)
    drawn = [str(outcome) for outcome in rng.choice(["win", "loss"], 200)]
    tags = ["sw", "de", "fr", "es"]
    alike = [said(f"f{i}", o, language=tag) for i, o in enumerate(drawn) for tag in tags]
    rows = results(alike, resamples=1000)
    one, mean = rows["sw", "win_rate"], rows["mean", "win_rate"]
    assert (mean.low, mean.high) == pytest.approx((one.low, one.high))
    apart = [said(f"{tag}{i}", o, language=tag) for i, o in enumerate(drawn) for tag in tags]
    narrow = results(apart, resamples=1000)["mean", "win_rate"]
    assert narrow.high - narrow.low < 0.65 * (mean.high - mean.low)


def test_a_large_language_weighs_no_more_in_the_mean():
    verdicts = [said(f"f{i}", "win") for i in range(99)] + [said("f0", "loss", language="de")]
    assert results(verdicts)["mean", "win_rate"].value == 0.5


def test_the_win_rate_is_soft_where_the_judge_gives_probabilities():
    hard = [said("f", "win"), said("g", "tie")]
    assert ("sw", "discrete_win_rate") not in results(hard)
    soft = [said("f", "win", scores=(0.9, 0.7)), said("g", "win", "loss", scores=(0.8, 0.4))]
    rows = results([*soft, said("h", "win", "invalid")])
    assert rows["sw", "win_rate"].value == pytest.approx((0.8 + 0.6) / 2)
    assert rows["sw", "discrete_win_rate"].value == 0.75
    assert (rows["sw", "win_rate"].n, rows["sw", "win_rate"].unknown) == (2, 1)


def test_a_standard_error_is_that_of_a_mean_and_counts_a_family_once():
    drawn = ["win", "loss", "win", "tie", "win", "loss"]
    rows = results([said(f"f{i}", outcome) for i, outcome in enumerate(drawn)])
    values = [SCORE[outcome] for outcome in drawn]
    expected = np.std(values, ddof=1) / np.sqrt(6)
    assert rows["sw", "win_rate"].standard_error == pytest.approx(expected)
    assert rows["sw", "position_bias"].standard_error is None
    twice = [said(f"f{i}", o, language=tag) for i, o in enumerate(drawn) for tag in ("sw", "de")]
    assert results(twice)["mean", "win_rate"].standard_error == pytest.approx(expected)
    assert results([said("f", "win")])["sw", "win_rate"].standard_error is None


@pytest.mark.parametrize("num", [1, 4, 40])
def test_a_rate_at_the_edge_has_the_bounds_of_clopper_and_pearson(num):
    row = results([said(f"f{i}", "win") for i in range(num)])["sw", "win_rate"]
    theirs = binomtest(num, num).proportion_ci(0.95, "exact")
    assert (row.value, row.low, row.high) == pytest.approx((1, theirs.low, theirs.high))


def test_length_control_is_unknown_where_one_side_is_always_longer():
    rng = np.random.default_rng(0)
    lengths = [(int(rng.integers(200, 900)), int(rng.integers(10, 150))) for _ in range(60)]
    outcomes = [str(each) for each in rng.choice(["win", "loss"], 60)]
    unlike = [
        said(f"f{i}", outcome, a_chars=a, b_chars=b, language=tag)
        for tag in ("sw", "de")
        for i, (outcome, (a, b)) in enumerate(zip(outcomes, lengths, strict=True))
    ]
    rows = results(unlike)
    assert {rows[tag, "length_controlled_win_rate"].value for tag in ("sw", "mean")} == {None}
    alike = [said(f"f{i}", o, language="fr") for i, o in enumerate(outcomes)]
    rows = results([*unlike, *alike])
    known = rows["fr", "length_controlled_win_rate"]
    assert known.value == rows["mean", "length_controlled_win_rate"].value is not None
    assert known.standard_error > 0


def test_agreement_is_krippendorffs_alpha_of_what_both_judges_said():
    said_by = {
        "ours": ["win", "win", "loss", "tie", "invalid", "win"],
        "theirs": ["win", "loss", "loss", "tie", "win", "invalid", "win"],
    }
    ours, theirs = (
        [said(f"f{i}", outcome) for i, outcome in enumerate(row)] for row in said_by.values()
    )
    row = results(ours, second=theirs)["sw", "agreement"]
    known = [("win", "win"), ("win", "loss"), ("loss", "loss"), ("tie", "tie")]
    expected = nominal_alpha(sum(coincidences(pair, ["win", "loss", "tie"]) for pair in known))
    assert row.value == pytest.approx(expected)
    assert row.low <= row.value <= row.high
    assert (row.n, row.unknown) == (4, 2)


def test_agreement_of_judges_who_say_the_same():
    varied = [
        said(f"f{i}", outcome, language=tag)
        for i, (outcome, tag) in enumerate(product(["win", "loss", "tie"], ["sw", "de"]))
    ]
    rows = results(varied, second=varied)
    assert [rows[tag, "agreement"].value for tag in ("sw", "de", "mean")] == [1, 1, 1]


def test_agreement_is_unknown_where_only_one_outcome_was_ever_given():
    verdicts = [said(f"f{i}", "win") for i in range(5)]
    rows = results(verdicts, second=verdicts)
    for tag in ("sw", "mean"):
        row = rows[tag, "agreement"]
        assert (row.value, row.low, row.high, row.n) == (None, None, None, 5)


@pytest.mark.parametrize("verdicts", [[], [said("f", "invalid"), said("g", "win", "invalid")]])
def test_no_valid_verdict_is_refused(verdicts):
    with pytest.raises(ValueError, match=f"win rate of 0 valid verdicts: {len(verdicts)} came"):
        results(verdicts)
