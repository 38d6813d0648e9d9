"""From contests to numbers: win-rates with intervals over seeds and questions, and the findings."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from isoglot.core.records import Outcome
from isoglot.core.stats import (
    Measured,
    estimate,
    mean_known,
    over_seeds,
    ratio,
    resampled_values,
)
from isoglot.evals.aggregate import RESAMPLES
from isoglot.judging.win_rate import WORTH
from isoglot.study.contests import Contest, Key
from isoglot.study.grid import Cell, FindingConfig, languages_of, pairs_of

GROUPS = ("all", "trained", "unseen")

Contests = Mapping[tuple[str, int], Contest]
"""By cell and seed; a run that failed has none."""

_DECIDED = {Outcome.WIN: (1.0, 1.0), Outcome.LOSS: (0.0, 1.0), Outcome.TIE: (0.0, 0.0)}
_RATES = {
    "win_rate": {outcome: (worth, 1.0) for outcome, worth in WORTH.items()},
    "decided_win_rate": _DECIDED,
}
"""The statistics of an outcome under each rate: ties are half a win, or left out."""

Column = tuple[str, str, str]
"""Rate, cell, language."""


@dataclass(frozen=True, slots=True)
class Draws:
    """The win-rates of all cells by one judge, each seed resampled for itself."""

    by_seed: Mapping[int, Mapping[Column, np.ndarray]]
    """(1 + resamples,) each; the same questions are drawn for every cell and language."""
    seed: int
    resamples: int

    def of(self, seed: int, rate: str, cell: Cell, tags: Sequence[str]) -> np.ndarray:
        """The mean over languages (1 + resamples,); NaN where the seed has none of them."""
        known = self.by_seed[seed]
        columns = [known[rate, cell.name, tag] for tag in tags if (rate, cell.name, tag) in known]
        if not columns:
            return np.full(1 + self.resamples, np.nan)
        table = np.stack(columns, axis=1)
        return mean_known(table[:, ~np.isnan(table[0])], axis=1)


def pooled(by_seed: Sequence[np.ndarray], name: str = "value", *, seed: int = 1) -> dict[str, Any]:
    """The mean over seeds as `name`, with its interval, and what each seed has by itself.

    `by_seed` has for each seed (1 + resamples,): as measured, then in each draw.
    """
    values = over_seeds([column[:, None] for column in by_seed], seed=seed)[:, 0]
    found: dict[str, Any] = dict.fromkeys(("value", "low", "high"))
    if not np.isnan(values[0]):
        found = estimate(values)._asdict()
    found["by_seed"] = [None if np.isnan(column[0]) else float(column[0]) for column in by_seed]
    if name == "value":
        return found
    return {name if key == "value" else f"{name}_{key}": value for key, value in found.items()}


def draw(contests: Contests, judge: str, seeds: Sequence[int], *, seed: int = 1,
         resamples: int = RESAMPLES) -> Draws:  # fmt: skip
    """Resample the questions of each seed."""
    by_seed = {}
    for number, each in enumerate(seeds):
        measured: dict[Column, Measured] = {}
        for (cell, of_seed), contest in contests.items():
            if of_seed == each:
                measured |= _columns(cell, contest.outcomes[judge])
        values: Iterable[np.ndarray] = ()
        if measured:  # no two seeds share their draws: their questions are others
            drawn_with = {"seed": seed * 1000 + number, "resamples": resamples}
            values = resampled_values(ratio, list(measured.values()), **drawn_with).T
        by_seed[each] = dict(zip(measured, values, strict=True))
    return Draws(by_seed, seed, resamples)


def _columns(cell: str, outcomes: Mapping[Key, Outcome]) -> Iterator[tuple[Column, Measured]]:
    valid: dict[str, list[tuple[str, Outcome]]] = defaultdict(list)
    for key, outcome in outcomes.items():
        if outcome != Outcome.INVALID:
            valid[key.language].append((key.family, outcome))
    for rate, statistics in _RATES.items():
        for tag, rows in valid.items():
            families = [family for family, _ in rows]
            yield (rate, cell, tag), Measured(families, [statistics[o] for _, o in rows])


def win_rates(cell: Cell, contests: Contests, draws: Draws, judge: str) -> list[dict[str, Any]]:
    """A row for each language, then for the means over all, the trained and the unseen ones."""
    seeds = list(draws.by_seed)
    mine = {seed: contests[cell.name, seed] for seed in seeds if (cell.name, seed) in contests}
    groups = [(tag, [tag]) for tag in cell.recipe.all_languages]
    groups += [(group, languages_of(group, [cell])) for group in GROUPS]
    rows = []
    for name, tags in groups:
        if not tags:
            continue
        counts = Counter(
            outcome
            for contest in mine.values()
            for key, outcome in contest.outcomes[judge].items()
            if key.language in tags
        )
        row = {
            "judge": judge,
            "language": name,
            "trained": name in cell.languages,
            "wins": counts[Outcome.WIN],
            "ties": counts[Outcome.TIE],
            "losses": counts[Outcome.LOSS],
            "invalid": counts[Outcome.INVALID],
            "n": counts.total() - counts[Outcome.INVALID],
            **_off_target(mine.values(), tags),
        }
        for rate in _RATES:
            by_seed = [draws.of(seed, rate, cell, tags) for seed in seeds]
            row |= pooled(by_seed, rate, seed=draws.seed)
        rows.append(row)
    return rows


def finding_row(
    finding: FindingConfig, cells: Sequence[Cell], draws: Draws, judge: str
) -> dict[str, Any]:
    """The difference of the mean win-rates of a finding's cells, and what that says of the claim.

    Cells are compared where they agree on the other axes, and each seed with itself; then the mean
    is taken over both. With `more_than_in` it is how much larger that difference is than in those
    languages. Yes: the whole interval lies above minus the margin. No: none of it does.
    Else undecided.
    """
    pairs = []
    for better, than in pairs_of(finding, cells):
        both = [*better, *than]
        tags = languages_of(finding.languages, both)
        others = languages_of(finding.more_than_in, both) if finding.more_than_in else None
        if tags and others != []:
            pairs.append(_Pair(better, than, tags, others))
    seeds = list(draws.by_seed)
    found = pooled([_difference(draws, seed, pairs) for seed in seeds], seed=draws.seed)
    return {
        "claim": finding.claim,
        "judge": judge,
        "better": finding.model_dump(mode="json")["better"],
        "than": finding.model_dump(mode="json")["than"],
        "languages": finding.languages,
        "more_than_in": finding.more_than_in,
        "margin": finding.margin,
        **found,
        "answer": answer(found["low"], found["high"], finding.margin),
        "num_comparisons": len(pairs),
        "num_seeds": sum(value is not None for value in found["by_seed"]),
    }


def answer(low: float | None, high: float | None, margin: float) -> str:
    """Whether a difference is more than minus the margin: yes, no, or undecided."""
    if low is None or high is None:
        return "undecided"
    if low > -margin:
        return "yes"
    return "no" if high <= -margin else "undecided"


class _Pair(NamedTuple):
    """Two sets of cells, and where their win-rates are taken."""

    better: Sequence[Cell]
    than: Sequence[Cell]
    tags: Sequence[str]
    others: Sequence[str] | None
    """Where the difference is to be smaller; None for a difference by itself."""


def _difference(draws: Draws, seed: int, pairs: Sequence[_Pair]) -> np.ndarray:
    """NaN where a run of any pair is missing: then the seed compares other things than the rest."""

    def mean(cells: Sequence[Cell], tags: Sequence[str]) -> np.ndarray:
        return np.mean([draws.of(seed, "win_rate", cell, tags) for cell in cells], axis=0)

    found = []
    for better, than, tags, others in pairs:
        here = mean(better, tags) - mean(than, tags)
        there = mean(better, others) - mean(than, others) if others else 0.0
        found.append(here - there)
    return np.mean(found, axis=0) if found else np.full(1 + draws.resamples, np.nan)


def _off_target(contests: Any, tags: Sequence[str]) -> dict[str, float | None]:
    rates = [contest.off_target.get(tag, (None, None)) for contest in contests for tag in tags]
    found = {}
    for name, side in (("off_target", 0), ("base_off_target", 1)):
        known = [rate[side] for rate in rates if rate[side] is not None]
        found[name] = float(np.mean(known)) if known else None
    return found
