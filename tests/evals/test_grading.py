"""Grades of answers: what they are worth, their language, and what is unknown."""

import pytest

from isoglot.core.records import Choice, Completion, Prompt
from isoglot.evals.grading import grade_choices, grade_completions, grader_metric
from isoglot.evals.metric import mean_of


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
    value, off_target = grade_completions(
        [PROMPT], [answer(text, reason)], Prefix(), metrics, **keys
    )
    assert (value.metric, off_target.metric) == ("accuracy", "off_target_rate")
    return value.value, off_target.value


def test_grades_and_what_is_unknown():
    assert graded("de: 7") == (1.0, 0.0)
    assert graded("en: 8") == (0.0, 1.0)
    assert graded("7") == (1.0, None)
    assert graded("de: 7", "length") == (None, 0.0)
    assert graded("de: 7", "length", cut_off="wrong") == (0.0, 0.0)
    assert graded("de: 7", "length", cut_off="graded") == (1.0, 0.0)
    assert graded("de: 7", "error", cut_off="wrong") == (None, None)


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
