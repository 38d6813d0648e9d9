"""Aggregate grades: results by language, means over languages, and differences to a baseline.

The answers to one family in several languages are parallel, so the bootstrap resamples whole
families, the same for all languages (Miller 2024, arXiv:2411.00640, clustered and paired errors).
The interval of a mean over languages thus accounts for a hard problem being hard in each of them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import nan
from typing import NamedTuple

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import Graded, Result
from isoglot.core.stats import Measured, estimate, p_value, resampled_values, swapped_differences
from isoglot.evals.metric import Metric, Statistics

RESAMPLES = 1000

_TIERS = ("high", "mid", "low")

_Cell = tuple[str, str]  # metric and language
_Draws = Mapping[_Cell, np.ndarray]  # (1 + resamples,): the value as measured, then of each draw


@dataclass(frozen=True, slots=True)
class Difference:
    """New policy minus old one, over the same examples of a language."""

    language: str
    value: float
    low: float
    """`low` and `high` bound the 95 % interval."""
    high: float
    n: int
    unknown: int
    """Examples without a value on the old side, which `n` leaves out."""
    metric: str = ""
    p: float = nan
    """Two-sided p-value of a sign-flip test over families."""


@dataclass(frozen=True, slots=True)
class Group:
    """A value over several languages, and its change where there is a baseline."""

    metric: str
    group: str
    """`mean`, `tier:high`, `tier:mid`, `tier:low`, `worst`, `democratisation`."""
    languages: list[str]
    value: float
    low: float
    high: float
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None


def aggregate(
    graded: Sequence[Graded],
    metrics: Sequence[Metric],
    *,
    task: str,
    trained: Collection[str],
    seed: int,
    signature: str,
    resamples: int = RESAMPLES,
) -> list[Result]:
    """Return one row for each language and metric, in this order.

    Intervals are 95 %. Where nothing is known, value, low and high are NaN and `n` is 0.
    """
    cells = _by_cell(graded)
    known = _measured(cells)
    draws = _draw(known, metrics, seed, resamples)
    results = []
    for tag, metric in product(sorted({tag for _, tag in cells}), metrics):
        cell = (metric.name, tag)
        if cell in cells:
            families = known[cell].families if cell in known else ()
            num = len(set(families))
            found = estimate(draws[cell], num) if cell in draws else (nan, nan, nan)
            n = len(families)
            unknown = len(cells[cell]) - n
            is_trained = tag in trained
            results.append(
                Result(task, tag, is_trained, metric.name, *found, n, unknown, signature)
            )
    return results


def compare(
    new: Sequence[Graded],
    old: Sequence[Graded],
    metrics: Sequence[Metric],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Difference]:
    """Compare two policies on the same examples: new minus old, for each language and metric that
    both have.

    An example that only the old policy left unknown is left out. One that the new policy left
    unknown counts as the metric's `worst`: otherwise a policy that rambles past the token limit
    where the problem is hard would look better than the one it was trained from.

    Raises:
        InputError: the examples differ.
    """
    pairs = _paired(new, old, metrics)
    value_of = {metric.name: metric.value for metric in metrics}
    differences = []
    for cell, changes in _draw_changes(pairs, metrics, seed, resamples).items():
        metric, tag = cell
        sides = pairs[cell]
        swapped = swapped_differences(
            value_of[metric], [sides.new], [sides.old], seed=seed, resamples=resamples
        )
        n, p = len(sides.new.families), p_value(swapped[:, 0])
        found = estimate(changes, len(set(sides.new.families)), between=(-1, 1))
        differences.append(Difference(tag, *found, n, sides.unknown, metric, p))
    return differences


def improved_languages(differences: Sequence[Difference]) -> list[str]:
    """Return the languages whose interval lies above 0; without any, the rounds may stop."""
    return [difference.language for difference in differences if difference.low > 0]


class GroupDraws(NamedTuple):
    """A metric over a group of languages: as measured, then in each bootstrap draw."""

    metric: str
    group: str
    languages: list[str]
    values: np.ndarray
    """(1 + resamples,)"""
    changes: np.ndarray | None
    """Change to the baseline, likewise; None without one, for `worst` and `democratisation`."""
    num_families: int


def aggregate_groups(
    graded: Sequence[Graded],
    metrics: Sequence[Metric],
    *,
    seed: int,
    base: Sequence[Graded] = (),
    resamples: int = RESAMPLES,
) -> list[Group]:
    """Aggregate each metric over groups of languages.

    Groups are the mean over all languages and over each resource tier, the worst language, and
    democratisation, the mean divided by the best (Huang et al. 2024, arXiv:2406.01771, section 4).
    With `base`, rows also have the change to its grades. A group without a language has no row, nor
    has one without a value, such as the democratisation of a metric that is 0 everywhere.
    """
    rows = []
    for drawn in draw_groups(graded, metrics, seed=seed, base=base, resamples=resamples):
        num, change = drawn.num_families, tuple[float, ...]()
        if drawn.changes is not None:
            change = estimate(drawn.changes, num, between=(-1, 1))
        rows.append(Group(*drawn[:3], *estimate(drawn.values, num), *change))
    return rows


def draw_groups(
    graded: Sequence[Graded],
    metrics: Sequence[Metric],
    *,
    seed: int,
    base: Sequence[Graded] = (),
    resamples: int = RESAMPLES,
    more: Mapping[str, Collection[str]] | None = None,
) -> Iterator[GroupDraws]:
    """Yield the draws behind `aggregate_groups`, and of the means over the groups `more` names."""
    known = _measured(_by_cell(graded))
    drawn = _draw(known, metrics, seed, resamples)
    changes: _Draws = {}
    if base:
        changes = _draw_changes(_paired(graded, base, metrics), metrics, seed, resamples)
    for metric in metrics:
        values = {tag: column for (name, tag), column in drawn.items() if name == metric.name}
        moved = {tag: column for (name, tag), column in changes.items() if name == metric.name}
        for group, tags in _groups(sorted(values), more or {}).items():
            if group == "democratisation" and metric.lower_is_better:
                continue
            over = _OVER.get(group, _mean)
            if group == "worst" and metric.lower_is_better:
                over = partial(np.max, axis=0)
            column = over(np.array([values[tag] for tag in tags]))
            paired = [moved[tag] for tag in tags if tag in moved]
            has_change = paired and group not in _OVER
            change = _mean(np.array(paired)) if has_change else None
            if not np.isnan(column[0]):
                families = {each for tag in tags for each in known[metric.name, tag].families}
                yield GroupDraws(metric.name, group, tags, column, change, len(families))


def _groups(tags: Sequence[str], more: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    of_tier = {f"tier:{t}": [tag for tag in tags if language(tag).tier == t] for t in _TIERS}
    groups = {"mean": list(tags), **of_tier, "worst": list(tags), "democratisation": list(tags)}
    groups |= {name: [tag for tag in tags if tag in wanted] for name, wanted in more.items()}
    return {name: tags for name, tags in groups.items() if tags}


def _democratisation(values: np.ndarray) -> np.ndarray:
    best = np.max(values, axis=0)
    return np.divide(np.mean(values, axis=0), best, out=np.full_like(best, nan), where=best > 0)


def _mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=0)


_OVER: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "worst": partial(np.min, axis=0),
    "democratisation": _democratisation,
}


class _Pairs(NamedTuple):
    """Examples of a cell that have a value on both sides."""

    new: Measured
    old: Measured
    unknown: int


def _paired(
    new: Sequence[Graded], old: Sequence[Graded], metrics: Sequence[Metric]
) -> dict[_Cell, _Pairs]:
    both = {row.metric for row in new} & {row.metric for row in old}
    rows_new, rows_old = (
        _by_example([row for row in rows if row.metric in both]) for rows in (new, old)
    )
    if rows_new.keys() != rows_old.keys():
        odd = min(rows_new.keys() ^ rows_old.keys())
        raise InputError(
            f"expected the same examples on both sides, came {len(rows_new)} and "
            f"{len(rows_old)}, differing in prompt {odd[3]}; evaluate both on the same prompts"
        )
    worst_of = {metric.name: metric.worst for metric in metrics}
    shared: dict[_Cell, list[tuple[str, Statistics, Statistics]]] = defaultdict(list)
    unknown: dict[_Cell, int] = defaultdict(int)
    for key in sorted(rows_old):
        name, tag, family, _ = key
        if name not in worst_of:
            continue
        after, before = rows_new[key] or worst_of[name], rows_old[key]
        if after is None or before is None:
            unknown[name, tag] += 1
        else:
            shared[name, tag].append((family, after, before))
    pairs = {}
    for cell, rows in shared.items():
        families, afters, befores = zip(*rows, strict=True)
        pairs[cell] = _Pairs(Measured(families, afters), Measured(families, befores), unknown[cell])
    return pairs


def _draw_changes(
    pairs: Mapping[_Cell, _Pairs], metrics: Sequence[Metric], seed: int, resamples: int
) -> _Draws:
    """Return new minus old, both under the same draws."""
    new = _draw({cell: sides.new for cell, sides in pairs.items()}, metrics, seed, resamples)
    old = _draw({cell: sides.old for cell, sides in pairs.items()}, metrics, seed, resamples)
    return {cell: new[cell] - old[cell] for cell in new}


def _draw(
    known: Mapping[_Cell, Measured], metrics: Sequence[Metric], seed: int, resamples: int
) -> _Draws:
    """Resample families, the same for all languages of a metric."""
    drawn: dict[_Cell, np.ndarray] = {}
    for metric in metrics:
        cells = {cell: rows for cell, rows in known.items() if cell[0] == metric.name}
        if cells:
            measured = list(cells.values())
            columns = resampled_values(metric.value, measured, seed=seed, resamples=resamples)
            drawn |= dict(zip(cells, columns.T, strict=True))
    return drawn


def _by_cell(graded: Iterable[Graded]) -> dict[_Cell, list[Graded]]:
    cells: dict[_Cell, list[Graded]] = defaultdict(list)
    for row in graded:
        cells[row.metric, row.language].append(row)
    return cells


def _measured(cells: Mapping[_Cell, Sequence[Graded]]) -> dict[_Cell, Measured]:
    """Select the answers that have a value, in an order independent of that of the rows."""
    known = {
        cell: sorted((r.family, tuple(r.statistics)) for r in rows if r.statistics is not None)
        for cell, rows in cells.items()
    }
    return {
        cell: Measured([family for family, _ in rows], [sums for _, sums in rows])
        for cell, rows in known.items()
        if rows
    }


def _by_example(graded: Sequence[Graded]) -> dict[tuple[str, str, str, str], Statistics | None]:
    """Map (metric, language, family, prompt id) to its mean statistics; None where unknown."""
    samples: dict[tuple[str, str, str, str], list[Statistics]] = {}
    for row in graded:
        known = samples.setdefault((row.metric, row.language, row.family, row.prompt_id), [])
        if row.statistics is not None:
            known.append(tuple(row.statistics))
    return {
        key: tuple(np.mean(known, axis=0).tolist()) if known else None
        for key, known in samples.items()
    }
