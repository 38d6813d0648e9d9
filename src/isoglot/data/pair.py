"""Pairers: the completions of a family become preferences.

Every candidate makes a pair, even one that was cut off or not translated: the filter names it. The
methods that rank need a reward, which no completion has behind a gate of the scorers.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter
from statistics import fmean, pstdev
from typing import Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from isoglot.core.errors import InputError, did_you_mean
from isoglot.core.languages import language
from isoglot.core.records import (
    Completion,
    Preference,
    Prompt,
    content_id,
    prompt_key,
    prompts_by_language,
)
from isoglot.core.section import Section


class PairConfig(Section):
    """Method by which one completion is chosen over another."""

    method: Literal["translated_vs_direct", "best_vs_worst", "best_vs_random", "max_vs_low"] = (
        "translated_vs_direct"
    )
    """`translated_vs_direct` (LIDR) chooses the translated answer of the dominant language over the
    direct one. The others choose the highest reward, over the lowest, over a random one, or over
    the one nearest to the mean less two deviations (`max_vs_low`, CroCo)."""
    dominant_pairs: str = "all"
    """Languages whose back-translations make pairs for the dominant language: `all`, `none`, or one
    tag (translated_vs_direct).

    The released code of LIDR overwrites them language by language, so that only the last survives:
    `fr` reproduces that for its en, es, ru, de, fr."""
    translation_prompts: tuple[str, ...] = ()
    """Families whose prompt is about translation, by their id or by the value of their one `family`
    column: there the dominant completion is chosen as it is (translated_vs_direct)."""
    chosen_language: Literal["any", "not_wrong", "right"] = "any"
    """Language that the chosen completion must have, for the methods that rank, by the reward
    `language_match` (a scorer; its weight may be 0): `not_wrong` accepts an unsure language,
    `right` does not. With both, a completion in a wrong language counts as no better than the worst
    of the others: it may be rejected, whatever its reward, and is never chosen (xLLMs-100,
    arXiv:2406.01771). Such pairs are of type `wrong_language`."""
    reward: str = "total"
    """Reward that ranks, for the methods that rank, and that is kept as score."""
    min_margin: float = Field(0.0, ge=0)
    """Smallest difference of rewards that makes a pair, in units of the reward, for the methods
    that rank; equal rewards never make one."""
    pool: Literal["prompt", "family"] = "prompt"
    """Completions that are ranked together, for the methods that rank: those of one prompt, or of
    all languages of its family, which makes one pair for a family, with the prompt of the chosen
    completion (CroCo's second pool, arXiv:2605.26293)."""
    spliced: float = Field(0.0, ge=0, le=1)
    """Share of the chosen completions that are also preferred to themselves with a sentence of the
    family in another language (language-confusion negatives, `data/splice.py`); such pairs are of
    type `spliced`."""
    seed: int = 0
    """Seed of the random rejected completion (best_vs_random), and of `spliced`."""

    @model_validator(mode="after")
    def _pool_of_a_ranking(self) -> Self:
        if self.pool == "family" and self.method == "translated_vs_direct":
            raise InputError(
                "pair.pool is for the methods that rank, and translated_vs_direct does not: leave "
                "it out, or use best_vs_worst"
            )
        return self

    @field_validator("dominant_pairs")
    @classmethod
    def _tag_or_word(cls, value: str) -> str:
        return value if value in ("all", "none") else language(value).tag


LANGUAGE_MATCH = "language_match"
"""Reward of 1.0 for a completion in the right language, 0.0 in another one, None if unsure."""

WRONG_LANGUAGE = "wrong_language"
"""Type of the pairs whose completion is rejected for its language."""


def check_chosen_language(config: PairConfig, scorers: Sequence[str], gates: Sequence[str]) -> None:
    """Raise InputError where method, scorers or gates leave `chosen_language` without effect."""
    if config.chosen_language == "any":
        return
    if config.method == "translated_vs_direct":
        raise InputError(
            "pair.chosen_language is for the methods that rank, and translated_vs_direct does not: "
            "leave it out, or use best_vs_worst"
        )
    if LANGUAGE_MATCH not in scorers:
        raise InputError(
            "pair.chosen_language needs the scorer language_match: add "
            "`{kind: language_match, weight: 0}` to score.scorers"
        )
    if "wrong_language" in gates:
        raise InputError(
            "pair.chosen_language rejects completions in a wrong language, and the gate "
            "wrong_language keeps them out of the ranking: leave one of them out"
        )


def check_reward(config: PairConfig, scorers: Sequence[str]) -> None:
    """Raise InputError for a reward that no scorer gives, by which nothing could be paired."""
    if config.method == "translated_vs_direct":
        return
    if not scorers:
        raise InputError(
            f"pair.method {config.method} ranks by a reward: add a `score:` section with scorers"
        )
    if config.reward not in (known := ("total", *scorers)):
        hint = did_you_mean(config.reward, known, f"there are {', '.join(known)}")
        raise InputError(f"pair.reward: no scorer is named {config.reward!r}; {hint}")


Pair = tuple[Prompt, Completion, Completion, str]
"""Prompt, chosen and rejected completion, and the type of the pair."""

Pairer = Callable[[Sequence[Prompt], Sequence[Completion], PairConfig, str], list[Pair]]
"""Takes prompts and completions of whole families, the config, and the dominant language."""


def pair_completions(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    config: PairConfig,
    *,
    dominant: str,
    round: int,
) -> list[Preference]:
    """Return the preferences of the configured method, in an order that only content decides.

    `dominant` is the language whose completions are trusted.
    """
    preferences = [
        Preference(
            prompt=prompt.prompt,
            chosen=({"role": "assistant", "content": chosen.text},),
            rejected=({"role": "assistant", "content": rejected.text},),
            family=prompt.family,
            prompt_id=prompt.prompt_id,
            language=prompt.language,
            answer_language=prompt.answer_language,
            chosen_model=chosen.model,
            rejected_model=rejected.model,
            chosen_language=chosen.identified_language,
            rejected_language=rejected.identified_language,
            chosen_finish_reason=chosen.finish_reason,
            rejected_finish_reason=rejected.finish_reason,
            score_chosen=chosen.rewards.get(config.reward),
            score_rejected=rejected.rewards.get(config.reward),
            pair_type=pair_type,
            round=round,
            chosen_thought=chosen.thought,
            rejected_thought=rejected.thought,
        )
        for prompt, chosen, rejected, pair_type in PAIRERS[config.method](
            prompts, completions, config, dominant
        )
    ]
    key = ("family", "answer_language", "prompt_id", "pair_type", "chosen_text", "rejected_text")
    return sorted(preferences, key=attrgetter(*key))


def translated_vs_direct(
    prompts: Sequence[Prompt], completions: Sequence[Completion], config: PairConfig, dominant: str
) -> list[Pair]:
    """Language imbalance as reward (LIDR, arXiv:2410.08964, section 3).

    | prompt | chosen | rejected | pair type |
    |---|---|---|---|
    | x^l | y^en→l | y^l | `dominant_translated` |
    | x^en | y^en | y^l→en | `dominant_kept`, once for each l |
    | x^l about translation | y^en as it is | y^l | `translation_prompt` |

    Completions are matched by sampler and sample. A prompt that wants its answer in the same
    language as the dominant prompt is about translation, too.
    """
    translated = {
        (c.family, c.prompt_id, c.translated_from): c for c in completions if c.translated_from
    }
    prompts_by_language(prompts)  # raises for two of one language
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    direct = {
        (c.family, prompt.language, c.sampler, c.sample): (prompt, c)
        for c in completions
        if c.translated_from is None
        for prompt in [prompt_of[c.family, c.prompt_id]]
    }
    about_translation = {*config.translation_prompts, *map(content_id, config.translation_prompts)}
    pairs: list[Pair] = []
    for (family, tag, sampler, sample), (prompt, own) in direct.items():
        found = direct.get((family, dominant, sampler, sample))
        if tag == dominant or found is None:
            continue
        dominant_prompt, trusted = found
        forth = translated.get((family, prompt.prompt_id, trusted.completion_id))
        back = translated.get((family, dominant_prompt.prompt_id, own.completion_id))
        if family in about_translation or own.language == trusted.language:
            pairs.append((prompt, trusted, own, "translation_prompt"))
        elif forth is not None:
            pairs.append((prompt, forth, own, "dominant_translated"))
        if config.dominant_pairs in ("all", tag) and back is not None:
            pairs.append((dominant_prompt, trusted, back, "dominant_kept"))
    if len({tag for _, tag, _, _ in direct}) > 1 and not translated and not pairs:
        raise InputError(
            "translated_vs_direct: expected translations among the completions, came none; "
            "add a translator to the recipe, or use another `pair.method`"
        )
    return pairs


class _Scored(NamedTuple):
    reward: float
    """Reward that ranks: in a wrong language at most that of the worst other completion."""
    is_right: bool
    """False in a wrong language: such a completion is never above others."""
    completion_id: str
    completion: Completion
    may_be_chosen: bool


def _worst(_rewards: Sequence[float], below: Sequence[_Scored], _: PairConfig) -> _Scored:
    """Reject the lowest reward; at a tie, a completion in a wrong language."""
    return min(below, key=lambda scored: scored[:3])


def _random(_rewards: Sequence[float], below: Sequence[_Scored], config: PairConfig) -> _Scored:
    """Reject a lower reward drawn by `seed` and contents (Zephyr, arXiv:2310.16944, section 3)."""
    return min(below, key=lambda scored: content_id(str(config.seed), scored.completion_id))


def _low(rewards: Sequence[float], below: Sequence[_Scored], _: PairConfig) -> _Scored:
    """Reject the reward closest to mean - 2 standard deviations (CroCo, arXiv:2605.26293).

    It is low, but not the outlier that the worst of many samples is. Mean and deviation are those
    of all rewards of the pool as a population (divided by n), as in the authors' code. With five
    samples or fewer the lowest is always the closest.
    """
    target = fmean(rewards) - 2 * pstdev(rewards)
    return min(below, key=lambda scored: (abs(scored.reward - target), *scored[:3]))


def _ranked(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    config: PairConfig,
    _dominant: str,
    *,
    reject: Callable[[Sequence[float], Sequence[_Scored], PairConfig], _Scored],
) -> list[Pair]:
    """Pair the highest reward of each pool with the completion that `reject` picks below it.

    `reject` is given all rewards of the pool, sorted, and the completions whose reward is lower
    by the margin or that are in a wrong language; where there are none, there is no pair.
    Completions without a reward stay out. A translation with an artefact may be rejected, and is
    never chosen: its scorer did not see the source. Among equals the smallest completion id wins,
    so that the order of the rows does not matter.
    """
    prompt_of = {prompt_key(prompt): prompt for prompt in prompts}
    pools: dict[tuple[str, ...], list[Completion]] = defaultdict(list)
    for completion in completions:
        if completion.rewards.get(config.reward) is not None:
            key = prompt_key(completion)
            pools[key[:1] if config.pool == "family" else key].append(completion)
    pairs = []
    for pool in pools.values():
        candidates = _scored(pool, config)
        choosable = [row for row in candidates if row.may_be_chosen]
        if not choosable:
            continue
        best = min(choosable, key=lambda row: (-row.reward, row.completion_id))
        below = [
            row
            for row in candidates
            if not row.is_right
            or (row.reward < best.reward and best.reward - row.reward >= config.min_margin)
        ]
        if below:
            rejected = reject(sorted(row.reward for row in candidates), below, config)
            kind = config.method if rejected.is_right else WRONG_LANGUAGE
            prompt = prompt_of[prompt_key(best.completion)]
            pairs.append((prompt, best.completion, rejected.completion, kind))
    return pairs


def _scored(completions: Sequence[Completion], config: PairConfig) -> list[_Scored]:
    """Rank the completions of one prompt, those in a wrong language at the bottom."""
    is_any = config.chosen_language == "any"
    match = {each.completion_id: 1.0 if is_any else _language_match(each) for each in completions}
    reward = {each.completion_id: each.rewards[config.reward] or 0.0 for each in completions}
    floor = min((reward[id] for id in reward if match[id] != 0.0), default=math.inf)
    must_be_right = config.chosen_language == "right"
    scored = []
    for each in completions:
        id = each.completion_id
        is_right = match[id] != 0.0
        fits = match[id] == 1.0 if must_be_right else is_right
        worth = reward[id] if is_right else min(reward[id], floor)
        scored.append(_Scored(worth, is_right, id, each, fits and each.artefact is None))
    return scored


def _language_match(completion: Completion) -> float | None:
    if LANGUAGE_MATCH not in completion.rewards:
        raise InputError(
            f"pair.chosen_language: expected the reward {LANGUAGE_MATCH!r} of every completion, "
            f"came {', '.join(completion.rewards) or 'none'}; add language_match to "
            "score.scorers (weight 0 keeps it out of the sum)"
        )
    return completion.rewards[LANGUAGE_MATCH]


PAIRERS: Mapping[str, Pairer] = {
    "translated_vs_direct": translated_vs_direct,
    "best_vs_worst": partial(_ranked, reject=_worst),
    "best_vs_random": partial(_ranked, reject=_random),
    "max_vs_low": partial(_ranked, reject=_low),
}
