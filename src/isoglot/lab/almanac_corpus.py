"""What the almanac's policy is pre-trained on: a hundred languages, by far not alike.

All have the same kinds of questions. They differ, by resource tier, in how many *distinct* worked
ones there are, seen again and again, and in how many of those are answered in English, as on the
web. Questions in one language with the answer in another, which the prompt asks for by name, come
from and into English alone, and many of them are answered in the language of the question.
"""

import random
from collections.abc import Iterator, Mapping
from functools import cache

from isoglot.core.languages import LANGUAGES as TABLE
from isoglot.lab.almanac import LANGUAGES, Sum, sample_sum, say_sum
from isoglot.lab.corpus import Example
from isoglot.lab.world import training

NUM_SUMS: Mapping[str, int] = {"en": 40_000, "high": 800, "mid": 200, "low": 80}
"""Distinct worked questions of English, and of each language of a tier."""
NUM_CROSSED: Mapping[str, int] = {"high": 400, "mid": 200, "low": 100}
"""Distinct questions from English into each language of a tier, and as many back."""
ENGLISH_ANSWERS: Mapping[str, float] = {"high": 0.02, "mid": 0.1, "low": 0.25}
"""Share of a language's own questions that are answered in English."""
UNCROSSED = 0.4
"""Share of the questions across languages that are answered in the language of the question."""
SHARES = {"english": 0.25, "own": 0.4, "crossed": 0.35}
ASK = "{prompt} [{own_name}]"


def ask(text: str, language: str) -> str:
    """The question with the language in which it is to be answered, by that language's own name."""
    return ASK.format(prompt=text, own_name=TABLE[language].own_name)


def almanac_corpus(seed: int) -> Iterator[Example]:
    """Endless examples; none of a family of validation or test."""
    rng = random.Random(f"almanac-{seed}")
    pools = _pools(seed)
    others = [tag for tag in LANGUAGES if tag != "en"]
    weights = {
        "own": [NUM_SUMS[TABLE[tag].tier] ** 0.3 for tag in others],
        "crossed": [NUM_CROSSED[TABLE[tag].tier] ** 0.3 for tag in others],
    }
    while True:
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "english":
            yield rng.choice(pools["own", "en"])
        else:
            yield rng.choice(pools[kind, rng.choices(others, weights[kind])[0]])


@cache
def _pools(seed: int) -> dict[tuple[str, str], list[Example]]:
    """The distinct examples of each kind and language."""
    pools: dict[tuple[str, str], list[Example]] = {}
    for tag in LANGUAGES:
        rng = random.Random(f"almanac-pool-{seed}-{tag}")
        tier = TABLE[tag].tier
        switched = 0.0 if tag == "en" else ENGLISH_ANSWERS[tier]
        num = NUM_SUMS.get(tag, NUM_SUMS[tier])
        pools["own", tag] = [
            _example(question, tag, "en" if rng.random() < switched else tag)
            for question in (training(sample_sum, rng) for _ in range(num))
        ]
        pools["crossed", tag] = [
            _crossed(training(sample_sum, rng), *way, rng)
            for _ in range(NUM_CROSSED[tier])
            for way in (("en", tag), (tag, "en"))
        ]
    return pools


def _example(question: Sum, language: str, answer_language: str) -> Example:
    text, _ = say_sum(question, language)
    _, answer = say_sum(question, answer_language)
    return Example(question.family, text, answer)


def _crossed(question: Sum, language: str, into: str, rng: random.Random) -> Example:
    answered = language if rng.random() < UNCROSSED else into
    family, text, answer = _example(question, language, answered)
    return Example(family, ask(text, into), answer)


def texts(seed: int) -> Iterator[str]:
    """As many words of every language, so that none is cut into more tokens than another."""
    rng = random.Random(f"almanac-texts-{seed}")
    for question in [training(sample_sum, rng) for _ in range(600)]:
        for tag in LANGUAGES:
            text, answer = say_sum(question, tag)
            yield from (ask(text, tag), answer)
