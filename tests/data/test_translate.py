"""Answers and prompts in other languages."""

from dataclasses import replace

import pytest

from isoglot.core.protocols import Sampled, Translation, no_tick
from isoglot.core.records import Completion, Prompt
from isoglot.data.translate import translate_completions, translate_prompts


class Tagger:
    name = "tagger"

    def __init__(self):
        self.calls = []

    def translate(self, texts, sources, targets, tick=no_tick):
        tick(len(texts), "")
        self.calls.append(list(zip(texts, sources, targets, strict=True)))
        return [
            Sampled("", "error") if "untranslatable" in text else Sampled(f"{tag}:{text}", "stop")
            for text, tag in zip(texts, targets, strict=True)
        ]


def family(name, *tags, **columns):
    return [Prompt.from_text(f"{name} {t}", language=t, family=name, **columns) for t in tags]


def answer(prompt, text, finish_reason="stop", **columns):
    return Completion(
        prompt.family,
        prompt.prompt_id,
        prompt.answer_language,
        "policy",
        0,
        text,
        finish_reason,
        **columns,
    )


def test_the_dominant_answer_goes_everywhere_and_the_others_come_back():
    prompts = family("f", "en", "de", "sw")
    direct = [answer(p, f"says {p.language}") for p in prompts]
    translator = Tagger()
    rows = translate_completions(
        prompts, direct, translator, dominant="en", languages=["en", "de", "sw"]
    )
    assert rows[:3] == direct
    assert {(r.prompt_id, r.language, r.text, r.translated_from) for r in rows[3:]} == {
        (prompts[1].prompt_id, "de", "de:says en", direct[0].completion_id),
        (prompts[2].prompt_id, "sw", "sw:says en", direct[0].completion_id),
        (prompts[0].prompt_id, "en", "en:says de", direct[1].completion_id),
        (prompts[0].prompt_id, "en", "en:says sw", direct[2].completion_id),
    }
    assert {(r.sampler, r.translator, r.family) for r in rows[3:]} == {("policy", "tagger", "f")}
    assert {row.model for row in rows} == {"policy", "policy via tagger"}
    assert len(translator.calls) == 1, "one batch for all texts"
    again = translate_completions(prompts, rows, Tagger(), dominant="en", languages=["de", "sw"])
    assert again == rows, "translations are not translated again"


@pytest.mark.parametrize(
    ("text", "reason", "expected"),
    [
        ("half an ans", "length", "length"),
        ("", "error", "error"),
        ("  ", "stop", "stop"),
        ("untranslatable", "stop", "error"),
    ],
)
def test_what_is_not_whole_keeps_its_name(text, reason, expected):
    prompts = family("f", "en", "de")
    translator = Tagger()
    completions = [answer(prompts[0], text, reason)]
    row = translate_completions(prompts, completions, translator, dominant="en", languages=["de"])[
        1
    ]
    assert (row.text, row.finish_reason) == ("", expected)
    assert bool(translator.calls[0]) == (text == "untranslatable")


def test_nothing_is_translated_into_its_own_language():
    prompts = family("f", "en", "de", answer_language="fr")
    rows = [answer(p, "oui") for p in prompts]
    assert translate_completions(prompts, rows, Tagger(), dominant="en", languages=["de"]) == rows


def test_a_language_without_a_prompt_gets_no_translation():
    (prompt,) = family("f", "en")
    rows = [answer(prompt, "yes")]
    assert translate_completions([prompt], rows, Tagger(), dominant="en", languages=["de"]) == rows


def test_two_prompts_of_one_language_are_refused():
    prompts = [*family("f", "en"), Prompt.from_text("other", language="en", family="f")]
    with pytest.raises(ValueError, match="two prompts in 'en'"):
        translate_completions(prompts, [], Tagger(), dominant="en", languages=["de"])


def test_prompts_are_translated_where_a_family_lacks_them():
    prompts = family("f", "en", "de", gold="4") + family("untranslatable", "en")
    rows, dropped = translate_prompts(prompts, Tagger(), source="en", languages=["en", "de", "sw"])
    assert rows[:3] == prompts
    (made,) = rows[3:]
    assert (made.family, made.language, made.answer_language, made.gold) == ("f", "sw", "sw", "4")
    assert (made.translated_from, made.translator) == (prompts[0].prompt_id, "tagger")
    assert made.prompt_id == Prompt.from_text("sw:f en", language="sw").prompt_id
    assert [(d.family, d.language, d.reason) for d in dropped] == [
        ("untranslatable", "de", "translation_failed"),
        ("untranslatable", "sw", "translation_failed"),
    ]


class Unsure(Tagger):
    """Gives the longer texts the lower probability."""

    def translate(self, texts, sources, targets, tick=no_tick):
        said = super().translate(texts, sources, targets, tick)
        return [
            sampled._replace(log_probability=-float(len(text)))
            for sampled, text in zip(said, texts, strict=True)
        ]


def test_rows_keep_how_likely_their_translator_found_them():
    prompts = family("f", "en", "de")
    direct = [answer(prompts[0], "four")]
    rows = translate_completions(prompts, direct, Unsure(), dominant="en", languages=["de"])
    assert [row.translation_log_probability for row in rows] == [None, -4.0]
    turns = [("user", "ab"), ("assistant", "abcde"), ("user", "abc")]
    chat = replace(prompts[0], prompt=[{"role": r, "content": c} for r, c in turns])
    (_, made), _ = translate_prompts([chat], Unsure(), source="en", languages=["sw"])
    assert made.translation_log_probability == -5.0, "that of its least likely turn"
    (_, made), _ = translate_prompts([chat], Tagger(), source="en", languages=["sw"])
    assert made.translation_log_probability is None


def test_a_check_sees_how_likely_a_translation_is():
    seen = []

    def check(translations):
        seen.extend(translations)
        return [None] * len(translations)

    prompts = family("f", "en", "de")
    translate_prompts(prompts[:1], Unsure(), source="en", languages=["sw"], check=check)
    direct = [answer(prompts[0], "four")]
    translate_completions(prompts, direct, Unsure(), dominant="en", languages=["de"], check=check)
    assert seen == [
        Translation("f en", "sw:f en", "en", "sw", -4.0),
        Translation("four", "de:four", "en", "de", -4.0),
    ]


def test_of_a_pool_no_more_is_translated_than_its_members_need():
    prompts = family("f", "en", "de", "sw")
    weak = [answer(prompts[0], "says weak")]
    strong = [replace(answer(p, f"says {p.language}"), sampler="strong") for p in prompts]
    rows = translate_completions(
        prompts,
        [*weak, *strong],
        Tagger(),
        dominant="en",
        languages=["en", "de", "sw"],
        only={"policy": ("en", "sw")},
        check=lambda translations: [each.translation[:2] for each in translations],
    )
    assert rows[:4] == [*weak, *strong]
    (made,) = rows[4:]
    assert (made.sampler, made.translator, made.language) == ("policy", "tagger", "sw")
    assert (made.text, made.artefact) == ("sw:says weak", "sw")


def test_a_translation_that_failed_has_no_artefact():
    prompts = family("f", "en", "de")

    def check(translations):
        assert translations == []
        return []

    rows = translate_completions(
        prompts,
        [answer(prompts[0], "untranslatable")],
        Tagger(),
        dominant="en",
        languages=["de"],
        check=check,
    )
    assert (rows[1].finish_reason, rows[1].artefact) == ("error", None)
