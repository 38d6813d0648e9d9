"""What the almanac's policy is pre-trained on: a hundred languages, by far not alike.

All have the same kinds of questions. They differ, by resource tier, in how many *distinct* worked
ones there are, seen again and again, and in how many of those are answered in English, as on the
web. Questions in one language with the answer in another, which the prompt asks for by name, are
fewer, and many of them are answered in the language of the question, or in English. Translated
words are plentiful, as parallel text is.
"""

import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from isoglot.core.languages import LANGUAGES as TABLE
from isoglot.lab.almanac import LANGUAGES, Sum, sample_sum, say_sum, terms
from isoglot.lab.corpus import Example
from isoglot.lab.world import training

SHARES = {"english": 0.15, "own": 0.35, "crossed": 0.3, "translated": 0.2}
NUM_SUMS: Mapping[str, int] = {"en": 40_000, "high": 4000, "mid": 800, "low": 150}
"""Distinct worked questions of English, and of each language of a tier."""
NUM_CROSSED: Mapping[str, int] = {"high": 3000, "mid": 1500, "low": 500}
"""Distinct questions of other languages, half of them English, that ask for an answer in each."""
ENGLISH_ANSWERS: Mapping[str, float] = {"high": 0.1, "mid": 0.3, "low": 0.5}
"""Share of a language's own questions that are answered in English."""
UNCROSSED, UNASKED_ENGLISH = 0.25, 0.1
"""Shares of the questions across languages that are answered in the language of the question, and
in English."""
ASK = "{prompt} [{own_name}]"


def ask(text: str, language: str) -> str:
    """The question with the language in which it is to be answered, by that language's own name."""
    return ASK.format(prompt=text, own_name=TABLE[language].own_name)


def almanac_corpus(seed: int) -> Iterator[Example]:
    """Endless examples; none of a family of validation or test."""
    rng = random.Random(f"almanac-{seed}")
    pools = _pools(seed)
    own = {tag: NUM_SUMS[TABLE[tag].tier] ** 0.3 for tag in LANGUAGES if tag != "en"}
    crossed = {tag: NUM_CROSSED[TABLE[tag].tier] ** 0.3 for tag in LANGUAGES}
    weights = {"english": {"en": 1.0}, "own": own, "crossed": crossed}
    while True:
        kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if kind == "translated":
            yield _translated(rng)
            continue
        tag = rng.choices(list(weights[kind]), list(weights[kind].values()))[0]
        yield rng.choice(pools["crossed" if kind == "crossed" else "own", tag]).said()


class Exchange(NamedTuple):
    """A question in one language and its answer in another, or in the same."""

    question: Sum
    language: str
    answer_language: str
    asked_for: str | None = None
    """The language that the question asks for, by name; not always that of the answer."""

    def said(self) -> Example:
        text, _ = say_sum(self.question, self.language)
        _, answer = say_sum(self.question, self.answer_language)
        prompt = ask(text, self.asked_for) if self.asked_for else text
        return Example(self.question.family, prompt, answer)


@cache
def _pools(seed: int) -> dict[tuple[str, str], list[Exchange]]:
    """The distinct exchanges of each kind and language."""
    pools: dict[tuple[str, str], list[Exchange]] = {}
    for tag in LANGUAGES:
        rng = random.Random(f"almanac-pool-{seed}-{tag}")
        tier = TABLE[tag].tier
        switched = 0.0 if tag == "en" else ENGLISH_ANSWERS[tier]
        num = NUM_SUMS.get(tag, NUM_SUMS[tier])
        pools["own", tag] = [
            Exchange(question, tag, "en" if rng.random() < switched else tag)
            for question in (training(sample_sum, rng) for _ in range(num))
        ]
        pools["crossed", tag] = [_crossed(tag, rng) for _ in range(NUM_CROSSED[tier])]
    return pools


def _crossed(into: str, rng: random.Random) -> Exchange:
    """From English, or else from any language, into another; answered in it, or not."""
    source = _another(into, rng)
    where = rng.random()
    answered = into
    if where < UNCROSSED + UNASKED_ENGLISH:
        answered = source if where < UNCROSSED else "en"
    return Exchange(training(sample_sum, rng), source, answered, asked_for=into)


def _translated(rng: random.Random) -> Example:
    """One term of a question, in another language."""
    question, into = training(sample_sum, rng), rng.choice(LANGUAGES)
    source, which = _another(into, rng), rng.randrange(3)
    text, answer = terms(question, source)[which], terms(question, into)[which]
    return Example(question.family, ask(text, into), answer)


def _another(tag: str, rng: random.Random) -> str:
    """English half of the time, or else any language but `tag`."""
    if tag != "en" and rng.random() < 0.5:
        return "en"
    return rng.choice([other for other in LANGUAGES if other != tag])


def texts(seed: int) -> Iterator[str]:
    """As many words of every language, so that none is cut into more tokens than another."""
    rng = random.Random(f"almanac-texts-{seed}")
    for question in [training(sample_sum, rng) for _ in range(400)]:
        for tag in LANGUAGES:
            text, answer = say_sum(question, tag)
            yield from (ask(text, tag), answer)
