"""Samplers times prompts times samples."""

import pytest

from isoglot.core.records import Prompt
from isoglot.data.generate import generate
from isoglot.models.protocols import Sampled, Sampling, no_tick


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


def test_rows_stand_in_the_order_of_prompts_samplers_samples():
    ticks = []
    rows = generate(
        PROMPTS, [Echo("b"), Echo("a")], Sampling(num_samples=2), lambda *tick: ticks.append(tick)
    )
    assert [(r.prompt_id, r.sampler, r.sample) for r in rows] == [
        (prompt.prompt_id, sampler, sample)
        for prompt in PROMPTS
        for sampler in ("b", "a")
        for sample in (0, 1)
    ]
    assert rows[1].text == "one 1"
    assert rows[0].language == "sw", "the language asked for is the answer's"
    assert rows[-1].text == "", "an empty answer stays for the filter to name"
    assert ticks == [(1, "en"), (1, "de")] * 2


def test_two_samplers_of_one_name_are_refused():
    with pytest.raises(ValueError, match="'a' twice"):
        generate(PROMPTS, [Echo("a"), Echo("a")], Sampling())
