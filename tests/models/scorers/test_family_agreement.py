"""Agreement across languages: a worked example, and laws of the vote."""

from fractions import Fraction

import pytest
from family_rows import rewards_of, rows
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, FinishReason
from isoglot.core.scorers import AgreementConfig
from isoglot.evals.graders import FINAL_ANSWERS, GRADERS
from isoglot.models.scorers.agreement import AgreementScorer
from isoglot.models.scorers.load import load_scorers

ANSWERS = st.sampled_from(["It is 1.", "2", "also 2,0", "３", "no number"])
FAMILIES = st.dictionaries(
    st.sampled_from(["en", "de", "sw"]), st.lists(ANSWERS, min_size=1, max_size=4), min_size=1
)


def rewards(found, **settings):
    config = AgreementConfig(grader="last_number", **settings)
    return rewards_of(AgreementScorer(config, FINAL_ANSWERS["last_number"], "en"), found)


def test_a_vote_by_hand():
    """English says 1 in three of four, German 2 in both, Swahili is split between 1, 2, 3.

    Votes: 1 has 3/4 * 3/4 + 1/3 * 1/3, 2 has 1/4 * 3/4 + 1 + 1/3 * 1/3, so 2 wins with 1.299 of
    2.083; the dominant language says 1, and then there is no agreement.
    """
    answers = {"en": ["1", "1", "1", "2"], "de": ["2", "2"], "sw": ["1", "2", "3"]}
    assert rewards(rows(answers)) == [None] * 9
    told = rewards(rows(answers), dominant_agrees=False)
    assert told == [0, 0, 0, 1, 1, 1, 0, 1, 0]
    share = float(Fraction(3, 16) + 1 + Fraction(1, 9)) / (9 / 16 + 3 / 16 + 1 + 3 / 9)
    assert rewards(rows(answers), dominant_agrees=False, min_share=share - 0.001) == told
    assert set(rewards(rows(answers), dominant_agrees=False, min_share=share + 0.001)) == {None}
    assert rewards(rows(answers), control="dominant_only") == [1, 1, 1, 0, 0, 0, 1, 0, 0]


def test_what_has_no_agreement_has_no_reward():
    assert rewards(rows({"en": ["1", "1"]})) == [None, None]
    assert rewards(rows({"en": ["1"], "de": ["2"]}), dominant_agrees=False) == [None, None]
    assert rewards(rows({"de": ["1"], "sw": ["1"]})) == [None, None]
    assert rewards(rows({"de": ["1"], "sw": ["1"]}), dominant_agrees=False) == [1, 1]
    assert rewards(rows({"en": ["-"], "de": ["-"]})) == [None, None]


def test_what_failed_or_is_a_translation_does_not_vote():
    cut_off = rows({"de": ["2", "2"]}, reason=FinishReason.LENGTH)
    found = rows({"en": ["1"], "sw": ["1", "-"]}) + cut_off
    assert rewards(found) == [1, 1, 0, None, None]
    prompt, row = rows({"de": ["1"]})[0]
    copy = Completion(*row.__getstate__()[:5], "1", "stop", translated_from="en's")
    assert rewards([*rows({"en": ["1"]}), (prompt, copy)]) == [None, None]
    assert rewards([*rows({"en": ["1"], "sw": ["1"]}), (prompt, copy)]) == [1, 1, 1]


def test_shuffled_gives_each_family_the_agreement_of_another():
    found = [pair for n in "1234" for pair in rows({"en": [n], "de": [n]}, family=f"f{n}")]
    assert rewards(found) == [1] * 8
    assert rewards(found, control="shuffled") == [0] * 8


@given(FAMILIES, FAMILIES, st.randoms())
def test_the_order_of_rows_does_not_matter(one, other, random):
    found = rows(one) + rows(other, "g")
    known = dict(zip([row.completion_id for _, row in found], rewards(found), strict=True))
    random.shuffle(found)
    assert rewards(found) == [known[row.completion_id] for _, row in found]


@given(FAMILIES)
def test_rewards_are_of_one_answer(answers):
    found = rows(answers)
    told = rewards(found, dominant_agrees=False)
    assert set(told) <= {0.0, 1.0} or set(told) == {None}
    right = {
        FINAL_ANSWERS["last_number"](row.text)
        for (_, row), reward in zip(found, told, strict=True)
        if reward
    }
    assert len(right) <= 1


@given(FAMILIES, st.integers(2, 3))
def test_more_samples_with_the_same_shares_change_nothing(answers, times):
    more = {tag: texts * times for tag, texts in answers.items()}
    once = dict(zip([row.text for _, row in rows(answers)], rewards(rows(answers)), strict=True))
    told = rewards(rows(more))
    assert told == [once[row.text] for _, row in rows(more)]


@pytest.mark.parametrize("grader", FINAL_ANSWERS)
@given(one=ANSWERS, other=ANSWERS)
def test_a_reading_is_equal_where_the_grade_is_right(grader, one, other):
    read, grade = FINAL_ANSWERS[grader], GRADERS[grader]
    if read(one) is not None and read(other) is not None:
        assert (read(one) == read(other)) == (grade(one, other) == 1.0)


def test_it_needs_a_grader_with_answers_and_a_family():
    config = AgreementConfig(grader="listed_items")
    with pytest.raises(InputError, match="among last_number, sequence, exact"):
        load_scorers([config], None, GRADERS, FINAL_ANSWERS, "en")
    config = AgreementConfig(grader="last_number")
    with pytest.raises(InputError, match="expected a recipe with parallel prompts"):
        load_scorers([config], None, GRADERS, FINAL_ANSWERS)
