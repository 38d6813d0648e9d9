"""The change from one run to another on the same prompts, with paired intervals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean

import numpy as np

from isoglot.core.stats import Measured, estimate, ratio, resampled_values
from isoglot.report.results.rows import MEAN, Interval, Measure, difference, rows_of
from isoglot.report.results.runs import ComparedRun

_Examples = Mapping[tuple[str, str], float | None]
"""Family and prompt id → mean over the answers; None where no answer has a value."""


def changes_between(
    old: ComparedRun, new: ComparedRun, measure: Measure, *, seed: int = 0
) -> dict[str, Interval]:
    """Language, or `mean` over languages → new minus old.

    Paired where the measure is a mean over answers and both folders have their grades: as in an
    evaluation's own changes, an example that only the old run left unknown is kept out, and one
    that the new run left unknown counts as 0; a rating that a judge did not give is not the model's
    fault, and is kept out on either side. Else each language's interval comes from the two marginal
    ones, and the mean has none.
    """
    examples = _examples(old, measure), _examples(new, measure)
    before, after = (rows_of(run.rows, measure) for run in (old, new))
    if all(examples):
        tags = [tag for tag in before if tag in after and tag in examples[0]]
        return _paired(*examples, tags, seed, None if measure.is_rating else 0.0)
    found = {
        tag: difference(after[tag].interval, before[tag].interval) for tag in before if tag in after
    }
    known = {tag: change for tag, change in found.items() if change}
    if not known:
        return {}
    return known | {MEAN: Interval(fmean(change.value or 0.0 for change in known.values()))}


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


def _paired(
    old: Mapping[str, _Examples],
    new: Mapping[str, _Examples],
    tags: list[str],
    seed: int,
    worst: float | None,
) -> dict[str, Interval]:
    """`worst` is the value of an example that only `new` left unknown; None keeps it out."""
    columns: dict[str, tuple[Measured, Measured]] = {}
    for tag in tags:
        pairs = {key: (new[tag].get(key), value) for key, value in old[tag].items()}
        filled = {key: (worst if one is None else one, two) for key, (one, two) in pairs.items()}
        keys = sorted(key for key, pair in filled.items() if None not in pair)
        if not keys:
            continue
        families = [family for family, _ in keys]
        sides = [[(filled[key][place] or 0.0, 1.0) for key in keys] for place in (1, 0)]
        columns[tag] = Measured(families, sides[0]), Measured(families, sides[1])
    if not columns:
        return {}
    flat = [pair[place] for place in (0, 1) for pair in columns.values()]
    before, after = np.split(resampled_values(ratio, flat, seed=seed), 2, axis=1)
    drawn = after - before
    found = {tag: Interval(*estimate(drawn[:, i])) for i, tag in enumerate(columns)}
    return found | {MEAN: Interval(*estimate(drawn.mean(axis=1)))}
