"""The doubles answer from functions and dicts, and what a dict lacks is unknown."""

from fakes import FakeIdentifier, FakeSampler, FakeScorer, FakeTranslator

from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Completion, Prompt

PROMPTS = [Prompt.from_text(text, language="en") for text in ("one", "two")]


def test_sampler():
    twice = Sampling(num_samples=2)
    assert FakeSampler({"one": "1"}).sample(PROMPTS, Sampling()) == [
        [Sampled("1", "stop")],
        [Sampled("", "error")],
    ]
    by_function = FakeSampler(lambda prompt, i: Sampled(f"{prompt.text}{i}", "length"))
    assert by_function.sample(PROMPTS[:1], twice) == [
        [Sampled("one0", "length"), Sampled("one1", "length")]
    ]


def test_translator():
    texts, sources, targets = ["one", "two"], ["en", "en"], ["sw", "sw"]
    assert FakeTranslator().translate(texts, sources, targets)[0] == Sampled("[sw] one", "stop")
    known = FakeTranslator({("one", "sw"): "moja"})
    assert known.translate(texts, sources, targets) == [
        Sampled("moja", "stop"),
        Sampled("", "error"),
    ]


def test_scorer_and_identifier():
    completions = [Completion("f", "p", "en", "m", 0, text, "stop") for text in ("good", "odd")]
    assert FakeScorer({"good": 1.0}).score(PROMPTS, completions) == [1.0, None]
    assert FakeScorer(lambda p, c: len(p.text + c.text)).score(PROMPTS, completions) == [7, 6]
    assert FakeIdentifier({"moja": "sw"}).identify(["moja", "?"]) == ["sw", None]
    assert FakeIdentifier(lambda _: "sw").identify(["x"]) == ["sw"]
