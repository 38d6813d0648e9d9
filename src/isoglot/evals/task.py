"""From completions to numbers: grade each example, then one row for each language and metric."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal

from isoglot.core.records import Completion, FinishReason, Preference, Prompt, Result
from isoglot.core.section import Section
from isoglot.core.stats import interval_mean, paired_difference
from isoglot.evals.grade import Grader, GraderName
from isoglot.models.protocols import LanguageIdentifier, Sampling

OFF_TARGET = "off_target_rate"

CutOff = Literal["unknown", "wrong"]


class TaskConfig(Section):
    """A benchmark: prompts with gold answers, how they are answered, and how that is graded."""

    name: str
    grader: GraderName = "last_number"
    metric: str = "accuracy"
    """What the mean of the grades is called."""
    decoding: Sampling = Sampling()
    cut_off: CutOff = "unknown"
    """What an answer is that ended at the token limit: kept out of the mean and counted beside it,
    or 0, as most published tables have it. Either way it cannot make a gain: see `compare`."""


@dataclass(frozen=True, slots=True)
class Graded:
    """What one completion is worth."""

    family: str
    prompt_id: str
    language: str
    """The language that was asked for."""
    value: float | None
    """0 to 1; None where it is unknown: cut off, failed, or not gradable."""
    off_target: float | None
    """1.0 for an answer in another language than asked, 0.0 for the one asked; None when unsure."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better the new policy is than the old one on the same examples of a language."""

    language: str
    value: float
    low: float
    high: float
    """`low` and `high` bound the 95 % interval."""
    n: int
    unknown: int
    """Examples without a value on the old side: kept out of `n`."""


@dataclass(frozen=True, slots=True)
class RewardAccuracy:
    """How often the grader, too, puts chosen above rejected, among pairs that it tells apart."""

    language: str
    """A tag, or `all`."""
    value: float | None
    """0 to 1; None, as `low` and `high`, where the grader tells no pair apart."""
    low: float | None
    high: float | None
    n: int
    ties: int
    """Pairs whose sides are graded alike: kept out of `n`."""
    unknown: int
    """Pairs with a side that has no grade, or whose prompt has no gold answer: kept out of `n`."""


def grade_completions(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    grader: Grader,
    *,
    cut_off: CutOff = "unknown",
) -> list[Graded]:
    """One row for each completion; every prompt must have a gold answer and a completion.

    The language of half an answer counts, that of a failed one does not.
    """
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    missing = prompt_of.keys() - {(c.family, c.prompt_id) for c in completions}
    if missing:
        raise ValueError(
            f"expected a completion for each of {len(prompt_of)} prompts, {len(missing)} have "
            f"none, as prompt {min(missing)[1]}; complete the file of completions"
        )
    identified = identifier.identify([completion.text for completion in completions])
    graded = []
    for completion, tag in zip(completions, identified, strict=True):
        prompt = prompt_of[completion.family, completion.prompt_id]
        failed = completion.finish_reason == FinishReason.ERROR
        graded.append(
            Graded(
                family=completion.family,
                prompt_id=completion.prompt_id,
                language=completion.language,
                value=_value(prompt, completion, grader, cut_off),
                off_target=None if failed or tag is None else float(tag != completion.language),
            )
        )
    return graded


def summarise(
    graded: Sequence[Graded],
    *,
    task: str,
    metric: str,
    trained: Collection[str],
    seed: int,
    signature: str,
    resamples: int = 1000,
) -> list[Result]:
    """Two rows for each language, in their order: the mean grade, and the off-target rate.

    Intervals are 95 %, a bootstrap over families. Where nothing is known, value, low and high are
    NaN and `n` is 0.
    """
    results = []
    for tag, rows in _by_language(graded).items():
        measured = ((metric, [r.value for r in rows]), (OFF_TARGET, [r.off_target for r in rows]))
        for name, values in measured:
            known = [(v, r.family) for v, r in zip(values, rows, strict=True) if v is not None]
            value, low, high = _mean(known, seed, resamples) or (nan, nan, nan)
            results.append(
                Result(
                    task=task,
                    language=tag,
                    trained=tag in trained,
                    metric=name,
                    value=value,
                    low=low,
                    high=high,
                    n=len(known),
                    unknown=len(rows) - len(known),
                    signature=signature,
                )
            )
    return results


def compare(
    new: Sequence[Graded], old: Sequence[Graded], *, seed: int, resamples: int = 1000
) -> list[Difference]:
    """Mean of new minus old over the same examples, for each language.

    An example that only the old policy left unknown is kept out. One that the new policy left
    unknown counts as 0: else a policy that rambles past the token limit where the problem is hard
    would look better than the one that it came from. Raises ValueError where the examples differ.
    """
    values_new, values_old = _mean_by_example(new), _mean_by_example(old)
    if values_new.keys() != values_old.keys():
        odd = min(values_new.keys() ^ values_old.keys())
        raise ValueError(
            f"expected the same examples on both sides, came {len(values_new)} and "
            f"{len(values_old)}, differing in prompt {odd[2]}; evaluate both on the same prompts"
        )
    differences = []
    for tag in sorted({key[0] for key in values_old}):
        keys = sorted(key for key, value in values_old.items() if key[0] == tag)
        known = [key for key in keys if values_old[key] is not None]
        if not known:
            continue
        value, low, high = paired_difference(
            [values_new[key] or 0.0 for key in known],
            [values_old[key] for key in known],
            [family for _, family, _ in known],
            seed=seed,
            resamples=resamples,
        )
        differences.append(Difference(tag, value, low, high, len(known), len(keys) - len(known)))
    return differences


def gains(differences: Sequence[Difference]) -> list[str]:
    """The languages that got better beyond their interval; none is the sign to stop the rounds."""
    return [difference.language for difference in differences if difference.low > 0]


Agreement = tuple[str, str, float | None]
"""Language and family of a pair, and whether the grader agrees with it: 1.0, 0.0, a tie 0.5."""


def agreements(
    preferences: Sequence[Preference], prompts: Sequence[Prompt], grader: Grader
) -> list[Agreement]:
    """What the grader says of each pair of a shard; None where a side or the gold is unknown."""
    gold_of = {(prompt.family, prompt.prompt_id): prompt.gold for prompt in prompts}
    return [
        (p.language, p.family, _agreement(p, gold_of[p.family, p.prompt_id], grader))
        for p in preferences
    ]


def reward_accuracy(
    agreed: Sequence[Agreement], *, seed: int, resamples: int = 1000
) -> list[RewardAccuracy]:
    """How often the pairing rule agrees with the grader: one row for each language, then `all`."""
    outcomes: dict[str, list[tuple[float | None, str]]] = defaultdict(list)
    for language, family, agrees in agreed:
        for tag in (language, "all"):
            outcomes[tag].append((agrees, family))
    rows = []
    for tag in sorted(outcomes, key=lambda tag: (tag == "all", tag)):
        known = [(value, family) for value, family in outcomes[tag] if value is not None]
        ranked = sorted((value, family) for value, family in known if value != 0.5)
        value, low, high = _mean(ranked, seed, resamples) or (None, None, None)
        unknown = len(outcomes[tag]) - len(known)
        rows.append(
            RewardAccuracy(tag, value, low, high, len(ranked), len(known) - len(ranked), unknown)
        )
    return rows


def _agreement(preference: Preference, gold: str | None, grader: Grader) -> float | None:
    """1.0 where the grader ranks chosen above rejected, 0.0 below, 0.5 a tie, None unknown."""
    if gold is None:
        return None
    chosen = grader(preference.chosen_text, gold)
    rejected = grader(preference.rejected_text, gold)
    if chosen is None or rejected is None:
        return None
    return 0.5 if chosen == rejected else float(chosen > rejected)


def _value(prompt: Prompt, completion: Completion, grader: Grader, cut_off: CutOff) -> float | None:
    if prompt.gold is None:
        raise ValueError(
            f"prompt {prompt.prompt_id} ({prompt.text[:40]!r}): expected a gold answer, came none; "
            "name its column in `columns.gold`"
        )
    if completion.finish_reason == FinishReason.LENGTH:
        return 0.0 if cut_off == "wrong" else None
    if completion.finish_reason == FinishReason.ERROR:
        return None
    return grader(completion.text, prompt.gold)


def _by_language(graded: Sequence[Graded]) -> dict[str, list[Graded]]:
    """Rows by language, in an order that the order of the rows does not change."""
    rows: dict[str, list[Graded]] = defaultdict(list)
    for row in sorted(graded, key=lambda r: (r.language, r.family, r.prompt_id)):
        rows[row.language].append(row)
    return rows


def _mean(
    known: Sequence[tuple[float, str]], seed: int, resamples: int
) -> tuple[float, float, float] | None:
    """Mean, low, high; None of nothing."""
    if not known:
        return None
    values, families = zip(*known, strict=True)
    low, high = interval_mean(values, families, seed=seed, resamples=resamples)
    return sum(values) / len(values), low, high


def _mean_by_example(graded: Sequence[Graded]) -> Mapping[tuple[str, str, str], float | None]:
    """Mean over the samples of each (language, family, prompt id); None where none is known."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for row in graded:
        known = values.setdefault((row.language, row.family, row.prompt_id), [])
        if row.value is not None:
            known.append(row.value)
    return {key: sum(known) / len(known) if known else None for key, known in values.items()}
