"""What the lab's models are pre-trained on, and so what each of them is good at.

In the policy's mixture every language has the same kinds of text. They differ in how many
*distinct* worked problems a language has: English many, the others few, seen again and again, some
of them answered in English as on the web. Translations of worked answers are plentiful both ways,
as parallel text is.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from isoglot.core.languages import LANGUAGES as TABLE
from isoglot.lab.world import (
    LANGUAGES,
    Problem,
    problems,
    sample_instruction,
    sample_problem,
    say_instruction,
    say_problem,
    say_result,
    sentences,
    training,
)


class Mixture(NamedTuple):
    """What a model of the lab is pre-trained on."""

    num_problems: Mapping[str, int]
    """Distinct worked problems of each language: what it can work out in it."""
    shares: Mapping[str, float]
    """Of the kinds of examples that it sees."""
    english: float
    """Of the worked problems; the rest goes to the others by size to the power 0.3."""
    code_switching: float = 0.0
    """Share of the other languages' problems that are answered in English."""
    terse: float = 0.0
    """Share of the problems that are answered by a number alone, without the working."""


POLICY_MIXTURE = Mixture(
    {
        "en": 40_000, "es": 120, "de": 60, "fr": 40, "ru": 28, "sw": 18,
        "it": 60, "pt": 40, "nl": 40, "sv": 28, "id": 18, "zh-Hans": 18,
    },
    {"translation": 0.45, "instruction": 0.10, "math": 0.45},
    english=0.3,
    code_switching=0.12,
)  # fmt: skip
"""Uneven by what it saw, and by nothing else."""

HASTY = POLICY_MIXTURE._replace(terse=0.5)
"""As uneven, with a habit that costs it right answers in every language, English too."""

TEACHER = Mixture(
    dict.fromkeys(LANGUAGES, 20_000),
    {"instruction": 0.1, "math": 0.9},
    english=1 / len(LANGUAGES),
)
"""Strong in every language."""

ENGLISH = Mixture({"en": 500}, {"math": 1.0}, english=1.0)
"""Speaks English alone."""

TRANSLATE = "Translate into {language}: <text>{text}</text>"
PREFILL, SUFFIX = "<translation>", "</translation>"


class Example(NamedTuple):
    """One exchange of pre-training, and the family that it comes from."""

    family: str
    prompt: str
    answer: str


def corpus(seed: int, mixture: Mixture = POLICY_MIXTURE) -> Iterator[Example]:
    """Endless examples of the mixture; none of a family of validation or test."""
    rng = random.Random(f"corpus-{seed}")
    pools = worked_problems(seed, mixture)
    others = [language for language in mixture.num_problems if language != "en"]
    weights = [mixture.num_problems[language] ** 0.3 for language in others]
    while True:
        kind = rng.choices(list(mixture.shares), list(mixture.shares.values()))[0]
        if kind == "translation":
            yield translation(training(sample_problem, rng), rng)
        elif kind == "instruction":
            instruction = training(sample_instruction, rng)
            prompt, answer, _ = say_instruction(instruction, rng.choice(LANGUAGES))
            yield Example(instruction.family, prompt, answer)
        else:
            english = rng.random() < mixture.english
            language = "en" if english else rng.choices(others, weights)[0]
            yield rng.choice(pools[language])


def worked_problems(seed: int, mixture: Mixture = POLICY_MIXTURE) -> dict[str, list[Example]]:
    """The distinct worked problems of each language."""
    everything = problems("train", seed=-1 - seed, num=max(mixture.num_problems.values()))
    pools: dict[str, list[Example]] = {}
    for language, num in mixture.num_problems.items():
        rng = random.Random(f"pool-{seed}-{language}")
        chosen = everything if language == "en" else rng.sample(everything, num)
        pools[language] = []
        for problem in chosen:
            switched = language != "en" and rng.random() < mixture.code_switching
            # No draw where none is terse: the corpora of the other models stay what they were.
            terse = mixture.terse > 0 and rng.random() < mixture.terse
            prompt, answer = say_problem(problem, language)
            if terse:
                answer = say_result(problem, "en" if switched else language)
            elif switched:
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


def texts(seed: int) -> Iterator[str]:
    """As many sentences of every language, so that none is cut into more tokens than another."""
    for problem in problems("train", seed=-1 - seed, num=3000):
        for language in LANGUAGES:
            yield from say_problem(problem, language)
    for language in LANGUAGES:
        words = [word for row in sentences(language)["categories"].values() for word in row]
        yield from (f"{word}, {word}, {word}" for word in words * 20)
    for example in islice(corpus(seed), 20_000):
        yield from (example.prompt, example.answer)
