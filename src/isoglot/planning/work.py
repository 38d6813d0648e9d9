"""What a plan counts in: works of models, and spans of tokens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from isoglot.planning.engines import Engine
from isoglot.planning.prompts import NOTHING, PromptCounts, Span


@dataclass(frozen=True, slots=True)
class Work:
    """What one stage asks of one model in one round."""

    stage: str
    """As in the run's folder, below `round-t/`."""
    unit: str
    num: int
    times: int
    """Rounds that have it, if none stops early."""
    exact: bool
    """Whether a run counts just as many; else that is the most."""
    engine: Engine | None = None
    tokens_in: Span = NOTHING
    """Read, or trained on."""
    tokens_out: Span = NOTHING
    """Written."""
    characters: Span = NOTHING
    """Read, by what is paid by the character."""


class CompletionCounts(NamedTuple):
    """Completions to the prompts of one language, and the length of each in tokens."""

    language: str
    num: int
    tokens: Span


def tokens_of(asked: PromptCounts) -> Span:
    """All prompts together."""
    total = sum(asked.tokens[tag] * num for tag, num in asked.by_language.items())
    return Span(total, total)


def read_with_prompts(asked: PromptCounts, answers: Sequence[CompletionCounts]) -> Span:
    """All answers together, each after its prompt."""
    total = Span()
    for tag, num, tokens in answers:
        prompt = asked.tokens.get(tag, math.nan)
        total = total.plus(Span(prompt + tokens.typical, prompt + tokens.most).times(num))
    return total
