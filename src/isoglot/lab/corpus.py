"""The pre-training corpora of the lab's models, which decide the strengths of each model.

In the policy's mixture every language has the same kinds of text, and another number of *distinct*
worked problems: English many, the others few, which are repeated, some of them answered in English
as on the web. Translations of worked answers are plentiful both ways, as parallel text is.
"""

import random
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from isoglot.core.languages import LANGUAGES
from isoglot.lab.world import (
    LAB_LANGUAGES,
    Problem,
    problems,
    render_instruction,
    render_problem,
    render_result,
    sample_instruction,
    sample_problem,
    sample_training,
    templates_of,
)


class Mixture(NamedTuple):
    """The composition of a corpus."""

    num_problems: Mapping[str, int]
    """Number of distinct worked problems of each language."""
    shares: Mapping[str, float]
    """Share of each kind of example."""
    english: float
    """Share of English in the worked problems; the others share the rest by size ** 0.3."""
    code_switching: float = 0.0
    """Share of the other languages' problems that are answered in English."""
    terse: float = 0.0
    """Share of the problems that are answered by a number alone, without the working."""


_NUM_PROBLEMS = (40_000, 120, 60, 40, 28, 18, 60, 40, 40, 28, 18, 18)
POLICY_MIXTURE = Mixture(
    dict(zip(LAB_LANGUAGES, _NUM_PROBLEMS, strict=True)),
    {"translation": 0.45, "instruction": 0.10, "math": 0.45},
    english=0.3,
    code_switching=0.12,
)
"""Uneven by the number of problems in each language, and by nothing else."""

HASTY = POLICY_MIXTURE._replace(terse=0.5)
"""Equally uneven, with a habit that costs right answers in every language, also in English."""

TEACHER = Mixture(
    dict.fromkeys(LAB_LANGUAGES, 20_000),
    {"instruction": 0.1, "math": 0.9},
    english=1 / len(LAB_LANGUAGES),
)
"""Strong in every language."""

ENGLISH = Mixture({"en": 500}, {"math": 1.0}, english=1.0)
"""English alone."""

TRANSLATE = "Translate into {language}: <text>{text}</text>"
PREFILL, SUFFIX = "<translation>", "</translation>"


class PretrainingExample(NamedTuple):
    """A prompt and its answer, with their family."""

    family: str
    prompt: str
    answer: str


def corpus(seed: int, mixture: Mixture = POLICY_MIXTURE) -> Iterator[PretrainingExample]:
    """Yield examples of the mixture without end, none of a family of validation or test."""
    rng = random.Random(f"corpus-{seed}")
    pools = worked_problems(seed, mixture)
    others = [language for language in mixture.num_problems if language != "en"]
    weights = [mixture.num_problems[language] ** 0.3 for language in others]
    while True:
        kind = rng.choices(list(mixture.shares), list(mixture.shares.values()))[0]
        if kind == "translation":
            yield _translation(sample_training(sample_problem, rng), rng)
        elif kind == "instruction":
            instruction = sample_training(sample_instruction, rng)
            prompt, answer, _ = render_instruction(instruction, rng.choice(LAB_LANGUAGES))
            yield PretrainingExample(instruction.family, prompt, answer)
        else:
            english = rng.random() < mixture.english
            language = "en" if english else rng.choices(others, weights)[0]
            yield rng.choice(pools[language])


def worked_problems(
    seed: int, mixture: Mixture = POLICY_MIXTURE
) -> dict[str, list[PretrainingExample]]:
    """Make the distinct worked problems of each language."""
    everything = problems("train", seed=-1 - seed, num=max(mixture.num_problems.values()))
    pools: dict[str, list[PretrainingExample]] = {}
    for language, num in mixture.num_problems.items():
        rng = random.Random(f"pool-{seed}-{language}")
        chosen = everything if language == "en" else rng.sample(everything, num)
        pools[language] = []
        for problem in chosen:
            switched = language != "en" and rng.random() < mixture.code_switching
            # no draw if none is terse: it would change the corpora of the other models
            terse = mixture.terse > 0 and rng.random() < mixture.terse
            prompt, answer = render_problem(problem, language)
            if terse:
                answer = render_result(problem, "en" if switched else language)
            elif switched:
                _, answer = render_problem(problem, "en")
            pools[language].append(PretrainingExample(problem.family, prompt, answer))
    return pools


def _translation(problem: Problem, rng: random.Random) -> PretrainingExample:
    """Make an example that translates a worked answer from English, or into English."""
    other = rng.choice([language for language in LAB_LANGUAGES if language != "en"])
    source, target = ("en", other) if rng.random() < 0.5 else (other, "en")
    _, text = render_problem(problem, source)
    _, translated = render_problem(problem, target)
    request = TRANSLATE.format(language=LANGUAGES[target].english_name, text=text)
    return PretrainingExample(problem.family, request, f"{PREFILL}{translated}{SUFFIX}")


def corpus_texts(seed: int) -> Iterator[str]:
    """Yield texts for the tokenizer, as many in every language, so that all get short tokens."""
    for problem in problems("train", seed=-1 - seed, num=3000):
        for language in LAB_LANGUAGES:
            yield from render_problem(problem, language)
    for language in LAB_LANGUAGES:
        words = [word for row in templates_of(language)["categories"].values() for word in row]
        yield from (f"{word}, {word}, {word}" for word in words * 20)
    for example in islice(corpus(seed), 20_000):
        yield from (example.prompt, example.answer)
