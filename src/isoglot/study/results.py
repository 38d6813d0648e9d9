"""Win rates of a study with intervals over seeds and examples, and the findings from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from isoglot.core.records import Outcome
from isoglot.core.stats import Measured, estimate, mean_known, over_seeds, ratio, resampled_values
from isoglot.evals.aggregate import RESAMPLES
from isoglot.judging.win_rate import WORTH
from isoglot.report.results.study import Answer, StudyFinding, StudyWinRate
from isoglot.study.contests import Contest, ExampleKey
from isoglot.study.grid import FindingConfig, GridCell, compared_cells, group_languages

Contests = Mapping[tuple[str, int], Contest]
"""Cell and seed → contest; a run that failed has none."""

_GROUPS = ("all", "trained", "unseen")
_RATES = {
    "win_rate": {outcome: (worth, 1.0) for outcome, worth in WORTH.items()},
    "decided_win_rate": {o: (float(w == 1), float(w != 0.5)) for o, w in WORTH.items()},
}
"""The statistics of an outcome in each rate: ties are half a win, or left out."""

_Column = tuple[str, str, str]
"""Rate, cell, language."""


@dataclass(frozen=True, slots=True)
class Draws:
    """The win rates of all cells by one judge, with the examples of each seed resampled."""

    by_seed: Mapping[int, Mapping[_Column, np.ndarray]]
    """(1 + resamples,) each; the same examples are drawn for every cell and language."""
    num_families: int
    """Families of examples of the seed with the fewest."""
    seed: int
    resamples: int

    def of(self, seed: int, rate: str, cell: GridCell, tags: Sequence[str]) -> np.ndarray:
        """Return the mean over languages (1 + resamples,); NaN where the seed has none of them."""
        known = self.by_seed[seed]
        columns = [known[rate, cell.name, tag] for tag in tags if (rate, cell.name, tag) in known]
        if not columns:
            return np.full(1 + self.resamples, np.nan)
        table = np.stack(columns, axis=1)
        return mean_known(table[:, ~np.isnan(table[0])], axis=1)


def pooled(
    by_seed: Sequence[np.ndarray],
    name: str = "value",
    *,
    families: int,
    seed: int = 1,
    between: tuple[float, float] = (0.0, 1.0),
) -> dict[str, Any]:
    """Return the mean over seeds as `name`, its interval, and the value of each seed.

    `by_seed` has for each seed (1 + resamples,): as measured, then in each draw. The keys are those
    of a row: NAME, NAME_low, NAME_high and NAME_by_seed, without NAME_ for `value`. `families` are
    those of one seed, and `between` the least and the greatest value, see `stats.estimate`.
    """
    values = over_seeds([column[:, None] for column in by_seed], seed=seed)[:, 0]
    value = low = high = None
    if not np.isnan(values[0]):
        value, low, high = estimate(values, families, between=between)
    each = [None if np.isnan(column[0]) else float(column[0]) for column in by_seed]
    prefix = "" if name == "value" else f"{name}_"
    return {name: value, f"{prefix}low": low, f"{prefix}high": high, f"{prefix}by_seed": each}


def draw_win_rates(
    contests: Contests,
    judge: str,
    seeds: Sequence[int],
    *,
    seed: int = 1,
    resamples: int = RESAMPLES,
) -> Draws:
    """Resample the examples of each seed."""
    by_seed, families = {}, []
    for number, each in enumerate(seeds):
        measured: dict[_Column, Measured] = {}
        for (cell, of_seed), contest in contests.items():
            if of_seed == each:
                measured |= _columns(cell, contest.outcomes[judge])
        values: Iterable[np.ndarray] = ()
        if measured:  # no two seeds share their draws: their examples are others
            drawn_with = {"seed": seed * 1000 + number, "resamples": resamples}
            values = resampled_values(ratio, list(measured.values()), **drawn_with).T
            families.append(len({family for cell in measured.values() for family in cell.families}))
        by_seed[each] = dict(zip(measured, values, strict=True))
    return Draws(by_seed, min(families, default=0), seed, resamples)


def _columns(
    cell: str, outcomes: Mapping[ExampleKey, Outcome]
) -> Iterator[tuple[_Column, Measured]]:
    valid: dict[str, list[tuple[str, Outcome]]] = defaultdict(list)
    for key, outcome in outcomes.items():
        if outcome != Outcome.INVALID:
            valid[key.language].append((key.family, outcome))
    for rate, statistics in _RATES.items():
        for tag, rows in valid.items():
            families = [family for family, _ in rows]
            yield (rate, cell, tag), Measured(families, [statistics[o] for _, o in rows])


def win_rates(cell: GridCell, contests: Contests, draws: Draws, judge: str) -> list[StudyWinRate]:
    """Compute a row for each language, then the means over all, the trained and the unseen ones."""
    seeds = list(draws.by_seed)
    own = [contests[cell.name, seed] for seed in seeds if (cell.name, seed) in contests]
    groups = [(tag, [tag]) for tag in cell.recipe.all_languages]
    groups += [(group, group_languages(group, [cell])) for group in _GROUPS]
    rows = []
    for name, tags in groups:
        if not tags:
            continue
        outcomes = (item for contest in own for item in contest.outcomes[judge].items())
        counts = Counter(outcome for key, outcome in outcomes if key.language in tags)
        off_target = [contest.off_target.get(tag, (None, None)) for contest in own for tag in tags]
        new, old = zip(*off_target, strict=True) if off_target else ((), ())
        rates: dict[str, Any] = {}
        for rate in _RATES:
            by_seed = [draws.of(seed, rate, cell, tags) for seed in seeds]
            rates |= pooled(by_seed, rate, families=draws.num_families, seed=draws.seed)
        rows.append(
            StudyWinRate(
                judge=judge,
                language=name,
                trained=name in cell.languages,
                wins=counts[Outcome.WIN],
                ties=counts[Outcome.TIE],
                losses=counts[Outcome.LOSS],
                invalid=counts[Outcome.INVALID],
                n=counts.total() - counts[Outcome.INVALID],
                off_target=_mean(new),
                base_off_target=_mean(old),
                **rates,
            )
        )
    return rows


def finding_row(
    finding: FindingConfig, cells: Sequence[GridCell], draws: Draws, judge: str
) -> StudyFinding:
    """Compute the difference of the mean win rates of a finding's cells, and answer its claim.

    Cells are compared where they agree on the other axes, and each seed with itself; then the mean
    is taken over both. With `more_than_in` it is how much larger that difference is than in those
    languages.
    """
    pairs = []
    for better, than in compared_cells(finding, cells):
        both = [*better, *than]
        tags = group_languages(finding.languages, both)
        others = group_languages(finding.more_than_in, both) if finding.more_than_in else None
        if tags and others != []:
            pairs.append(_ComparedCells(better, than, tags, others))
    seeds = list(draws.by_seed)
    span = (-2.0, 2.0) if finding.more_than_in else (-1.0, 1.0)
    by_seed = [_difference(draws, seed, pairs) for seed in seeds]
    found = pooled(by_seed, families=draws.num_families, seed=draws.seed, between=span)
    return StudyFinding(
        **finding.model_dump(mode="json"),
        judge=judge,
        **found,
        answer=answer_claim(found["low"], found["high"], finding.margin),
        num_comparisons=len(pairs),
        num_seeds=sum(value is not None for value in found["by_seed"]),
    )


def answer_claim(low: float | None, high: float | None, margin: float) -> Answer:
    """Say whether a difference is more than minus the margin.

    Yes if the whole interval lies above it, no if none of it does, else undecided.
    """
    if low is None or high is None:
        return "undecided"
    if low > -margin:
        return "yes"
    return "no" if high <= -margin else "undecided"


class _ComparedCells(NamedTuple):
    """Two sets of cells, and the languages of their win rates."""

    better: Sequence[GridCell]
    than: Sequence[GridCell]
    tags: Sequence[str]
    others: Sequence[str] | None
    """Languages in which the difference should be smaller; None for a difference by itself."""


def _difference(draws: Draws, seed: int, pairs: Sequence[_ComparedCells]) -> np.ndarray:
    """The mean difference over pairs (1 + resamples,).

    NaN where a run of any pair is missing, since the seed then compares other things than the rest.
    """

    def mean(cells: Sequence[GridCell], tags: Sequence[str]) -> np.ndarray:
        return np.mean([draws.of(seed, "win_rate", cell, tags) for cell in cells], axis=0)

    found = []
    for better, than, tags, others in pairs:
        here = mean(better, tags) - mean(than, tags)
        there = mean(better, others) - mean(than, others) if others else 0.0
        found.append(here - there)
    return np.mean(found, axis=0) if found else np.full(1 + draws.resamples, np.nan)


def _mean(values: Iterable[float | None]) -> float | None:
    """The mean of the known values; None of nothing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
