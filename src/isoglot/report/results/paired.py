"""The values of several runs on the examples that they share, with paired changes to the first."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean

import numpy as np

from isoglot.core.stats import Measured, estimate, ratio, resampled_values
from isoglot.report.results.rows import MEAN, Interval, Measure, difference, intervals, rows_of
from isoglot.report.results.runs import ComparedRun

MIN_SHARED = 10
"""Prompts that all runs must have a value for; of fewer, no change is shown."""

_Examples = Mapping[tuple[str, str], float | None]
"""Family and prompt id → mean over the answers; None where no answer has a value."""

_Shared = Mapping[str, Sequence[Measured]]
"""Language → the same examples of each run."""


def compared_values(
    runs: Sequence[ComparedRun], measure: Measure, *, seed: int = 0
) -> list[dict[str, Interval]]:
    """For each run: language, or `mean` over languages → value, and its change from the first run.

    Where the measure is a mean over answers and all folders have their grades, values and changes
    are of the examples that all runs share, and `n` is their number. As in an evaluation's own
    changes, an example that only the first run left unknown is kept out, and one that another run
    left unknown counts as 0 there; a rating that a judge did not give is not the model's fault, and
    is kept out on every side. A language with fewer than `MIN_SHARED` of them has the values of
    each run's own examples, and no change.

    Else values are the runs' own, the interval of a change comes from the two marginal ones, and
    the mean of the changes has none.
    """
    own = [intervals(rows_of(run.rows, measure)) for run in runs]
    examples = [_examples(run, measure) for run in runs]
    if not all(examples):
        return [_marginal(each, own[0] if place else {}) for place, each in enumerate(own)]
    shared = _shared(examples, None if measure.is_rating else 0.0)
    num = {tag: len(columns[0].families) for tag, columns in shared.items()}
    own = [{tag: replace(v, n=num.get(tag, 0)) for tag, v in part.items()} for part in own]
    enough = {tag: columns for tag, columns in shared.items() if num[tag] >= MIN_SHARED}
    found = _paired(enough, len(runs), seed) if enough else [{} for _ in runs]
    return [own_values | values for own_values, values in zip(own, found, strict=True)]


def _marginal(own: Mapping[str, Interval], first: Mapping[str, Interval]) -> dict[str, Interval]:
    """A run's own values, with changes from their intervals and those of the first run."""
    changes = {tag: difference(own[tag], first[tag]) for tag in own if tag in first}
    found = {tag: replace(value, change=changes.get(tag)) for tag, value in own.items()}
    known = [change.value for change in changes.values() if change and change.value is not None]
    if known:
        means = [value.value for value in own.values() if value.value is not None]
        found[MEAN] = Interval(fmean(means), change=Interval(fmean(known)))
    return found


def _examples(run: ComparedRun, measure: Measure) -> dict[str, _Examples]:
    """Language → its examples; empty where they do not make the run's value as their mean."""
    answers: dict[str, dict[tuple[str, str], list[float | None]]] = defaultdict(dict)
    for row in run.grades(measure.task):
        if row.metric == measure.metric:
            key = row.family, row.prompt_id
            answers[row.language].setdefault(key, []).append(row.value)
    for tag, result in rows_of(run.rows, measure).items():
        mean = _mean(value for part in answers.get(tag, {}).values() for value in part)
        if mean is None or result.value is None:
            if mean is not result.value:
                return {}
        elif abs(mean - result.value) > 1e-6:
            return {}
    return {tag: {key: _mean(part) for key, part in rows.items()} for tag, rows in answers.items()}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _shared(examples: Sequence[Mapping[str, _Examples]], worst: float | None) -> _Shared:
    """`worst` is the value of an example that only later runs left unknown; None keeps it out."""
    found = {}
    for tag in examples[0]:
        rows = {
            key: (value, *(_or(other.get(tag, {}).get(key), worst) for other in examples[1:]))
            for key, value in examples[0][tag].items()
        }
        keys = sorted(key for key, values in rows.items() if None not in values)
        if keys and all(tag in other for other in examples):
            families = [family for family, _ in keys]
            sides = zip(*(rows[key] for key in keys), strict=True)
            found[tag] = [Measured(families, [(v or 0.0, 1.0) for v in side]) for side in sides]
    return found


def _or(value: float | None, other: float | None) -> float | None:
    return other if value is None else value


def _paired(shared: _Shared, num_runs: int, seed: int) -> list[dict[str, Interval]]:
    """Draw the same families for every run and language."""
    flat = [columns[place] for place in range(num_runs) for columns in shared.values()]
    drawn = np.split(resampled_values(ratio, flat, seed=seed), num_runs, axis=1)
    families = {tag: set(columns[0].families) for tag, columns in shared.items()}
    families[MEAN] = set(chain.from_iterable(families.values()))
    columns = [dict(zip(families, [*side.T, side.mean(axis=1)], strict=True)) for side in drawn]
    counts = {tag: len(sides[0].families) for tag, sides in shared.items()}
    return [
        {
            tag: Interval(
                *estimate(column, len(families[tag])),
                change=Interval(
                    *estimate(column - columns[0][tag], len(families[tag]), between=(-1, 1))
                )
                if place
                else None,
                n=counts.get(tag),
            )
            for tag, column in side.items()
        }
        for place, side in enumerate(columns)
    ]
