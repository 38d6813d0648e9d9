"""Work: the units of a plan, by stage and model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from isoglot.planning.engines import Engine
from isoglot.planning.prompts import PromptCounts
from isoglot.report.results.plan import Amount

_NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one model in one stage of one round."""

    stage: str
    """Its folder in `round-t/` of the run directory."""
    unit: str
    num: int
    times: int
    """Number of rounds, if none stops early."""
    exact: bool
    """True if a run has exactly `num`, False for an upper bound."""
    engine: Engine | None = None
    tokens_in: Amount = _NOTHING
    """Tokens that are read, or trained on."""
    tokens_out: Amount = _NOTHING
    """Tokens that are written."""
    characters: Amount = _NOTHING
    """Characters that are read, for services billed by the character."""


class CompletionCounts(NamedTuple):
    """Completions of the prompts of one language, and the length of each in tokens."""

    language: str
    num: int
    tokens: Amount


def tokens_of(prompts: PromptCounts) -> Amount:
    """Sum the tokens of all prompts."""
    total = sum(prompts.tokens[tag] * num for tag, num in prompts.by_language.items())
    return Amount(total, total)


def read_with_prompts(prompts: PromptCounts, answers: Sequence[CompletionCounts]) -> Amount:
    """Sum the tokens of all completions, each after its prompt."""
    total = Amount()
    for tag, num, tokens in answers:
        prompt = prompts.tokens.get(tag, math.nan)
        total = total.plus(Amount(prompt + tokens.typical, prompt + tokens.most).times(num))
    return total
