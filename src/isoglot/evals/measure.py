"""From graded answers to numbers: each language, the means over languages, and what changed.

Answers to one family in several languages are parallel, so the bootstrap draws whole families, once
for all languages (Miller 2024, arXiv:2411.00640, clustered and paired errors): the interval of a
mean over languages knows that a hard problem is hard in each of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import Graded, Result
from isoglot.core.stats import (
    Measured,
    estimate,
    p_value,
    resampled_values,
    swapped_differences,
)
from isoglot.evals.metric import Metric, Statistics

RESAMPLES = 1000

_TIERS = ("high", "mid", "low")

Cell = tuple[str, str]
"""Metric and language."""

Drawn = Mapping[Cell, np.ndarray]
"""Of each cell (1 + resamples,): its value as measured, then in each draw of the bootstrap."""


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
    metric: str = ""
    p: float = nan
    """Two-sided p-value of a sign-flip test over families."""


@dataclass(frozen=True, slots=True)
class Group:
    """One number over several languages, and what it changed by where there is a baseline."""

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


def summarise(
    graded: Sequence[Graded],
    metrics: Sequence[Metric],
    *,
    task: str,
    trained: Collection[str],
    seed: int,
    signature: str,
    resamples: int = RESAMPLES,
) -> list[Result]:
    """A row for each language and metric, in this order.

    Intervals are 95 %. Where nothing is known, value, low and high are NaN and `n` is 0.
    """
    asked = _by_cell(graded)
    known = _measured(asked)
    drawn = _draw(known, metrics, seed, resamples)
    results = []
    for tag in sorted({tag for _, tag in asked}):
        for cell in ((metric.name, tag) for metric in metrics):
            if cell not in asked:
                continue
            found = estimate(drawn[cell]) if cell in drawn else (nan, nan, nan)
            num_known = len(known[cell].families) if cell in known else 0
            results.append(
                Result(
                    task,
                    tag,
                    tag in trained,
                    cell[0],
                    *found,
                    n=num_known,
                    unknown=len(asked[cell]) - num_known,
                    signature=signature,
                )
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
    """New minus old over the same examples, for each language and metric.

    An example that only the old policy left unknown is kept out. One that the new policy left
    unknown counts as the metric's `worst`: else a policy that rambles past the token limit where
    the problem is hard would look better than the one that it came from. Raises InputError where
    the examples differ.
    """
    pairs = _paired(new, old, metrics)
    drawn = _draw_changes(pairs, metrics, seed, resamples)
    value_of = {metric.name: metric.value for metric in metrics}
    differences = []
    for cell in drawn:
        metric, tag = cell
        sides, draws = pairs[cell], {"seed": seed, "resamples": resamples}
        swapped = swapped_differences(value_of[metric], [sides.new], [sides.old], **draws)
        value, low, high = estimate(drawn[cell])
        n, unknown = len(sides.new.families), sides.unknown
        differences.append(
            Difference(tag, value, low, high, n, unknown, metric, p_value(swapped[:, 0]))
        )
    return differences


def gains(differences: Sequence[Difference]) -> list[str]:
    """The languages that got better beyond their interval; none is the sign to stop the rounds."""
    return [difference.language for difference in differences if difference.low > 0]


class GroupDraws(NamedTuple):
    """A metric over a group of languages: as measured, then in each draw of the bootstrap."""

    metric: str
    group: str
    languages: list[str]
    values: np.ndarray
    """(1 + resamples,)"""
    changes: np.ndarray | None
    """To the baseline, (1 + resamples,); None without one, and of `worst` and `democratisation`."""


def summarise_groups(
    graded: Sequence[Graded],
    metrics: Sequence[Metric],
    *,
    seed: int,
    base: Sequence[Graded] = (),
    resamples: int = RESAMPLES,
) -> list[Group]:
    """For each metric: the mean over languages and over each resource tier, the worst language, and
    democratisation, the mean over the best (Huang et al. 2024, arXiv:2406.01771, section 4).

    With `base`, also the changes to its grades. A group of no language has no row, nor has one
    without a value, as the democratisation of a metric that is 0 everywhere.
    """
    rows = []
    for drawn in draw_groups(graded, metrics, seed=seed, base=base, resamples=resamples):
        change = () if drawn.changes is None else estimate(drawn.changes)
        rows.append(Group(*drawn[:3], *estimate(drawn.values), *change))
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
    """What `summarise_groups` has intervals of, and the means over `more` groups by their name."""
    drawn = _draw(_measured(_by_cell(graded)), metrics, seed, resamples)
    changes: Drawn = {}
    if base:
        changes = _draw_changes(_paired(graded, base, metrics), metrics, seed, resamples)
    for metric in metrics:
        cells = {tag: column for (name, tag), column in drawn.items() if name == metric.name}
        moved = {tag: column for (name, tag), column in changes.items() if name == metric.name}
        for group, tags in _groups(sorted(cells), more or {}).items():
            if group == "democratisation" and metric.lower_is_better:
                continue
            over = _OVER.get(group, _mean_over)
            if group == "worst" and metric.lower_is_better:
                over = _highest
            column = over(np.array([cells[tag] for tag in tags]))
            if not np.isnan(column[0]):
                yield GroupDraws(metric.name, group, tags, column, _change(group, tags, moved))


def _groups(tags: Sequence[str], more: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Name of each group → its languages."""
    groups = {"mean": list(tags)}
    for tier in _TIERS:
        groups[f"tier:{tier}"] = [tag for tag in tags if language(tag).tier == tier]
    groups |= {"worst": list(tags), "democratisation": list(tags)}
    groups |= {name: [tag for tag in tags if tag in wanted] for name, wanted in more.items()}
    return {name: tags for name, tags in groups.items() if tags}


def _mean_over(values: np.ndarray) -> np.ndarray:
    return np.mean(values, axis=0)


def _worst_over(values: np.ndarray) -> np.ndarray:
    return np.min(values, axis=0)


def _highest(values: np.ndarray) -> np.ndarray:
    return np.max(values, axis=0)


def _democratisation(values: np.ndarray) -> np.ndarray:
    best = np.max(values, axis=0)
    return np.divide(np.mean(values, axis=0), best, out=np.full_like(best, nan), where=best > 0)


_OVER = {"worst": _worst_over, "democratisation": _democratisation}


def _change(group: str, tags: Sequence[str], moved: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Mean change of a group of languages in each draw; worst and democratisation have none."""
    columns = [moved[tag] for tag in tags if tag in moved]
    return _mean_over(np.array(columns)) if columns and group not in _OVER else None


class _Pairs(NamedTuple):
    """The examples of a cell that both sides have a value for."""

    new: Measured
    old: Measured
    unknown: int


def _paired(
    new: Sequence[Graded], old: Sequence[Graded], metrics: Sequence[Metric]
) -> dict[Cell, _Pairs]:
    rows_new, rows_old = _by_example(new), _by_example(old)
    if rows_new.keys() != rows_old.keys():
        odd = min(rows_new.keys() ^ rows_old.keys())
        raise InputError(
            f"expected the same examples on both sides, came {len(rows_new)} and "
            f"{len(rows_old)}, differing in prompt {odd[3]}; evaluate both on the same prompts"
        )
    worst_of = {metric.name: metric.worst for metric in metrics}
    shared: dict[Cell, list[tuple[str, Statistics, Statistics]]] = defaultdict(list)
    unknown: dict[Cell, int] = defaultdict(int)
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
    pairs: Mapping[Cell, _Pairs], metrics: Sequence[Metric], seed: int, resamples: int
) -> Drawn:
    """New minus old, both under the same draws."""
    new = _draw({cell: sides.new for cell, sides in pairs.items()}, metrics, seed, resamples)
    old = _draw({cell: sides.old for cell, sides in pairs.items()}, metrics, seed, resamples)
    return {cell: new[cell] - old[cell] for cell in new}


def _draw(
    known: Mapping[Cell, Measured], metrics: Sequence[Metric], seed: int, resamples: int
) -> Drawn:
    """One draw of families for all languages of a metric."""
    drawn: dict[Cell, np.ndarray] = {}
    for metric in metrics:
        cells = [cell for cell in known if cell[0] == metric.name]
        if not cells:
            continue
        columns = resampled_values(
            metric.value, [known[cell] for cell in cells], seed=seed, resamples=resamples
        )
        drawn |= dict(zip(cells, columns.T, strict=True))
    return drawn


def _by_cell(graded: Iterable[Graded]) -> dict[Cell, list[Graded]]:
    cells: dict[Cell, list[Graded]] = defaultdict(list)
    for row in graded:
        cells[row.metric, row.language].append(row)
    return cells


def _measured(cells: Mapping[Cell, Sequence[Graded]]) -> dict[Cell, Measured]:
    """The answers that have a value, in an order that the order of the rows does not change."""
    known = {
        cell: sorted((r.family, tuple(r.statistics)) for r in rows if r.statistics is not None)
        for cell, rows in cells.items()
    }
    return {
        cell: Measured([family for family, _ in rows], [sums for _, sums in rows])
        for cell, rows in known.items()
        if rows
    }


def _by_example(
    graded: Sequence[Graded],
) -> dict[tuple[str, str, str, str], Statistics | None]:
    """(metric, language, family, prompt id) → statistics, a mean over samples; None: not known."""
    samples: dict[tuple[str, str, str, str], list[Statistics]] = {}
    for row in graded:
        known = samples.setdefault((row.metric, row.language, row.family, row.prompt_id), [])
        if row.statistics is not None:
            known.append(tuple(row.statistics))
    return {
        key: tuple(np.mean(known, axis=0).tolist()) if known else None
        for key, known in samples.items()
    }
