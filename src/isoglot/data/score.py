"""Scorers give the completions their rewards; a weighted sum with gates makes them one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import field_validator, model_validator

from isoglot.core.errors import InputError
from isoglot.core.protocols import LanguageIdentifier, Scorer, ScorerConfig
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.section import Section

ScorerName = Literal["language_match"]
"""The scorers that need no settings: their name alone stands for them."""

Gate = Literal["wrong_language", "unknown_language", "cut_off", "artefact"]

_OF_LANGUAGE = {"wrong_language", "unknown_language"}


class ScoreConfig(Section):
    """Who scores, and how the rewards of several scorers become one."""

    scorers: tuple[ScorerConfig, ...]
    """Each by its `kind` and settings, or by its name alone where it needs none."""
    gates: tuple[Gate, ...] = ()
    """Completions that have no `total`, whatever their rewards: in another language than the one
    asked for, in a language that the identifier is not sure of, cut off at the token limit,
    translated with an artefact. Without the last one, these may still be rejected."""

    @field_validator("scorers", mode="before")
    @classmethod
    def _names(cls, scorers: Any) -> Any:
        if not isinstance(scorers, list | tuple):
            return scorers
        return tuple({"kind": entry} if isinstance(entry, str) else entry for entry in scorers)

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [scorer.name for scorer in self.scorers]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{twice[0]!r} names two scorers; give one of them another `name`")
        if "total" in names:
            raise InputError("'total' is the name of the sum; give the scorer another `name`")
        return self


def score(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    scorers: Sequence[Scorer],
    config: ScoreConfig,
    identifier: LanguageIdentifier | None = None,
) -> list[Completion]:
    """The completions with a reward of each scorer and `total`, their weighted sum.

    `scorers` are those of `config.scorers`, in this order; their rewards go by the names that stand
    there. `total` is None where any reward is: a sum over what happens to be known would rank
    completions by what is unknown about them. It is None behind a gate, too. What is not finite
    counts as None. A scorer of weight 0 is asked and stays out of the sum. Raises InputError for
    gates of language without an `identifier`.
    """
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    asked = [prompt_of[completion.family, completion.prompt_id] for completion in completions]
    rewards: list[dict[str, float | None]] = [
        dict(completion.rewards) for completion in completions
    ]
    for scorer, settings in zip(scorers, config.scorers, strict=True):
        values = scorer.score(asked, completions)
        for row, value in zip(rewards, values, strict=True):
            row[settings.name] = value if value is not None and math.isfinite(value) else None
    weights = {settings.name: settings.weight for settings in config.scorers if settings.weight}
    outside = _outside(asked, completions, config, identifier)
    return [
        replace(completion, rewards={**row, "total": None if out else _total(row, weights)})
        for completion, row, out in zip(completions, rewards, outside, strict=True)
    ]


def _total(row: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    parts = [(weight, row[name]) for name, weight in weights.items()]
    if not parts or any(value is None for _, value in parts):
        return None
    return math.fsum(weight * value for weight, value in parts if value is not None)


def _outside(
    asked: Sequence[Prompt],
    completions: Sequence[Completion],
    config: ScoreConfig,
    identifier: LanguageIdentifier | None,
) -> list[bool]:
    """Which completions a gate keeps out."""
    tags: list[str | None] = [None] * len(completions)
    if _OF_LANGUAGE & set(config.gates):
        if identifier is None:
            raise InputError(
                f"expected a language identifier for the gates {', '.join(config.gates)}, got "
                "none; give one, or drop the gates of language"
            )
        tags = identifier.identify([completion.text for completion in completions])
    outside = []
    for prompt, completion, tag in zip(asked, completions, tags, strict=True):
        closed = {
            "wrong_language": tag is not None and tag != prompt.answer_language,
            "unknown_language": tag is None,
            "cut_off": completion.finish_reason == FinishReason.LENGTH,
            "artefact": completion.artefact is not None,
        }
        outside.append(any(closed[gate] for gate in config.gates))
    return outside
