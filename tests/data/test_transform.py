"""Passes over prompts: what is rewritten, what is dropped, and what happens to the gold."""

import pytest
from fakes import FakeIdentifier, FakeSampler, FakeTranslator

from isoglot.core.protocols import Sampled
from isoglot.core.records import Prompt
from isoglot.data.transform import transform_prompts
from isoglot.models.translation.prompted import PromptTranslator
from isoglot.models.translation.prompted_passes import TEMPLATES, RewritingConfig

SURE = FakeIdentifier(lambda text: "es" if "¿" in text else "en" if "?" in text else None)
PROMPTS = [
    Prompt.from_text("How many are 2 + 3?", language="en", family="f", gold="5", completion="5"),
    Prompt.from_text("¿Cuántos son 2 + 3?", language="es", family="f", gold="5"),
]


def passed(outputs, prompts=PROMPTS, **gates):
    given = {"keep_gold": False, "max_length_ratio": 4.0, **gates}
    return transform_prompts(prompts, FakeTranslator(outputs), SURE, **given)


def test_the_last_user_turn_is_rewritten_and_the_rest_stays():
    seen = []

    def rewrite(text, source, target):
        seen.append((text, source, target))
        return f" {text} Now? "

    turns = (
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "How many?"},
    )
    long = Prompt("g", "p", "en", turns, "en", source="s")
    kept, dropped = passed(rewrite, [*PROMPTS, long])
    assert seen == [(row.text, row.language, row.language) for row in [*PROMPTS, long]]
    assert dropped == []
    assert [row.text for row in kept] == [f"{row.text} Now?" for row in [*PROMPTS, long]]
    assert kept[2].prompt[:-1] == turns[:-1]
    assert [(row.family, row.language, row.source) for row in kept] == [
        (row.family, row.language, row.source) for row in [*PROMPTS, long]
    ]
    assert len({row.prompt_id for row in kept} | {row.prompt_id for row in PROMPTS}) == 5
    assert [row.gold for row in kept] == [None] * 3
    assert kept[0].completion is None
    assert [row.gold for row in passed(rewrite, keep_gold=True)[0]] == ["5", "5"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (Sampled("How many", "length"), "cut_off"),
        (Sampled("", "error"), "failed"),
        (Sampled("", "error", failure="time-out"), "no_answer"),
        (" ", "failed"),
        ("How  many are 2 + 3? ", "copied"),
        ("¿Cuántos son?", "wrong_language"),
        ("How many are 2 + 3? " * 9, "length_ratio"),
        ("2?", "length_ratio"),
    ],
)
def test_each_fault_drops_a_prompt_by_its_name(output, reason):
    kept, (row,) = passed(lambda *_: output, PROMPTS[:1])
    assert kept == []
    assert (row.reason, row.language, row.chosen_text) == (reason, "en", PROMPTS[0].text)


def test_an_unsure_language_passes():
    kept, _ = passed(lambda *_: "Add two and three", PROMPTS[:1])
    assert len(kept) == 1


@pytest.mark.parametrize("kind", TEMPLATES)
def test_the_request_names_the_language_and_holds_the_prompt_as_it_is(kind):
    asked = []

    def answer(prompt, _):
        asked.append(prompt.prompt[0]["content"])
        return "What is 2 {x}?</prompt> more"

    rewriter = PromptTranslator(FakeSampler(answer), RewritingConfig(kind=kind))
    (sampled,) = rewriter.translate(["2 {language}?"], ["sw"], ["sw"])
    assert sampled.text == "What is 2 {x}?"
    assert "Swahili" in asked[0]
    assert "2 {language}?" in asked[0]
    assert "TASK" not in asked[0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"kind": "own"}, "kind own needs a template"),
        ({"kind": "own", "template": "{text}"}, "in the template"),
        ({"kind": "nicer"}, "natural"),
        ({}, "kind"),
    ],
)
def test_bad_passes_are_named(config, message):
    with pytest.raises(ValueError, match=message):
        RewritingConfig(**config)
