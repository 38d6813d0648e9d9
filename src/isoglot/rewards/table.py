"""Reward accuracy of a scorer in each language, in and out of distribution.

The reward accuracy of RewardBench (arXiv:2403.13787) on preferences that somebody else has made,
one row for each set and language, and the loss from English to each other language on the same set
(M-RewardBench, arXiv:2410.15522). Equal rewards count as half right, so a scorer that gives all
texts the same reward has an accuracy of 0.5, as chance does.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.protocols import Scorer
from isoglot.core.records import Completion, Preference, Prompt, content_id, prompt_key
from isoglot.core.stats import Measured, estimate, ratio, resampled_values
from isoglot.report.results.rewards import DistributionResult, RewardResult
from isoglot.report.results.rows import MEAN

METRIC = "reward_accuracy"
_ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of a scorer with one preference."""

    family: str
    language: str
    value: float | None
    """1.0 right, 0.0 wrong, 0.5 equal rewards; None where one side has none."""


class RewardTable(NamedTuple):
    """The rows of `reward_table`: set by set, each by language and then `mean`."""

    rows: list[RewardResult]
    distribution: list[DistributionResult]


def rewarded(
    preferences: Sequence[Preference], scorer: Scorer, prompts: Sequence[Prompt] = ()
) -> list[Preference]:
    """Return the preferences with the scorer's rewards of both sides; equal texts are scored once.

    `prompts` hold the gold, by family and id; a preference without one is scored without gold.
    """
    prompt_of = {prompt_key(prompt): prompt for prompt in prompts}
    texts: dict[tuple[str, ...], tuple[Prompt, Completion]] = {}
    keys = []
    for row in preferences:
        ids = prompt_key(row)
        prompt = prompt_of.get(ids) or Prompt(*ids, row.language, row.prompt, row.answer_language)
        chosen = (*ids, row.chosen_text, row.chosen_finish_reason)
        rejected = (*ids, row.rejected_text, row.rejected_finish_reason)
        keys.append((chosen, rejected))
        for key in (chosen, rejected):
            completion = Completion(*ids, row.answer_language, "", 0, *key[2:])
            texts.setdefault(key, (prompt, completion))
    rewards = scorer.score(*zip(*texts.values(), strict=True)) if texts else []
    reward_of = dict(zip(texts, rewards, strict=True))
    return [
        replace(row, score_chosen=reward_of[chosen], score_rejected=reward_of[rejected])
        for row, (chosen, rejected) in zip(preferences, keys, strict=True)
    ]


def agreement_of(row: Preference) -> Agreement:
    """Compare the rewards of both sides of a preference."""
    chosen, rejected = row.score_chosen, row.score_rejected
    value = None
    if chosen is not None and rejected is not None:
        value = 0.5 if chosen == rejected else float(chosen > rejected)
    return Agreement(row.family, row.answer_language, value)


def reward_table(
    sets: Mapping[str, Sequence[Agreement]],
    *,
    in_distribution: Collection[str] = (),
    seed: int,
    resamples: int = 1000,
) -> RewardTable:
    """Compute the reward accuracy on each set in each language, and the losses.

    The bootstrap draws whole families, once for all languages of a set: the loss on parallel sets
    is that on the same prompts. Each set has its own draws, so its rows depend on no other set.

    Raises:
        InputError: `in_distribution` names an unknown set.
    """
    if strange := sorted(set(in_distribution) - set(sets)):
        raise InputError(
            f"expected sets among {', '.join(sets) or '(none)'} to be in distribution, got "
            f"{strange[0]!r}; correct its name"
        )
    drawn = {name: _draw(name, rows, seed, resamples) for name, rows in sets.items()}
    families = {name: _families(rows) for name, rows in sets.items()}
    table = [
        row
        for name, rows in sets.items()
        for row in _rows(name, name in in_distribution, rows, drawn[name])
    ]
    return RewardTable(table, _distribution(drawn, in_distribution, families))


def _draw(
    name: str, agreements: Sequence[Agreement], seed: int, resamples: int
) -> dict[str, np.ndarray]:
    """Language with a value → (1 + resamples,): the accuracy, then that of each draw."""
    known: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in agreements:
        if row.value is not None:
            known[language(row.language).tag].append((row.family, row.value))
    if not known:
        return {}
    tags = sorted(known)
    measured = [
        Measured([family for family, _ in known[tag]], [(value, 1) for _, value in known[tag]])
        for tag in tags
    ]
    own_seed = int(content_id(str(seed), name), 16)
    columns = resampled_values(ratio, measured, seed=own_seed, resamples=resamples)
    return dict(zip(tags, columns.T, strict=True))


def _rows(
    name: str, inside: bool, agreements: Sequence[Agreement], drawn: Mapping[str, np.ndarray]
) -> Iterator[RewardResult]:
    values: dict[str, list[float | None]] = defaultdict(list)
    for row in agreements:
        values[language(row.language).tag].append(row.value)
    families = _families(agreements)
    english = drawn.get(_ENGLISH)
    columns = {tag: (drawn.get(tag), _minus(english, drawn.get(tag))) for tag in sorted(values)}
    if _ENGLISH in columns:
        columns[_ENGLISH] = english, None
    if len(values) > 1 and drawn:
        others = [column for tag, column in drawn.items() if tag != _ENGLISH]
        drop = _minus(english, np.mean(others, axis=0) if others else None)
        columns[MEAN] = np.mean(list(drawn.values()), axis=0), drop
        values[MEAN] = [value for of_language in values.values() for value in of_language]
    for tag, (column, drop) in columns.items():
        value, low, high = _interval(column, families[tag])
        known = [value for value in values[tag] if value is not None]
        yield RewardResult(
            task=name,
            metric=METRIC,
            in_distribution=inside,
            language=tag,
            value=value,
            low=low,
            high=high,
            n=len(known),
            ties=known.count(0.5),
            unknown=len(values[tag]) - len(known),
            **_drop(drop, families[tag]),
        )


def _families(agreements: Sequence[Agreement]) -> dict[str, int]:
    """Count the families with a value, by language and, for `mean`, of all."""
    known: dict[str, set[str]] = defaultdict(set)
    for row in agreements:
        if row.value is not None:
            known[language(row.language).tag].add(row.family)
            known[MEAN].add(row.family)
    return defaultdict(int, {tag: len(families) for tag, families in known.items()})


def _drop(column: np.ndarray | None, families: int) -> dict[str, float | None]:
    interval = _interval(column, families, between=(-1, 1))
    return dict(zip(("drop", "drop_low", "drop_high"), interval, strict=True))


def _interval(
    column: np.ndarray | None, families: int, between: tuple[float, float] = (0, 1)
) -> tuple[float | None, float | None, float | None]:
    """Value and interval; no interval where no draw has a family of every language."""
    if column is None:
        return None, None, None
    if np.isnan(column[1:]).all():
        return float(column[0]), None, None
    return estimate(column, families, between=between)


def _minus(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else one - other


def _distribution(
    drawn: Mapping[str, Mapping[str, np.ndarray]],
    in_distribution: Collection[str],
    families: Mapping[str, Mapping[str, int]],
) -> list[DistributionResult]:
    """The languages that have sets of both kinds, then the mean over them."""
    sides: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = defaultdict(lambda: ([], []))
    for name, columns in drawn.items():
        for tag, column in columns.items():
            sides[tag][name not in in_distribution].append(column)
    both = {
        tag: (np.mean(inside, axis=0), np.mean(outside, axis=0))
        for tag, (inside, outside) in sorted(sides.items())
        if inside and outside
    }
    if len(both) > 1:
        inside, outside = (np.mean(side, axis=0) for side in zip(*both.values(), strict=True))
        both[MEAN] = inside, outside
    return [
        DistributionResult(
            language=tag,
            inside=float(inside[0]),
            outside=float(outside[0]),
            **_drop(inside - outside, min(nums[tag] for nums in families.values() if nums[tag])),
        )
        for tag, (inside, outside) in both.items()
    ]
