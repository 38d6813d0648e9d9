"""Folders of judged comparisons and ratings with random judges, made by the product's own code."""

import random
from dataclasses import replace
from pathlib import Path

from fakes import FakeSampler
from made_evaluation import HOSTILE, LANGUAGES, NUM, UNKNOWN, make_prompts

from isoglot.core.protocols import Judgement, no_tick
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import write_shard
from isoglot.judging.compare import compare_answers as judge
from isoglot.judging.judges import JudgeSource, RaterSource
from isoglot.judging.rate import rate_model
from isoglot.models.judges.rating import SamplerRater

_B = "7"
"""The answer of the second model, however long."""


class RandomJudge:
    """Prefers A more often than not, alike in most pairs; in one language it cannot be read."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.cost_usd = 1.25

    def judge(self, prompts, first, second, tick=no_tick):  # noqa: ARG002
        return [self._judgement(*pair) for pair in zip(prompts, first, strict=True)]

    def _judgement(self, prompt: Prompt, first: str) -> Judgement:
        text = self.text if prompt.family == "f0" else "[[A]]"
        if prompt.language == UNKNOWN:
            return Judgement(None, text)
        is_a_first = not first.startswith(_B)
        drawn = random.Random(f"{prompt.language} {prompt.family}")
        for_a = drawn.choices((1.0, 0.0, 0.5), (6, 3, 1))[0]
        if random.Random(f"{self.name} {drawn.random()}").random() < 0.2:  # likes the first answer
            for_a = float(is_a_first)
        return Judgement(for_a if is_a_first else 1 - for_a, text)


def write_judged(
    folder: Path, *, text: str = HOSTILE, num: int = NUM, a: str = "a-model@1"
) -> Path:
    """A comparison of two models in 14 languages; in one of them no verdict can be read.

    The first answer of each language ends in `text`, the second is long.
    """
    runs = [
        _write_answers(folder.with_name(f"{folder.name}-{side}"), model, text, num)
        for side, model in (("a", a), ("b", "b-model@1"))
    ]
    for name, out in (("second", folder.with_name(f"{folder.name}-second")), ("judge", folder)):
        random_judge = RandomJudge(f"{name}-model@2", text)
        source = JudgeSource({"name": name}, lambda tags, loaded=random_judge: loaded)  # noqa: ARG005
        second = None if name == "second" else folder.with_name(f"{folder.name}-second")
        judge(*runs, source, out, second=second, resamples=200, silent=True)
    return folder


def _write_answers(folder: Path, model: str, text: str, num: int) -> Path:
    prompts = make_prompts("chat", num)
    answers = []
    for prompt in prompts:
        words = LANGUAGES[prompt.language] if model.startswith("a") else _B
        said = {"f0": f"{words} {text}", "f1": words * 200}.get(prompt.family, words)
        key = prompt.family, prompt.prompt_id, prompt.language
        answers.append(Completion(*key, model, 0, said, "stop"))
    write_shard(folder / "chat" / "prompts" / "part-00000.parquet", prompts, Prompt)
    write_shard(folder / "chat" / "completions" / "part-00000.parquet", answers, Completion)
    return folder


def write_rated(folder: Path, *, text: str = HOSTILE, num: int = NUM) -> Path:
    """The grades of one model in 14 languages over two turns; in one of them none can be read."""
    run = folder.with_name(f"{folder.name}-answers") / "chat"
    prompts = make_prompts("chat", num)
    for place in (run, run / "turn-2"):
        answers = []
        for prompt in prompts:
            said = f"{LANGUAGES[prompt.language]} {text if prompt.family == 'f0' else ''}".strip()
            key = prompt.family, prompt.prompt_id, prompt.language
            answers.append(Completion(*key, "a-model@1", 0, said, "stop"))
        write_shard(place / "prompts" / "part-00000.parquet", prompts, Prompt)
        write_shard(place / "completions" / "part-00000.parquet", answers, Completion)
        prompts = [
            _second_turn(prompt, answer.text)
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    def reply(prompt: Prompt, _: int) -> str:
        grade = random.Random(prompt.text).randint(1, 10)
        is_readable = LANGUAGES[UNKNOWN] not in prompt.text
        return f"{text}\nRating: {grade}" if is_readable else f"{text} {grade}"

    source = RaterSource({"name": "judge"}, lambda: SamplerRater(FakeSampler(reply, "judge@2")))
    rate_model(run, source, folder, resamples=200, silent=True)
    return folder


def _second_turn(prompt: Prompt, answer: str) -> Prompt:
    turns = ({"role": "assistant", "content": answer}, {"role": "user", "content": "And then?"})
    return replace(
        prompt, prompt_id=f"{prompt.prompt_id}-2", prompt=(*prompt.prompt, *turns), gold=None
    )
