"""Ranks of several annotators become rewards, and ties stay ties."""

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.records import Prompt
from isoglot.data.pair import PairConfig
from isoglot.data.pair import pair_completions as pair
from isoglot.data.rankings import RANK, Ranking, mid_ranks, ranked_completions

PROMPT = Prompt.from_text("x", language="de", answer_language="sw")
BEST = PairConfig(method="best_vs_worst", reward=RANK)


def rankings(*ranks):
    texts = tuple(f"answer {i}" for i in range(len(ranks[0])))
    return [Ranking(PROMPT, texts, each, f"a{i}", texts) for i, each in enumerate(ranks)]


def paired(*ranks):
    return pair(*ranked_completions(rankings(*ranks)), BEST, dominant="", round=0)


@pytest.mark.parametrize(
    ("ranks", "shared"),
    [
        ((1, 2, 3), [1, 2, 3]),
        ((2, 1), [2, 1]),
        ((1, 1, 2), [1.5, 1.5, 3]),
        ((1, 1, 3), [1.5, 1.5, 3]),
        ((1, 1), [1.5, 1.5]),
        ((3, 1, 2, 2), [4, 1, 2.5, 2.5]),
        ((1, 1, 3, 3, 5), [1.5, 1.5, 3.5, 3.5, 5]),
    ],
)
def test_equal_ranks_share_their_places(ranks, shared):
    assert mid_ranks(ranks) == shared


@pytest.mark.parametrize(
    "ranks", [(1, 3), (2, 3), (0, 1), (1, 1, 4), (1, 1, 2, 4), (1, 1, 3, 4, 4, 5)]
)
def test_a_gap_is_refused(ranks):
    with pytest.raises(ValueError, match="ranks from 1 without gaps, came"):
        mid_ranks(ranks)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=7))
def test_shared_places_keep_the_order_and_the_sum(numbers):
    dense = {rank: place for place, rank in enumerate(sorted(set(numbers)), 1)}
    ranks = [dense[number] for number in numbers]
    shared = mid_ranks(ranks)
    assert sum(shared) == len(ranks) * (len(ranks) + 1) / 2
    for (a, x), (b, y) in combinations(zip(ranks, shared, strict=True), 2):
        assert (a < b, a == b) == (x < y, x == y)
    skipping = [1 + sum(other < rank for other in ranks) for rank in ranks]
    assert mid_ranks(skipping) == shared


def test_the_mean_rank_of_the_annotators_decides():
    (row,) = paired((1, 2, 3), (1, 3, 2), (3, 2, 1))
    assert row.chosen_text == "answer 0"
    assert (row.language, row.answer_language) == ("de", "sw")
    assert (row.score_chosen, row.score_rejected) == (-5 / 3, -7 / 3)


@pytest.mark.parametrize("ranks", [[(1, 1)], [(1, 2), (2, 1)], [(1, 2, 3), (3, 2, 1)]])
def test_a_tie_over_all_makes_no_pair(ranks):
    assert paired(*ranks) == []


@given(st.lists(st.permutations([1, 2, 3]), min_size=1, max_size=5), st.randoms())
def test_the_order_of_the_annotators_decides_nothing(ranks, rng: random.Random):
    expected = paired(*map(tuple, ranks))
    rng.shuffle(ranks)
    assert paired(*map(tuple, ranks)) == expected
