"""Prompts times samples, then the samplers side by side."""

from isoglot.core.protocols import Sampled, Sampling, no_tick
from isoglot.core.records import Prompt
from isoglot.data.generate import generate, merge_completions


class Echo:
    def __init__(self, name):
        self.name = name

    def sample(self, prompts, sampling, tick=no_tick):
        for prompt in prompts:
            tick(1, prompt.language)
        return [
            [
                Sampled(f"{p.text} {i}" if p.text != "hard" else "", "stop")
                for i in range(sampling.num_samples)
            ]
            for p in prompts
        ]


PROMPTS = [
    Prompt.from_text("one", language="en", answer_language="sw"),
    Prompt.from_text("hard", language="de"),
]


def test_rows_stand_in_the_order_of_prompts_and_samples():
    ticks = []
    rows = generate(PROMPTS, Echo("b"), Sampling(num_samples=2), lambda *tick: ticks.append(tick))
    assert [(r.prompt_id, r.sampler, r.sample) for r in rows] == [
        (prompt.prompt_id, "b", sample) for prompt in PROMPTS for sample in (0, 1)
    ]
    assert rows[1].text == "one 1"
    assert rows[0].language == "sw", "the language asked for is the answer's"
    assert rows[-1].text == "", "an empty answer stays for the filter to name"
    assert ticks == [(1, "en"), (1, "de")]


def test_merge_completions_are_prompts_then_samplers_then_samples():
    """Also where a sampler has answers to some of the prompts only, or several of each."""
    first = generate(PROMPTS, Echo("b"), Sampling(num_samples=2))
    second = generate(PROMPTS[1:], Echo("a"), Sampling())
    rows = merge_completions(PROMPTS, first, second)
    assert [(r.prompt_id, r.sampler, r.sample) for r in rows] == [
        (PROMPTS[0].prompt_id, "b", 0),
        (PROMPTS[0].prompt_id, "b", 1),
        (PROMPTS[1].prompt_id, "b", 0),
        (PROMPTS[1].prompt_id, "b", 1),
        (PROMPTS[1].prompt_id, "a", 0),
    ]
