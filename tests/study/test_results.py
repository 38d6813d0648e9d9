"""Win-rates and findings: counts by hand, intervals by their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.records import Outcome
from isoglot.core.stats import estimate, over_seeds
from isoglot.recipe.recipe import load_recipe
from isoglot.study.contests import Contest, ExampleKey
from isoglot.study.grid import FindingConfig, GridCell
from isoglot.study.results import answer_claim, draw_win_rates, finding_row, win_rates

W, T, L, X = Outcome.WIN, Outcome.TIE, Outcome.LOSS, Outcome.INVALID
BASE = load_recipe("lidr-lab")


def cell(name: str, trained: tuple[str, ...] = ("en", "sw")) -> GridCell:
    unseen = tuple(tag for tag in ("en", "sw", "it") if tag not in trained)
    recipe = BASE.model_copy(update={"languages": trained, "unseen_languages": unseen})
    return GridCell({"data": name}, {1: recipe, 2: recipe}, None)


def contest(**outcomes: list[Outcome]) -> Contest:
    by_key = {
        ExampleKey(tag, f"f{i}", f"{tag}{i}"): outcome
        for tag, found in outcomes.items()
        for i, outcome in enumerate(found)
    }
    return Contest({"oracle": by_key}, dict.fromkeys(outcomes, (0.25, 0.5)))


A = cell("a")
CONTESTS = {
    ("a", 1): contest(en=[W, W, T, L], sw=[W, X, X, T], it=[L, L, T, T]),
    ("a", 2): contest(en=[W, T, T, L], sw=[W, W, W, W], it=[T, T, T, T]),
}


def test_counts_and_rates_by_hand():
    rows = {
        row.language: row
        for row in win_rates(A, CONTESTS, draw_win_rates(CONTESTS, "oracle", [1, 2]), "oracle")
    }
    en, sw, it, trained = (rows[name] for name in ("en", "sw", "it", "trained"))
    assert [getattr(en, k) for k in ("wins", "ties", "losses", "invalid", "n")] == [3, 3, 2, 0, 8]
    assert en.win_rate_by_seed == pytest.approx([2.5 / 4, 2 / 4])
    assert en.win_rate == pytest.approx((2.5 / 4 + 2 / 4) / 2)
    assert en.decided_win_rate_by_seed == pytest.approx([2 / 3, 1 / 2])
    assert (sw.invalid, sw.n) == (2, 6)
    assert sw.win_rate_by_seed == pytest.approx([1.5 / 2, 1.0])
    assert it.decided_win_rate_by_seed == [0.0, None], "nothing was decided in seed 2"
    assert trained.win_rate == pytest.approx((en.win_rate + sw.win_rate) / 2)
    assert rows["unseen"].win_rate == it.win_rate
    assert (trained.off_target, trained.base_off_target) == (0.25, 0.5)
    assert [name for name in rows if rows[name].trained] == ["en", "sw"]
    for row in rows.values():
        assert row.win_rate_low <= row.win_rate <= row.win_rate_high


def test_a_language_that_nothing_is_known_of_has_no_rate():
    contests = {("a", 1): contest(en=[W, W], sw=[X, X], it=[T, T])}
    drawn = draw_win_rates(contests, "oracle", [1, 2])
    rows = {row.language: row for row in win_rates(A, contests, drawn, "oracle")}
    assert (rows["sw"].win_rate, rows["sw"].invalid) == (None, 2)
    assert rows["trained"].win_rate == 1.0, "the mean is over what is known"
    assert rows["en"].win_rate_by_seed == [1.0, None], "the second run failed"


bounds = st.floats(-1, 1)


@given(low=bounds, high=bounds, margin=st.floats(0, 0.5))
def test_the_answer_is_yes_no_or_undecided_by_the_interval(low, high, margin):
    low, high = min(low, high), max(low, high)
    said = answer_claim(low, high, margin)
    assert (said == "yes") == (low > -margin)
    assert (said == "no") == (high <= -margin)
    assert answer_claim(None, None, margin) == "undecided"
    if said == "yes":
        assert answer_claim(low, high, margin + 0.1) == "yes", "more margin takes no yes away"


B = cell("b", ("en",))


def finding(**more) -> FindingConfig:
    asked = {"claim": "a is better", "better": {"data": "a"}, "than": {"data": "b"}, **more}
    return FindingConfig.model_validate(asked)


def many(share: float, seed: int) -> list[Outcome]:
    drawn = np.random.default_rng(seed).random(200) < share
    return [W if win else L for win in drawn]


def test_a_clear_difference_is_answered_and_its_mirror_denied():
    contests = {
        (name, n): contest(en=many(share, n), sw=many(share, n + 1), it=many(share, n + 2))
        for name, share in (("a", 0.8), ("b", 0.5))
        for n in (1, 2)
    }
    drawn = draw_win_rates(contests, "oracle", [1, 2])
    row = finding_row(finding(), [A, B], drawn, "oracle")
    assert row.answer == "yes"
    assert row.value == pytest.approx(0.3, abs=0.08)
    assert row.value == pytest.approx(np.mean(row.by_seed))
    assert (row.num_comparisons, row.num_seeds) == (1, 2)
    mirror = finding(better={"data": "b"}, than={"data": "a"})
    assert finding_row(mirror, [A, B], drawn, "oracle").answer == "no"


def test_languages_of_a_finding_are_those_that_both_sides_share():
    contests = {
        ("a", 1): contest(en=[T, T], sw=[W, W], it=[L, L]),
        ("b", 1): contest(en=[T, T], sw=[T, T], it=[W, W]),
    }
    drawn = draw_win_rates(contests, "oracle", [1])
    found = {
        name: finding_row(finding(languages=name), [A, B], drawn, "oracle").value
        for name in ("all", "trained", "unseen")
    }
    assert found == pytest.approx({"all": (0.5 - 1.0) / 3, "trained": 0.0, "unseen": -1.0})
    more = finding(languages=["sw"], more_than_in="unseen")
    assert finding_row(more, [A, B], drawn, "oracle").value == 1.5
    named = finding_row(finding(languages=["sw"]), [A, B], drawn, "oracle")
    assert named.value == 0.5


def test_a_seed_with_a_run_missing_on_one_side_is_left_out():
    contests = {
        ("a", 1): contest(en=[W, W, W]), ("b", 1): contest(en=[T, T, T]),
        ("a", 2): contest(en=[L, L, L]),
    }  # fmt: skip
    row = finding_row(
        finding(languages=["en"]), [A, B], draw_win_rates(contests, "oracle", [1, 2]), "oracle"
    )
    assert (row.value, row.by_seed, row.num_seeds) == (0.5, [0.5, None], 1)


def test_equal_cells_differ_by_nothing_in_every_draw_win_rates():
    same = many(0.6, 1)
    contests = {(n, s): contest(en=same) for n in "ab" for s in (1, 2)}
    row = finding_row(
        finding(languages=["en"]), [A, B], draw_win_rates(contests, "oracle", [1, 2]), "oracle"
    )
    assert row.value == 0
    assert row.high == -row.low < 0.05, "the same questions are drawn"
    assert row.answer == "undecided"


def test_seeds_that_disagree_widen_the_interval():
    rng = np.random.default_rng(0)

    def seeds(*means: float) -> list[np.ndarray]:
        return [np.append(m, m + 0.01 * rng.standard_normal(1000))[:, None] for m in means]

    alike, apart = (estimate(over_seeds(seeds(*m), seed=1)[:, 0]) for m in
                    ((0.5, 0.5, 0.5), (0.4, 0.5, 0.6)))  # fmt: skip
    assert alike.value == apart.value == pytest.approx(0.5)
    assert alike.high - alike.low < 0.03
    assert apart.high - apart.low > 0.1
    one = seeds(0.5)
    assert over_seeds(one, seed=1) is not None
    assert np.array_equal(over_seeds(one, seed=1), one[0])
