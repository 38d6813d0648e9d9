"""Grades of answers: what they are worth, their language, and what is unknown."""

from dataclasses import replace

import pytest

from isoglot.core.records import Choice, Completion, Prompt
from isoglot.evals.grading import grade_choices, grade_completions, grader_metric
from isoglot.evals.metric import in_language, mean_of


class Prefix:
    name = "prefix"

    def identify(self, texts):
        return [text.split(":")[0] if ":" in text else None for text in texts]

    def foreign_shares(self, texts, _languages):
        return [0.5 * ("~" in text) for text in texts]


PROMPT = Prompt.from_text("3 + 4?", language="de", gold="7")
ACCURACY = grader_metric("accuracy", "last_number")


def answer(text, reason="stop", prompt=PROMPT):
    return Completion(prompt.family, prompt.prompt_id, "de", "m", 0, text, reason)


def graded(text, reason="stop", **keys):
    metrics = [grader_metric("accuracy", "last_number")]
    rows = grade_completions([PROMPT], [answer(text, reason)], Prefix(), metrics, **keys)
    value, off_target, _, mixed = rows
    assert [row.metric for row in (value, off_target, mixed)] == [
        *("accuracy", "off_target_rate", "mixed_rate")
    ]
    return value.value, off_target.value, mixed.value


def test_grades_and_what_is_unknown():
    assert graded("de: 7") == (1.0, 0.0, 0.0)
    assert graded("en: 8") == (0.0, 1.0, 0.0)
    assert graded("en: 8 ~") == (0.0, 1.0, 0.0), "off target, so not counted again as mixed"
    assert graded("de: 7 ~") == (1.0, 0.0, 1.0)
    assert graded("7 ~") == (1.0, None, 1.0)
    assert graded("7") == (1.0, None, None)
    assert graded("de: 7", "length") == (1.0, 0.0, 0.0)
    assert graded("de: 7", "length", cut_off="wrong") == (0.0, 0.0, 0.0)
    assert graded("de: 7", "length", cut_off="unknown") == (None, 0.0, 0.0)
    assert graded("de: 7 ~", "error", cut_off="wrong") == (None, None, None)


def test_every_prompt_needs_gold_and_a_completion():
    with pytest.raises(ValueError, match="1 have none"):
        grade_completions([PROMPT], [], Prefix(), [ACCURACY])
    bare = Prompt.from_text("Why?", language="de")
    with pytest.raises(ValueError, match=r"'Why\?'.*expected a gold answer"):
        grade_completions([bare], [answer("x", prompt=bare)], Prefix(), [ACCURACY])


def test_choices_are_graded_by_name():
    def likeliest(prompt, choices):
        return float(max(choices, key=lambda choice: choice.log_probability).label == prompt.gold)

    metrics = [mean_of("accuracy", lambda _prompt, _text: None, likeliest), ACCURACY]
    offered = [
        Choice(PROMPT.family, PROMPT.prompt_id, "de", "m", label, label, log_probability, 1)
        for label, log_probability in (("8", -2.0), ("7", -1.0))
    ]
    (row,) = grade_choices([PROMPT], offered, metrics)
    assert (row.metric, row.value, tuple(row.statistics)) == ("accuracy", 1.0, (1.0, 1.0))
    with pytest.raises(ValueError, match="1 have none"):
        grade_choices([PROMPT], [], metrics)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("de: 7", 1.0),  # right, and in the requested language
        ("fr: 7", 0.0),  # right in another one
        ("de: 8", 0.0),
        ("fr: 8", 0.0),
        ("7", 1.0),  # a number has no language
        ("\\(x = 6 + 1\\), $x$ \\boxed{\\frac{14}{2}} 7", 1.0),
        ("of no language that is known, 7", None),
        ("of no language that is known, 8", 0.0),  # wrong in any language
    ],
)
def test_lc_acc_is_right_and_in_the_requested_language(text: str, value: float | None) -> None:
    metrics = [ACCURACY, in_language(ACCURACY)]
    graded = grade_completions([PROMPT], [answer(text)], Prefix(), metrics)
    assert [row.metric for row in graded[:2]] == ["accuracy", "lc_accuracy"]
    assert graded[1].value == value


def test_lc_acc_of_an_answer_that_is_cut_off_is_treated_as_its_accuracy() -> None:
    cut = answer("de: 7", "length")
    for cut_off, value in (("unknown", None), ("wrong", 0.0), ("graded", 1.0)):
        _, found, *_ = grade_completions(
            [PROMPT], [cut], Prefix(), [ACCURACY, in_language(ACCURACY)], cut_off=cut_off
        )
        assert found.value == value


@pytest.mark.parametrize(
    ("text", "thought", "value", "off_target"),
    [
        ("de: 7", "de: 3 und 4", 1.0, 0.0),
        ("de: 7", "en: 3 and 4", 0.0, 1.0),  # right, by a thought in another language
        ("fr: 7", "de: 3 und 4", 0.0, 0.0),
        ("de: 7", "3 + 4 = 7", 1.0, None),  # a formula has no language
        ("7", "en: 3 and 4", 0.0, 1.0),
        ("de: 7", "of no language that is known", None, None),
        ("fr: 7", "of no language that is known", 0.0, None),
        ("de: 8", "en: 3 and 4", 0.0, 1.0),
    ],
)
def test_lc_acc_takes_the_thought_into_account(text, thought, value, off_target):
    completion = replace(answer(text), thought=thought)
    accuracy, found, _, rate, _ = grade_completions(
        [PROMPT], [completion], Prefix(), [ACCURACY, in_language(ACCURACY)]
    )
    assert accuracy.value == float(text.endswith("7"))
    assert (rate.metric, found.value, rate.value) == ("thought_off_target_rate", value, off_target)
