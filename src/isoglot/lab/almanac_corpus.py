"""The pre-training corpus of the almanac's policy: a hundred languages, unevenly.

All have the same kinds of sums. They differ, by resource tier, in the number of *distinct* worked
ones, which are repeated, and in the share of those that are answered in English, as on the web.
Prompts that request the answer in another language, by its name, are fewer, and many of them are
answered in the language of the prompt, or in English. Translated words are plentiful, as parallel
text is.
"""

import random
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from isoglot.core.languages import LANGUAGES
from isoglot.lab.almanac import ALMANAC_LANGUAGES, Sum, render_sum, sample_sum, terms
from isoglot.lab.corpus import PretrainingExample
from isoglot.lab.world import sample_training

_SHARES = {"english": 0.15, "own": 0.35, "crossed": 0.3, "translated": 0.2}
_NUM_SUMS: Mapping[str, int] = {"en": 40_000, "high": 4000, "mid": 800, "low": 150}
"""Distinct worked sums of English, and of each language of a tier."""
_NUM_CROSSED: Mapping[str, int] = {"high": 3000, "mid": 1500, "low": 500}
"""Distinct prompts in other languages, half of them English, that request an answer in each."""
_ENGLISH_ANSWERS: Mapping[str, float] = {"high": 0.1, "mid": 0.3, "low": 0.5}
"""Share of a language's own sums that are answered in English."""
_UNCROSSED, _UNREQUESTED_ENGLISH = 0.25, 0.1
"""Shares of the crossed prompts that are answered in their own language, and in English."""


def _with_request(text: str, language: str) -> str:
    """Add the requested language of the answer to a prompt, by that language's own name."""
    return f"{text} [{LANGUAGES[language].own_name}]"


def almanac_corpus(seed: int) -> Iterator[PretrainingExample]:
    """Yield examples without end, none of a family of validation or test."""
    rng = random.Random(f"almanac-{seed}")
    pools = _pools(seed)
    own = {tag: _NUM_SUMS[LANGUAGES[tag].tier] ** 0.3 for tag in ALMANAC_LANGUAGES if tag != "en"}
    crossed = {tag: _NUM_CROSSED[LANGUAGES[tag].tier] ** 0.3 for tag in ALMANAC_LANGUAGES}
    weights = {"english": {"en": 1.0}, "own": own, "crossed": crossed}
    while True:
        kind = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
        if kind == "translated":
            yield _translated(rng)
            continue
        tag = rng.choices(list(weights[kind]), list(weights[kind].values()))[0]
        yield rng.choice(pools["crossed" if kind == "crossed" else "own", tag]).example()


class _CrossLingualSum(NamedTuple):
    """A sum in one language and its answer in the same or another."""

    exercise: Sum
    language: str
    answer_language: str
    requested: str | None = None
    """The language that the prompt requests, not always that of the answer."""

    def example(self) -> PretrainingExample:
        text, _ = render_sum(self.exercise, self.language)
        _, answer = render_sum(self.exercise, self.answer_language)
        prompt = _with_request(text, self.requested) if self.requested else text
        return PretrainingExample(self.exercise.family, prompt, answer)


@cache
def _pools(seed: int) -> dict[tuple[str, str], list[_CrossLingualSum]]:
    """Make the distinct sums of each kind and language."""
    pools: dict[tuple[str, str], list[_CrossLingualSum]] = {}
    for tag in ALMANAC_LANGUAGES:
        rng = random.Random(f"almanac-pool-{seed}-{tag}")
        tier = LANGUAGES[tag].tier
        switched = 0.0 if tag == "en" else _ENGLISH_ANSWERS[tier]
        num = _NUM_SUMS.get(tag, _NUM_SUMS[tier])
        pools["own", tag] = [
            _CrossLingualSum(exercise, tag, "en" if rng.random() < switched else tag)
            for exercise in (sample_training(sample_sum, rng) for _ in range(num))
        ]
        pools["crossed", tag] = [_crossed(tag, rng) for _ in range(_NUM_CROSSED[tier])]
    return pools


def _crossed(into: str, rng: random.Random) -> _CrossLingualSum:
    """Sample a prompt in another language that requests an answer in `into`."""
    source = _another(into, rng)
    where = rng.random()
    answered = into
    if where < _UNCROSSED + _UNREQUESTED_ENGLISH:
        answered = source if where < _UNCROSSED else "en"
    return _CrossLingualSum(sample_training(sample_sum, rng), source, answered, requested=into)


def _translated(rng: random.Random) -> PretrainingExample:
    """Sample one term of a sum in two languages."""
    exercise, into = sample_training(sample_sum, rng), rng.choice(ALMANAC_LANGUAGES)
    source, which = _another(into, rng), rng.randrange(3)
    text, answer = terms(exercise, source)[which], terms(exercise, into)[which]
    return PretrainingExample(exercise.family, _with_request(text, into), answer)


def _another(tag: str, rng: random.Random) -> str:
    """Sample English half of the time, or else any language but `tag`."""
    if tag != "en" and rng.random() < 0.5:
        return "en"
    return rng.choice([other for other in ALMANAC_LANGUAGES if other != tag])


def almanac_texts(seed: int) -> Iterator[str]:
    """Yield texts for the tokenizer, as many in every language, so that all get short tokens."""
    rng = random.Random(f"almanac-texts-{seed}")
    for exercise in [sample_training(sample_sum, rng) for _ in range(400)]:
        for tag in ALMANAC_LANGUAGES:
            text, answer = render_sum(exercise, tag)
            yield from (_with_request(text, tag), answer)
