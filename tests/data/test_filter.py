"""Each filter alone, and the laws of all of them."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.records import Preference
from isoglot.data.filter import FILTERS, FilterConfig, filter_preferences

DEFAULT = FilterConfig()


class Prefix:
    """The tag before the first colon; None where there is no colon."""

    name = "prefix"

    def identify(self, texts):
        return [text.split(":")[0] if ":" in text else None for text in texts]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


def preference(chosen="de: gut so", rejected="de: schlecht", **columns):
    fields = {
        "prompt": ({"role": "user", "content": "Wie?"},),
        "chosen": ({"role": "assistant", "content": chosen},),
        "rejected": ({"role": "assistant", "content": rejected},),
        "family": "f",
        "prompt_id": "p",
        "language": "de",
        "answer_language": "de",
        "chosen_model": "translator",
        "rejected_model": "policy",
        "chosen_language": None,
        "rejected_language": None,
        "chosen_finish_reason": "stop",
        "rejected_finish_reason": "stop",
        "score_chosen": 1.0,
        "score_rejected": 0.0,
        "pair_type": "dominant_translated",
        "round": 0,
    }
    return Preference(**fields | columns)


DROPPED = [
    ("translation_failed", preference(chosen="", chosen_finish_reason="error")),
    ("translation_failed", preference(rejected_finish_reason="error")),
    ("cut_off", preference(rejected="", rejected_finish_reason="length")),
    ("cut_off", preference(chosen_finish_reason="length")),
    ("empty", preference(chosen=" \n")),
    ("empty", preference(rejected="")),
    ("same_text", preference("de: caf\u00e9 ", "de:  cafe\u0301")),
    ("repetition", preference("de: x\n" + "noch einmal\n" * 9)),
    ("length_ratio", preference("de: " + "abc def ghi jkl mno " * 2, "de: a")),
    ("unknown_language", preference("gut so")),
    ("wrong_language", preference("en: well")),
    ("mixed_language", preference("de: gut ~ so")),
]


@pytest.mark.parametrize(("reason", "row"), DROPPED)
def test_each_reason_has_its_name(reason, row):
    kept, dropped = filter_preferences([row], Prefix(), DEFAULT)
    assert kept == []
    assert [d.reason for d in dropped] == [reason]
    assert (dropped[0].chosen_text, dropped[0].language) == (row.chosen_text, "de")


@pytest.mark.parametrize(("reason", "row"), DROPPED)
def test_a_filter_that_is_not_in_use_drops_nothing(reason, row):
    others = tuple(name for name in FILTERS if name != reason)
    _, dropped = filter_preferences([row], Prefix(), FilterConfig(filters=others))
    assert reason not in {d.reason for d in dropped}


@pytest.mark.parametrize(
    "row",
    [
        preference(),
        preference(rejected="en: wrong language is the signal"),
        preference(rejected="noch einmal\n" * 3),
        preference("de: " + "abc def ghi jkl mno " * 2, "en: a"),
        preference("en: fine here", pair_type="translation_prompt"),
        preference("also fine", pair_type="translation_prompt"),
        preference("de: ~ fine", pair_type="translation_prompt"),
        preference(rejected="de: ~ mixed is the signal"),
    ],
)
def test_what_is_fit_stays_with_its_languages(row):
    (kept,), dropped = filter_preferences([row], Prefix(), DEFAULT)
    assert dropped == []
    tags = Prefix().identify([row.chosen_text, row.rejected_text])
    assert [kept.chosen_language, kept.rejected_language] == tags
    assert replace(kept, chosen_language=None, rejected_language=None) == row


def test_unsure_is_not_wrong():
    row = preference("gut so")
    kept, _ = filter_preferences([row], Prefix(), FilterConfig(filters=("wrong_language",)))
    assert len(kept) == 1


def test_thoughts_in_another_language_are_dropped_by_choice():
    row = preference(chosen_thought="en: well", rejected_thought="hm")
    (kept,), _ = filter_preferences([row], Prefix(), DEFAULT)
    assert (kept.chosen_thought_language, kept.rejected_thought_language) == ("en", None)
    by_choice = FilterConfig(filters=("wrong_thought_language",))
    others = [
        preference(),
        preference(chosen_thought="de: gut", rejected_thought="en: well"),
        preference(chosen_thought="unsure"),
        preference(chosen_thought="en: well", pair_type="translation_prompt"),
    ]
    kept, (dropped,) = filter_preferences([row, *others], Prefix(), by_choice)
    assert (len(kept), dropped.reason) == (4, "wrong_thought_language")


texts = st.sampled_from(["", "de: gut", "de: gut so", "en: well", "unsure", "de: " + "la " * 40])
reasons = st.sampled_from(["stop", "stop", "stop", "length", "error"])
preferences = st.lists(
    st.builds(
        preference,
        texts,
        texts,
        chosen_finish_reason=reasons,
        rejected_finish_reason=reasons,
        prompt_id=st.sampled_from("pqr"),
    ),
    max_size=8,
)


@given(preferences, st.randoms(use_true_random=False))
def test_laws_of_the_filters(rows, rng: random.Random):
    kept, dropped = filter_preferences(rows, Prefix(), DEFAULT)
    assert Counter((p.chosen_text, p.rejected_text) for p in [*kept, *dropped]) == Counter(
        (p.chosen_text, p.rejected_text) for p in rows
    ), "kept and dropped are all"
    assert filter_preferences(kept, Prefix(), DEFAULT) == (kept, []), "twice is once"
    shuffled = rng.sample(rows, len(rows))
    again = filter_preferences(shuffled, Prefix(), DEFAULT)
    assert Counter(map(str, again[0])) == Counter(map(str, kept)), "the order decides nothing"
    assert Counter(again[1]) == Counter(dropped)


def test_the_random_swap_knows_nothing_of_the_sides():
    rows = [preference(f"de: {i} gut", f"en: {i} so so", prompt_id=str(i)) for i in range(400)]
    control = FilterConfig(swap_at_random=True)
    kept, dropped = filter_preferences(rows, Prefix(), control)
    assert dropped == [], "the filters see the pairs before the swap"
    num_swapped = sum(p.chosen_text != row.chosen_text for p, row in zip(kept, rows, strict=True))
    assert 150 < num_swapped < 250
    flipped = [
        replace(
            r,
            chosen=r.rejected,
            rejected=r.chosen,
            chosen_model=r.rejected_model,
            rejected_model=r.chosen_model,
            score_chosen=r.score_rejected,
            score_rejected=r.score_chosen,
        )
        for r in rows
    ]
    languages_off = FilterConfig(swap_at_random=True, filters=())
    assert filter_preferences(flipped, Prefix(), languages_off)[0] == kept
    other = filter_preferences(rows, Prefix(), FilterConfig(swap_at_random=True, swap_seed=1))[0]
    assert other != kept


def test_a_swapped_pair_swaps_everything():
    rows = [preference(f"de: {i}", f"en: {i} b", prompt_id=str(i)) for i in range(9)]
    for row in filter_preferences(rows, Prefix(), FilterConfig(swap_at_random=True))[0]:
        swapped = row.chosen_text.startswith("en")
        assert row.chosen_model == ("policy" if swapped else "translator")
        assert row.score_chosen == (0.0 if swapped else 1.0)
        assert row.chosen_language == ("en" if swapped else "de")
