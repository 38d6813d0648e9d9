"""Privileged contexts: which answer is shown, to whom, and what is dropped."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.data.privilege import PrivilegeConfig, privileged_prompts

TEXTS = {"en": "How many is {n}?", "es": "¿Cuántos son {n}?", "sw": "Ni ngapi {n}?"}


def family(n, languages=TEXTS):
    return [
        Prompt.from_text(TEXTS[tag].format(n=n), language=tag, family=str(n)) for tag in languages
    ]


def answers(prompt, *rewards, reason=FinishReason.STOP):
    ids = prompt.family, prompt.prompt_id, prompt.language
    return [
        Completion(*ids, "m", i, f" {i} for {reward} ", reason, rewards={"total": reward})
        for i, reward in enumerate(rewards)
    ]


def given_to(prompts, rows, **config):
    return privileged_prompts(prompts, rows, PrivilegeConfig(**config), dominant="en")


def test_the_best_whole_answer_in_the_dominant_language_is_shown():
    """A worked example: en has rewards 1, 3, none and a 9 that was cut off; es has a 5."""
    prompts = family(7)
    rows = [
        *answers(prompts[0], 1.0, 3.0, None),
        *answers(prompts[0], 9.0, reason=FinishReason.LENGTH),
        *answers(prompts[1], 5.0),
    ]
    kept, dropped = given_to(prompts, rows, template="{dominant} {prompt}|{answer}|{language}")
    assert [row.language for row in kept] == ["es", "sw"]
    assert [row.privileged_context for row in kept] == [
        "English How many is 7?|1 for 3.0|Spanish",
        "English How many is 7?|1 for 3.0|Swahili",
    ]
    assert {(row.score, row.model, row.shown_family) for row in kept} == {(3.0, "m", "7")}
    assert [row.prompt for row in kept] == [prompt.prompt for prompt in prompts[1:]]
    assert dropped == []


def test_the_default_context_has_both_and_names_the_language():
    prompts = family(7)
    kept, _ = given_to(prompts, answers(prompts[0], 1.0))
    assert "How many is 7?" in kept[0].privileged_context
    assert "0 for 1.0" in kept[0].privileged_context
    assert "in Spanish" in kept[0].privileged_context
    alone, _ = given_to(prompts, answers(prompts[0], 1.0), shows="prompt_only")
    assert "How many is 7?" in alone[0].privileged_context
    assert "0 for 1.0" not in alone[0].privileged_context


def test_without_rewards_the_first_sample_is_shown():
    prompts = family(7)
    rows = [
        Completion("7", prompts[0].prompt_id, "en", "m", i, f"{{answer}} {i}", FinishReason.STOP)
        for i in (1, 0)
    ]
    kept, _ = given_to(prompts, rows, template="{answer}")
    assert {row.privileged_context for row in kept} == {"{answer} 0"}, "braces stay as they are"


def test_what_has_no_answer_is_dropped_by_its_reason():
    whole, poor, alone = family(1), family(2), family(3, ("es", "sw"))
    rows = [*answers(whole[0], 1.0), *answers(poor[0], 0.5)]
    kept, dropped = given_to([*whole, *poor, *alone], rows, min_reward=1)
    assert {row.family for row in kept} == {"1"}
    assert [(row.family, row.language, row.reason) for row in dropped] == [
        ("2", "es", "no_answer"),
        ("2", "sw", "no_answer"),
        ("3", "es", "no_dominant_prompt"),
        ("3", "sw", "no_dominant_prompt"),
    ]
    _, one = given_to(whole, answers(whole[0], 1.0), shows="another_family")
    assert {row.reason for row in one} == {"no_other_family"}


@settings(max_examples=20)
@given(st.lists(st.floats(-3, 3) | st.none(), min_size=2, max_size=6), st.randoms())
def test_the_order_of_rows_does_not_matter_and_controls_have_the_same_rows(rewards, random):
    prompts = [prompt for n in range(len(rewards)) for prompt in family(n)]
    english = [prompt for prompt in prompts if prompt.language == "en"]
    rows = [
        row
        for prompt, reward in zip(english, rewards, strict=True)
        for row in answers(prompt, reward, -4.0)
    ]
    kept, _ = given_to(prompts, rows)
    shuffled = random.sample(rows, len(rows))
    assert given_to(prompts, shuffled)[0] == kept
    controls, _ = given_to(prompts, rows, shows="another_family")
    keys = [(row.family, row.language) for row in kept]
    assert [(row.family, row.language) for row in controls] == keys
    assert all(row.shown_family != row.family for row in controls)
    shown = {row.family: row.shown_family for row in controls}
    assert len(set(shown.values())) == len(shown), "each is shown to one family"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"template": "{anser}"}, r"unknown placeholder \{anser\}"),
        ({"template": "{prompt}"}, "expected a template with {answer} for shows answer"),
        ({"template": "{answer}", "shows": "prompt_only"}, "template without {answer}"),
    ],
)
def test_bad_templates_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        PrivilegeConfig(**config)
