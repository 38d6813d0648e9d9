"""What changed from one run to another on the same prompts, with paired intervals."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from isoglot.core.stats import Measured, estimate, ratio, resampled_values
from isoglot.report.results.measures import (
    GRADES,
    Change,
    Measure,
    marginal_change,
    number,
    scale_of,
)
from isoglot.report.results.old_evaluation import by_language
from isoglot.report.results.runs import Run, read_grades

MEAN = "mean"

Examples = Mapping[tuple[str, str], float | None]
"""Family and prompt id → mean over the answers; None where no answer has a value."""


def changes_between(old: Run, new: Run, measure: Measure, *, seed: int = 0) -> dict[str, Change]:
    """Language, or `mean` over languages → new minus old.

    Paired where the measure is a mean over answers and both folders have their grades: as in an
    evaluation's own changes, an example that only the old run left unknown is kept out, and one
    that the new run left unknown counts as 0; a grade that a judge did not give is none of the
    model's, and is kept out on either side. Else each language's interval comes from the two
    marginal ones, and the mean has none.
    """
    sides = [_examples(run, measure) for run in (old, new)]
    rows = [by_language(run.rows, measure) for run in (old, new)]
    tags = [tag for tag in rows[0] if tag in rows[1]]
    if all(sides):
        tags = [tag for tag in tags if tag in sides[0]]
        worst = None if scale_of(measure.metric) is GRADES else 0.0
        return _paired(sides[0], sides[1], tags, seed, worst)
    found = {tag: marginal_change(tag, rows[0][tag], rows[1][tag]) for tag in tags}
    known = {tag: change for tag, change in found.items() if change}
    if known:
        mean = float(np.mean([change.value for change in known.values()]))
        known[MEAN] = Change(MEAN, mean, None, None, len(known))
    return known


def _examples(run: Run, measure: Measure) -> dict[str, Examples]:
    """Language → its examples; empty where they do not make the run's value as their mean."""
    answers: dict[str, dict[tuple[str, str], list[float | None]]] = defaultdict(dict)
    for row in read_grades(run, measure.task):
        if row["metric"] == measure.metric:
            key = str(row["family"]), str(row["prompt_id"])
            answers[row["language"]].setdefault(key, []).append(row["value"])
    for tag, row in by_language(run.rows, measure).items():
        known = [v for part in answers.get(tag, {}).values() for v in part if v is not None]
        value = number(row)
        mean = _mean(known)
        if value is None or mean is None:
            if value is not mean:
                return {}
        elif abs(mean - value) > 1e-6:
            return {}
    return {tag: {key: _mean(part) for key, part in rows.items()} for tag, rows in answers.items()}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _paired(
    old: Mapping[str, Examples],
    new: Mapping[str, Examples],
    tags: list[str],
    seed: int,
    worst: float | None,
) -> dict[str, Change]:
    """`worst` is what an example counts that only `new` left unknown; None keeps it out."""
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
    flat = [side for place in (0, 1) for side in (pair[place] for pair in columns.values())]
    before, after = np.split(resampled_values(ratio, flat, seed=seed), 2, axis=1)
    drawn = after - before
    found = {tag: Change(tag, *estimate(drawn[:, i])) for i, tag in enumerate(columns)}
    return found | {MEAN: Change(MEAN, *estimate(drawn.mean(axis=1)), len(columns))}
