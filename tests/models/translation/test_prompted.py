"""What a translator asks, and how it reads every kind of reply."""

import pytest
from fakes import FakeSampler

from isoglot.core.protocols import Sampled
from isoglot.models.translation.prompted import PromptTranslator, PromptTranslatorConfig


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Sampled("Sieben\nÄpfel</translation> ok", "stop"), Sampled("Sieben\nÄpfel", "stop")),
        (Sampled("Sieben</translation> and on and on", "length"), Sampled("Sieben", "stop")),
        (Sampled("Sieben Äp", "length"), Sampled("Sieben Äp", "length")),
        (Sampled("Sieben Äpfel", "stop"), Sampled("Sieben Äpfel", "error")),
        (Sampled("  </translation>", "stop"), Sampled("  </translation>", "error")),
        (Sampled("", "error"), Sampled("", "error")),
    ],
)
def test_replies(reply, expected):
    translator = PromptTranslator(FakeSampler(lambda _prompt, _sample: reply, name="m@1"))
    assert translator.translate(["Seven apples"], ["en"], ["de"]) == [expected]
    assert translator.name == "m@1"


def test_the_request_names_the_language_and_primes_the_answer():
    seen = []

    def answer(prompt, _sample):
        seen.append(prompt)
        return "x</translation>"

    PromptTranslator(FakeSampler(answer)).translate(["{language} 7"], ["en"], ["sw"])
    (prompt,) = seen
    assert "Swahili" in prompt.text
    assert "<text>\n{language} 7\n</text>" in prompt.text
    assert prompt.prompt[-1] == {"role": "assistant", "content": "<translation>"}
    assert prompt.language == "sw"


def test_own_template_prefill_and_pattern():
    config = PromptTranslatorConfig(
        template="{source}>{language}: {text}", prefill="", pattern="T=(.*)"
    )
    sampler = FakeSampler(lambda prompt, _: f"T={prompt.text}" * (len(prompt.prompt) == 1))
    translator = PromptTranslator(sampler, config)
    assert translator.translate(["7"], ["en"], ["sw"]) == [Sampled("English>Swahili: 7", "stop")]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("template", "Translate {text}", "{language}"),
        ("pattern", "a(b", "regular expression"),
        ("pattern", "ab", "a group"),
    ],
)
def test_config_errors(key, value, message):
    with pytest.raises(ValueError, match=message):
        PromptTranslatorConfig(**{key: value})
