"""Scorers give the completions their rewards; a weighted sum with gates combines them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from isoglot.core.answer_language import AnswerLanguage, account_for, thought_languages
from isoglot.core.errors import InputError
from isoglot.core.protocols import LanguageIdentifier, Scorer
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.scorers import ScorerConfig
from isoglot.core.section import Section

Gate = Literal[
    "wrong_language",
    "mixed_language",
    "unknown_language",
    "wrong_thought_language",
    "cut_off",
    "artefact",
]

_LANGUAGE_GATES: Mapping[AnswerLanguage, Gate] = {
    AnswerLanguage.WRONG: "wrong_language",
    AnswerLanguage.MIXED: "mixed_language",
    AnswerLanguage.UNKNOWN: "unknown_language",
}
_THOUGHT_GATE: Gate = "wrong_thought_language"


class ScoreConfig(Section):
    """Scorers, and how their rewards become one."""

    scorers: tuple[ScorerConfig, ...] = Field(min_length=1)
    """Each by its `kind` and settings, or by its name alone where it needs no settings."""
    gates: tuple[Gate, ...] = ()
    """Completions that have no `total`, whatever their rewards: in a wrong language, mixed with
    another language, in a language that the identifier is not sure of, after a thought in a wrong
    language, cut off at the token limit, translated with an artefact. Without the last gate,
    completions with an artefact may still be rejected."""
    gate_reward: float | None = Field(None, allow_inf_nan=False)
    """The `total` of a completion behind a gate, such as 0 or a penalty of -1, which online
    training learns to avoid and pairs may reject; left out, it has none, and takes no part."""

    @field_validator("scorers", mode="before")
    @classmethod
    def _kind_of_name(cls, scorers: Any) -> Any:
        if not isinstance(scorers, list | tuple):
            return scorers
        return tuple({"kind": entry} if isinstance(entry, str) else entry for entry in scorers)

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        names = [scorer.name for scorer in self.scorers]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"{twice[0]!r} names two scorers; give one of them another `name`")
        if "total" in names:
            raise InputError("'total' is the name of the sum; give the scorer another `name`")
        if self.gate_reward is not None and not self.gates:
            raise InputError(
                f"gate_reward {self.gate_reward:g} is the total behind `gates`, got no gates; "
                "name them, such as [wrong_language], or leave it out"
            )
        return self


def score(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    scorers: Sequence[Scorer],
    config: ScoreConfig,
    identifier: LanguageIdentifier | None = None,
) -> list[Completion]:
    """Return the completions with the reward of each scorer and their weighted sum, `total`.

    `scorers` are those of `config.scorers`, in this order; rewards have the names given there. A
    reward that is not finite counts as None. `total` is None where any reward is, since a sum over
    the known ones would rank completions by which are unknown, and `gate_reward` behind a gate. A
    scorer of weight 0 scores and stays out of the sum.

    Raises:
        InputError: a gate of language without an `identifier`.
    """
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    own = [prompt_of[completion.family, completion.prompt_id] for completion in completions]
    rewards: list[dict[str, float | None]] = [dict(each.rewards) for each in completions]
    for scorer, settings in zip(scorers, config.scorers, strict=True):
        for row, value in zip(rewards, scorer.score(own, completions), strict=True):
            row[settings.name] = value if value is not None and math.isfinite(value) else None
    weights = {settings.name: settings.weight for settings in config.scorers if settings.weight}
    gated = _gated(own, completions, config, identifier)
    return [
        replace(
            completion,
            rewards={**row, "total": config.gate_reward if out else _total(row, weights)},
        )
        for completion, row, out in zip(completions, rewards, gated, strict=True)
    ]


def _total(row: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    parts = [(weight, row[name]) for name, weight in weights.items()]
    if not parts or any(value is None for _, value in parts):
        return None
    return math.fsum(weight * value for weight, value in parts if value is not None)


def _gated(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    config: ScoreConfig,
    identifier: LanguageIdentifier | None,
) -> list[bool]:
    """Return True for each completion that a gate keeps out."""
    accounts = [AnswerLanguage.RIGHT] * len(completions)
    thinks_elsewhere = [False] * len(completions)
    wanted = [prompt.answer_language for prompt in prompts]
    by_answer = set(_LANGUAGE_GATES.values()) & set(config.gates)
    if by_answer or _THOUGHT_GATE in config.gates:
        if identifier is None:
            raise InputError(
                f"expected a language identifier for the gates {', '.join(config.gates)}, got "
                "none; give one, or drop the gates of language"
            )
        if by_answer:
            texts = [completion.text for completion in completions]
            accounts = account_for(identifier, texts, wanted)
        if _THOUGHT_GATE in config.gates:
            tags = thought_languages(identifier.identify, completions)
            thinks_elsewhere = [
                tag not in (None, asked) for tag, asked in zip(tags, wanted, strict=True)
            ]
    closed = [
        {
            **{gate: account == kind for kind, gate in _LANGUAGE_GATES.items()},
            _THOUGHT_GATE: thinks,
            "cut_off": completion.finish_reason == FinishReason.LENGTH,
            "artefact": completion.artefact is not None,
        }
        for completion, account, thinks in zip(completions, accounts, thinks_elsewhere, strict=True)
    ]
    return [any(each[gate] for gate in config.gates) for each in closed]
