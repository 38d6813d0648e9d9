"""Scorers give the completions their rewards."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from isoglot.core.records import Completion, Prompt
from isoglot.core.section import Section
from isoglot.models.protocols import Scorer

ScorerName = Literal["language_match"]


class ScoreConfig(Section):
    """Who scores, and how the rewards of several scorers become one."""

    scorers: tuple[ScorerName, ...]
    weights: Mapping[str, float] = Field(default_factory=dict)
    """Weight of each scorer by name; one that is not named counts once."""


def score(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    scorers: Sequence[Scorer],
    config: ScoreConfig,
) -> list[Completion]:
    """The completions with a reward of each scorer and `total`, their weighted sum.

    `total` is None where any reward is: a sum over what happens to be known would rank completions
    by what is unknown about them. Not a number counts as None.
    """
    unknown = sorted(set(config.weights) - {scorer.name for scorer in scorers})
    if unknown:
        names = ", ".join(scorer.name for scorer in scorers)
        raise ValueError(
            f"weight for {unknown[0]!r}: expected one of the scorers {names or '(none)'}; "
            "add the scorer, or drop its weight"
        )
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    asked = [prompt_of[completion.family, completion.prompt_id] for completion in completions]
    rewards: list[dict[str, float | None]] = [
        dict(completion.rewards) for completion in completions
    ]
    for scorer in scorers:
        values = scorer.score(asked, completions)
        for row, value in zip(rewards, values, strict=True):
            row[scorer.name] = None if value is None or math.isnan(value) else value
    weights = {scorer.name: config.weights.get(scorer.name, 1.0) for scorer in scorers}
    return [
        replace(completion, rewards={**row, "total": _total(row, weights)})
        for completion, row in zip(completions, rewards, strict=True)
    ]


def _total(row: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    parts = [(weight, row[name]) for name, weight in weights.items()]
    if not parts or any(value is None for _, value in parts):
        return None
    return math.fsum(weight * value for weight, value in parts if value is not None)
