"""What the lab's policy is pre-trained on: the source of its imbalance, and of nothing else.

Every language has the same kinds of text. They differ in how many *distinct* worked problems a
language has: English many, the others few, seen again and again, some of them answered in English
as on the web. Translations of worked answers are plentiful both ways, as parallel text is.
"""

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from isoglot.core.languages import LANGUAGES as TABLE
from isoglot.lab.world import (
    LANGUAGES,
    Problem,
    T,
    problems,
    sample_instruction,
    sample_problem,
    say_instruction,
    say_problem,
    split_of,
)

DISTINCT_PROBLEMS = {
    "en": 40_000, "es": 120, "de": 60, "fr": 40, "ru": 28, "sw": 18,
    "it": 60, "pt": 40, "nl": 40, "sv": 28, "id": 18, "zh-Hans": 18,
}  # fmt: skip
"""Distinct worked problems of each language: the imbalance."""

CODE_SWITCHING = 0.12
"""Share of the other languages' problems that are answered in English."""

SHARES = {"translation": 0.45, "instruction": 0.10, "math": 0.45}
"""Of the examples that the policy sees."""

ENGLISH_SHARE = 0.3
"""Of the worked problems that it sees; the rest goes to the others by size to the power 0.3."""

TRANSLATE = "Translate into {language}: <text>{text}</text>"
PREFILL, SUFFIX = "<translation>", "</translation>"


class Example(NamedTuple):
    """One exchange of pre-training, and the family that it comes from."""

    family: str
    prompt: str
    answer: str


def corpus(seed: int) -> Iterator[Example]:
    """Endless examples of the mixture; none of a family of validation or test."""
    rng = random.Random(f"corpus-{seed}")
    pools = worked_problems(seed)
    others = [language for language in LANGUAGES if language != "en"]
    weights = [DISTINCT_PROBLEMS[language] ** 0.3 for language in others]
    while True:
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "translation":
            yield translation(_training(sample_problem, rng), rng)
        elif kind == "instruction":
            instruction = _training(sample_instruction, rng)
            prompt, answer, _ = say_instruction(instruction, rng.choice(LANGUAGES))
            yield Example(instruction.family, prompt, answer)
        else:
            english = rng.random() < ENGLISH_SHARE
            language = "en" if english else rng.choices(others, weights)[0]
            yield rng.choice(pools[language])


def worked_problems(seed: int) -> dict[str, list[Example]]:
    """The distinct worked problems of each language."""
    everything = problems("train", seed=-1 - seed, num=DISTINCT_PROBLEMS["en"])
    pools: dict[str, list[Example]] = {}
    for language, num in DISTINCT_PROBLEMS.items():
        rng = random.Random(f"pool-{seed}-{language}")
        chosen = everything if language == "en" else rng.sample(everything, num)
        pools[language] = []
        for problem in chosen:
            switched = language != "en" and rng.random() < CODE_SWITCHING
            prompt, answer = say_problem(problem, language)
            if switched:
                _, answer = say_problem(problem, "en")
            pools[language].append(Example(problem.family, prompt, answer))
    return pools


def translation(problem: Problem, rng: random.Random) -> Example:
    """A worked answer translated from English into another language, or back."""
    other = rng.choice([language for language in LANGUAGES if language != "en"])
    source, target = ("en", other) if rng.random() < 0.5 else (other, "en")
    _, text = say_problem(problem, source)
    _, translated = say_problem(problem, target)
    request = TRANSLATE.format(language=TABLE[target].english_name, text=text)
    return Example(problem.family, request, f"{PREFILL}{translated}{SUFFIX}")


def _training(sample: Callable[[random.Random], T], rng: random.Random) -> T:
    """A problem or an instruction of the training split."""
    while split_of((thing := sample(rng)).family) != "train":
        pass
    return thing
