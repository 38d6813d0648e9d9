"""Grades, results, differences, and the agreement of the pairing rule with the grader."""

import random
from math import isnan

import pytest

from isoglot.core.records import Completion, Preference, Prompt
from isoglot.evals.grade import last_number
from isoglot.evals.task import (
    Graded,
    agreements,
    compare,
    gains,
    grade_completions,
    reward_accuracy,
    summarise,
)

ABOUT = {"task": "maths", "metric": "accuracy", "seed": 1, "signature": "s"}


class Prefix:
    name = "prefix"

    def identify(self, texts):
        return [text.split(":")[0] if ":" in text else None for text in texts]


PROMPT = Prompt.from_text("3 + 4?", language="de", gold="7")


def answer(text, reason="stop", prompt=PROMPT):
    return Completion(prompt.family, prompt.prompt_id, "de", "m", 0, text, reason)


def graded(text, reason="stop", **keys):
    (row,) = grade_completions([PROMPT], [answer(text, reason)], Prefix(), last_number, **keys)
    return row.value, row.off_target


def test_grades_and_what_is_unknown():
    assert graded("de: 7") == (1.0, 0.0)
    assert graded("en: 8") == (0.0, 1.0)
    assert graded("7") == (1.0, None)
    assert graded("de: 7", "length") == (None, 0.0)
    assert graded("de: 7", "length", cut_off="wrong") == (0.0, 0.0)
    assert graded("de: 7", "error", cut_off="wrong") == (None, None)


def test_every_prompt_needs_gold_and_a_completion():
    with pytest.raises(ValueError, match="1 have none"):
        grade_completions([PROMPT], [], Prefix(), last_number)
    bare = Prompt.from_text("Why?", language="de")
    with pytest.raises(ValueError, match=r"'Why\?'.*expected a gold answer"):
        grade_completions([bare], [answer("x", prompt=bare)], Prefix(), last_number)


def rows_of(*values, language="de", off_target=0.0):
    return [Graded(f"f{i}", f"p{i}", language, value, off_target) for i, value in enumerate(values)]


def test_results_keep_the_unknown_out_of_the_mean():
    rows = rows_of(1.0, 0.0, None, 1.0, 1.0) + rows_of(0.0, language="sw", off_target=None)
    accuracy, off_target, swahili, unsure = summarise(rows, trained={"de"}, **ABOUT)
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
    assert summarise(shuffled, trained=[], **ABOUT) == summarise(rows, trained=[], **ABOUT)


def test_a_gain_is_beyond_its_interval():
    old = rows_of(*[0.0] * 50, *[1.0] * 50) + rows_of(*[0.0, 1.0] * 50, language="sw")
    better = rows_of(*[0.0] * 20, *[1.0] * 80) + rows_of(*[1.0, 0.0] * 49, 1.0, 1.0, language="sw")
    german, swahili = compare(better, old, seed=0)
    assert (german.language, german.value, german.n) == ("de", pytest.approx(0.3), 100)
    assert german.low > 0
    assert swahili.low < 0 < swahili.value < swahili.high
    assert gains([german, swahili]) == ["de"]
    assert gains(compare(old, old, seed=0)) == []


def test_rambling_past_the_limit_is_no_gain():
    old = rows_of(*[0.0] * 50, *[1.0] * 50)
    rambling = rows_of(*[None] * 50, *[1.0] * 50)
    assert summarise(rambling, trained=[], **ABOUT)[0].value == 1.0
    (difference,) = compare(rambling, old, seed=0)
    assert (difference.value, difference.n, gains([difference])) == (0.0, 100, [])
    (worse,) = compare(rows_of(*[0.0] * 50, *[None] * 50), old, seed=0)
    assert worse.value == -0.5
    (back,) = compare(old, rambling, seed=0)
    assert (back.value, back.n, back.unknown) == (0.0, 50, 50)


def test_only_the_same_examples_are_compared():
    with pytest.raises(ValueError, match="expected the same examples"):
        compare(rows_of(1.0, 1.0), rows_of(1.0), seed=0)


def preference(chosen, rejected, prompt=PROMPT):
    return Preference(
        prompt=prompt.prompt,
        chosen=({"role": "assistant", "content": chosen},),
        rejected=({"role": "assistant", "content": rejected},),
        family=prompt.family,
        prompt_id=prompt.prompt_id,
        language=prompt.language,
        chosen_model="a",
        rejected_model="b",
        chosen_language=None,
        rejected_language=None,
        chosen_finish_reason="stop",
        rejected_finish_reason="stop",
        score_chosen=None,
        score_rejected=None,
        pair_type="dominant_translated",
        round=0,
    )


def test_reward_accuracy_counts_ties_and_unknown_apart():
    bare = Prompt.from_text("Why?", language="sw")
    pairs = [
        preference("7", "8"),
        preference("7", "9"),
        preference("7", "1"),
        preference("6", "7"),
        preference("7", "7.0"),
        preference("1", "2"),
        preference("7", "8", bare),
    ]
    agreed = agreements(pairs, [PROMPT, bare], last_number)
    german, swahili, overall = reward_accuracy(agreed, seed=0)
    assert (german.language, german.value, german.n, german.ties) == ("de", 0.75, 4, 2)
    assert german.unknown == 0
    assert (swahili.language, swahili.value, swahili.n, swahili.unknown) == ("sw", None, 0, 1)
    assert (overall.language, overall.n, overall.ties, overall.unknown) == ("all", 4, 2, 1)
