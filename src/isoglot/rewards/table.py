"""How robust a scorer is: how often it is right in each language, in and out of distribution.

The reward accuracy of RewardBench (arXiv:2403.13787) on preferences that somebody else has made,
one row for each set and language, and what is lost from English to each other language on the same
set (M-RewardBench, arXiv:2410.15522). Sides with equal rewards count as half right: a scorer that
tells nothing apart stands at 0.5, where a coin does.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.protocols import Scorer
from isoglot.core.records import Completion, Preference, Prompt, content_id
from isoglot.core.stats import Measured, estimate, ratio, resampled_values

ENGLISH = "en"
MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether a scorer, too, puts chosen above rejected."""

    family: str
    language: str
    value: float | None
    """1.0 right, 0.0 wrong, 0.5 equal rewards; None where one side has none."""


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """The reward accuracy on one set in one language. Intervals are 95 %."""

    set: str
    in_distribution: bool
    """Whether the scorer was trained on pairs of this kind."""
    language: str
    """A tag, or `mean` over the languages that have a value, in a set of several languages."""
    value: float | None
    """0 to 1; None, as `low` and `high`, where no pair has rewards on both sides."""
    low: float | None
    high: float | None
    n: int
    ties: int
    """Pairs with equal rewards, half right; part of `n`."""
    unknown: int
    """Pairs with a side that has no reward: kept out of `n`."""
    drop: float | None = None
    """Accuracy in English minus this one, on the same set; in the row `mean`, minus the mean of the
    other languages. None where the set lacks one of the two, and in English."""
    drop_low: float | None = None
    drop_high: float | None = None


@dataclass(frozen=True, slots=True)
class DistributionRow:
    """A language in distribution beside out of it: means over the sets of each kind."""

    language: str
    """A tag, or `mean` over the languages that have both."""
    inside: float
    outside: float
    drop: float | None
    """`inside` minus `outside`, with its 95 % interval."""
    drop_low: float | None
    drop_high: float | None


@dataclass(frozen=True, slots=True)
class RewardTable:
    """What `reward_table` measures; `rows` set by set, each by language and then `mean`."""

    rows: list[RobustnessRow]
    distribution: list[DistributionRow]


def rewarded(
    preferences: Sequence[Preference], scorer: Scorer, prompts: Sequence[Prompt] = ()
) -> list[Preference]:
    """The preferences with a scorer's rewards of both sides; a text that stands there twice is
    scored once.

    `prompts` are asked for by family and id; a preference without one is scored without gold.
    """
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    asked: dict[tuple[str, str, str, str], tuple[Prompt, Completion]] = {}
    for preference in preferences:
        key = preference.family, preference.prompt_id
        prompt = prompt_of.get(key) or _prompt(preference)
        for text, reason in (
            (preference.chosen_text, preference.chosen_finish_reason),
            (preference.rejected_text, preference.rejected_finish_reason),
        ):
            completion = Completion(*key, preference.answer_language, "", 0, text, reason)
            asked.setdefault((*key, text, reason), (prompt, completion))
    rewards = scorer.score(*zip(*asked.values(), strict=True)) if asked else []
    reward_of = dict(zip(asked, rewards, strict=True))
    found = []
    for row in preferences:
        key = row.family, row.prompt_id
        chosen = reward_of[*key, row.chosen_text, row.chosen_finish_reason]
        rejected = reward_of[*key, row.rejected_text, row.rejected_finish_reason]
        found.append(replace(row, score_chosen=chosen, score_rejected=rejected))
    return found


def agreement(row: Preference) -> Agreement:
    """What the rewards that stand beside a preference say of it."""
    value = _agreement(row.score_chosen, row.score_rejected)
    return Agreement(row.family, row.answer_language, value)


def agreements(
    preferences: Sequence[Preference], scorer: Scorer, prompts: Sequence[Prompt] = ()
) -> list[Agreement]:
    """What a scorer says of each preference, as `rewarded` asks it."""
    return [agreement(row) for row in rewarded(preferences, scorer, prompts)]


def reward_table(
    sets: Mapping[str, Sequence[Agreement]],
    *,
    in_distribution: Collection[str] = (),
    seed: int,
    resamples: int = 1000,
) -> RewardTable:
    """Reward accuracy of each set and language, what English loses, and what other sets lose.

    The bootstrap draws whole families, once for all languages of a set: in parallel sets the drop
    is that on the same questions. Sets are drawn apart, and a set's rows depend on no other's.

    Raises:
        InputError: `in_distribution` names a set that there is not.
    """
    if strange := sorted(set(in_distribution) - set(sets)):
        raise InputError(
            f"expected sets among {', '.join(sets) or '(none)'} to be in distribution, got "
            f"{strange[0]!r}; correct its name"
        )
    drawn = {name: _draw(name, rows, seed, resamples) for name, rows in sets.items()}
    table = [
        row
        for name, rows in sets.items()
        for row in _rows(name, name in in_distribution, rows, drawn[name])
    ]
    return RewardTable(table, _distribution(drawn, in_distribution))


def _prompt(preference: Preference) -> Prompt:
    ids = (preference.family, preference.prompt_id, preference.language)
    return Prompt(*ids, preference.prompt, preference.answer_language)


def _agreement(chosen: float | None, rejected: float | None) -> float | None:
    if chosen is None or rejected is None:
        return None
    return 0.5 if chosen == rejected else float(chosen > rejected)


def _draw(
    name: str, agreements: Sequence[Agreement], seed: int, resamples: int
) -> dict[str, np.ndarray]:
    """Of each language with a value (1 + resamples,): the accuracy, then that of each draw."""
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
) -> list[RobustnessRow]:
    of_language: dict[str, list[float | None]] = defaultdict(list)
    for row in agreements:
        of_language[language(row.language).tag].append(row.value)
    english = drawn.get(ENGLISH)
    rows = []
    for tag in sorted(of_language):
        values = of_language[tag]
        drop = None if english is None or tag == ENGLISH else _minus(english, drawn.get(tag))
        rows.append(_row(name, inside, tag, values, drawn.get(tag), drop))
    if len(of_language) > 1 and drawn:
        others = [column for tag, column in drawn.items() if tag != ENGLISH]
        drop = _minus(english, np.mean(others, axis=0) if others else None)
        everything = [value for values in of_language.values() for value in values]
        mean = np.mean(list(drawn.values()), axis=0)
        rows.append(_row(name, inside, MEAN, everything, mean, drop))
    return rows


def _row(
    name: str,
    inside: bool,
    tag: str,
    values: Sequence[float | None],
    column: np.ndarray | None,
    drop: np.ndarray | None,
) -> RobustnessRow:
    known = [value for value in values if value is not None]
    value, low, high = _estimate(column)
    lost, lost_low, lost_high = _estimate(drop)
    return RobustnessRow(
        set=name,
        in_distribution=inside,
        language=tag,
        value=value,
        low=low,
        high=high,
        n=len(known),
        ties=known.count(0.5),
        unknown=len(values) - len(known),
        drop=lost,
        drop_low=lost_low,
        drop_high=lost_high,
    )


def _estimate(column: np.ndarray | None) -> tuple[float | None, float | None, float | None]:
    """Value and interval; no interval where no draw has a family of every language."""
    if column is None:
        return None, None, None
    if np.isnan(column[1:]).all():
        return float(column[0]), None, None
    return estimate(column)


def _minus(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else one - other


def _distribution(
    drawn: Mapping[str, Mapping[str, np.ndarray]], in_distribution: Collection[str]
) -> list[DistributionRow]:
    """The languages that stand on both sides, each a mean over sets, and the mean over them."""
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
        both[MEAN] = (
            np.mean([inside for inside, _ in both.values()], axis=0),
            np.mean([outside for _, outside in both.values()], axis=0),
        )
    return [
        DistributionRow(tag, float(inside[0]), float(outside[0]), *_estimate(inside - outside))
        for tag, (inside, outside) in both.items()
    ]
