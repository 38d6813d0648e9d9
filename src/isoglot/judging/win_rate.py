"""From verdicts to numbers: who wins in each language, and how far the judge can be trusted.

Zheng et al. 2023, arXiv:2306.05685 (MT-Bench: position and verbosity bias, both orders); Dubois et
al. 2024, arXiv:2404.04475 (length-controlled win rate); Krippendorff 2011 (agreement of judges).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.records import Outcome, Verdict
from isoglot.core.stats import Measured, Value, estimate, ratio, resampled_values
from isoglot.evals.agreement import coincidences, nominal_alpha
from isoglot.judging.length_control import Compared, length_controlled_values

MEAN = "mean"
"""What stands in place of a language for the mean over languages, each with the same weight."""

WORTH = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSS: 0.0}
"""What a pair counts in a win-rate, where its verdict is valid."""


@dataclass(frozen=True, slots=True)
class JudgedResult:
    """A number of a comparison of A with B in one language, or the mean over languages."""

    language: str
    """A tag, or `mean`."""
    metric: str
    value: float | None
    """None, as `low` and `high`, where nothing is known."""
    low: float | None
    high: float | None
    """`low` and `high` bound the 95 % interval."""
    n: int
    unknown: int
    """Pairs that have no value: kept out of `n`."""
    signature: str
    wins: int | None = None
    ties: int | None = None
    losses: int | None = None
    """A's, on the rows of the win rate; None on others, as the next two."""
    invalid: int | None = None
    """Pairs with a verdict that could not be read."""
    unanswered: int | None = None
    """Pairs that were not judged, since a sampler failed on the prompt."""


class _Rows(NamedTuple):
    """The statistics of the pairs of a language that have a value, and their families."""

    families: list[str]
    statistics: list[Sequence[float]]
    unknown: int


Statistics = Callable[[Verdict], Sequence[float] | None]
"""What is kept of a verdict; None where it has no value."""


class _Draws(Protocol):
    def __call__(self, known: Sequence[_Rows], seed: int, resamples: int) -> np.ndarray:
        """(1 + resamples, languages): what was measured, then each draw of families."""


def summarise_verdicts(
    verdicts: Sequence[Verdict],
    *,
    seed: int,
    signature: str,
    unanswered: Mapping[str, int] | None = None,
    second: Sequence[Verdict] = (),
    resamples: int = 1000,
) -> list[JudgedResult]:
    """For each language in turn, and then for their mean, a row for each metric.

    * `win_rate`: mean over pairs of A's outcome over both orders, a tie as half a win.
    * `soft_win_rate`: mean of the scores; where the judge gives probabilities.
    * `length_controlled_win_rate`: what `win_rate` would be if both answers were equally long; see
      `judging/length_control.py`.
    * `swap_consistency`: share of pairs with the same outcome (win, loss or tie) in both orders.
    * `position_bias`: how often the answer shown first wins, a tie as half, minus 0.5: from -0.5 to
      0.5. Every pair was shown in both orders, so which answer is better cancels out.
    * `verbosity_bias`: how often the longer answer wins, a tie as half, minus 0.5, over pairs of
      different length. It does not cancel out what makes a longer answer better.
    * `agreement`: Krippendorff's alpha of the outcomes with those of `second`, another judge's
      verdicts on the same samplers; where there are any.

    Intervals are 95 %, a bootstrap over families, which are drawn once for all languages; one is
    widened where it would not hold its value. The mean leaves out a language without a value.
    `unanswered` has the pairs of each language that could not be judged. Raises InputError where
    no verdict is valid.
    """
    if all(verdict.outcome == Outcome.INVALID for verdict in verdicts):
        raise InputError(
            f"win rate of 0 valid verdicts: {len(verdicts)} came, none of which can be read"
        )
    missing = Counter(unanswered or {})
    by_language = _by_language(verdicts, missing)
    results = []
    for metric, statistics, draws in _metrics(verdicts, second):
        rows = {tag: _rows(found, statistics, missing[tag]) for tag, found in by_language.items()}
        drawn = partial(draws, seed=seed, resamples=resamples)
        results += _with_intervals(metric, rows, drawn, signature)
    counted = [_with_counts(row, by_language, missing) for row in results]
    order = {tag: place for place, tag in enumerate((*by_language, MEAN))}
    return sorted(counted, key=lambda row: order[row.language])  # stable: metrics keep their order


def _by_language(
    verdicts: Sequence[Verdict], missing: Mapping[str, int]
) -> dict[str, list[Verdict]]:
    """Verdicts by language, in an order that the order of the rows does not change."""
    tags = {verdict.language for verdict in verdicts} | missing.keys()
    found: dict[str, list[Verdict]] = {tag: [] for tag in sorted(tags)}
    for verdict in sorted(verdicts, key=lambda v: (v.language, v.family, v.prompt_id)):
        found[verdict.language].append(verdict)
    return found


def _metrics(
    verdicts: Sequence[Verdict], second: Sequence[Verdict]
) -> list[tuple[str, Statistics, _Draws]]:
    """Name, statistics of a verdict, and the draws that these make, of each metric."""
    metrics: list[tuple[str, Statistics, _Draws]] = [
        ("win_rate", _mean_of(_worth), _bootstrap(ratio))
    ]
    scores = {score for v in verdicts for score in (v.forward_score, v.backward_score)}
    if not scores <= {None, 0.0, 0.5, 1.0}:
        metrics.append(("soft_win_rate", _mean_of(_score), _bootstrap(ratio)))
    metrics += [
        ("length_controlled_win_rate", _with_length, _length_controlled),
        ("swap_consistency", _mean_of(_is_consistent), _bootstrap(ratio)),
        ("position_bias", _mean_of(_first_wins), _bootstrap(ratio)),
        ("verbosity_bias", _mean_of(_longer_wins), _bootstrap(ratio)),
    ]
    if second:
        metrics.append(("agreement", _coincidences_with(second), _bootstrap(nominal_alpha)))
    return metrics


def _bootstrap(value: Value) -> _Draws:
    def draws(known: Sequence[_Rows], seed: int, resamples: int) -> np.ndarray:
        measured = [Measured(rows.families, rows.statistics) for rows in known]
        return resampled_values(value, measured, seed=seed, resamples=resamples)

    return draws


def _length_controlled(known: Sequence[_Rows], seed: int, resamples: int) -> np.ndarray:
    compared = [Compared(rows.families, *zip(*rows.statistics, strict=True)) for rows in known]
    return length_controlled_values(compared, seed=seed, resamples=resamples)


def _with_length(verdict: Verdict) -> Sequence[float] | None:
    if verdict.outcome == Outcome.INVALID:
        return None
    return _worth(verdict), verdict.a_chars - verdict.b_chars


def _mean_of(measure: Callable[[Verdict], float | None]) -> Statistics:
    """The statistics of a mean over the pairs with a valid verdict."""

    def statistics(verdict: Verdict) -> Sequence[float] | None:
        if verdict.outcome == Outcome.INVALID:
            return None
        value = measure(verdict)
        return None if value is None else (value, 1.0)

    return statistics


def _worth(verdict: Verdict) -> float:
    return WORTH[verdict.outcome]


def _score(verdict: Verdict) -> float | None:
    return verdict.score


def _is_consistent(verdict: Verdict) -> float:
    return float(verdict.forward == verdict.backward)


def _first_wins(verdict: Verdict) -> float:
    a_first, a_second = WORTH[Outcome(verdict.forward)], WORTH[Outcome(verdict.backward)]
    return (a_first + (1 - a_second)) / 2 - 0.5


def _longer_wins(verdict: Verdict) -> float | None:
    if verdict.a_chars == verdict.b_chars:
        return None
    worth = _worth(verdict)
    return (worth if verdict.a_chars > verdict.b_chars else 1 - worth) - 0.5


def _coincidences_with(second: Sequence[Verdict]) -> Statistics:
    theirs = {(v.family, v.prompt_id): v.outcome for v in second if v.outcome != Outcome.INVALID}

    def statistics(verdict: Verdict) -> Sequence[float] | None:
        other = theirs.get((verdict.family, verdict.prompt_id))
        if other is None or verdict.outcome == Outcome.INVALID:
            return None
        return list(coincidences((verdict.outcome, other), list(WORTH)))

    return statistics


def _rows(verdicts: Sequence[Verdict], statistics: Statistics, unanswered: int) -> _Rows:
    measured = [(verdict.family, statistics(verdict)) for verdict in verdicts]
    known = [(family, row) for family, row in measured if row is not None]
    unknown = len(measured) - len(known) + unanswered
    return _Rows([family for family, _ in known], [row for _, row in known], unknown)


def _with_intervals(
    metric: str,
    rows: Mapping[str, _Rows],
    draws: Callable[[Sequence[_Rows]], np.ndarray],
    signature: str,
) -> list[JudgedResult]:
    """A row for each language and one for their mean."""
    known = [tag for tag, row in rows.items() if row.families]
    drawn: dict[str, np.ndarray] = {}
    if known:
        values = draws([rows[tag] for tag in known])
        drawn = {**dict(zip(known, values.T, strict=True)), MEAN: _mean_over(values)}
    num = {tag: len(row.families) for tag, row in rows.items()}
    unknown = {tag: row.unknown for tag, row in rows.items()}
    num[MEAN], unknown[MEAN] = sum(num.values()), sum(unknown.values())
    return [
        JudgedResult(tag, metric, *_bounds(drawn.get(tag)), num[tag], unknown[tag], signature)
        for tag in (*rows, MEAN)
    ]


def _mean_over(values: np.ndarray) -> np.ndarray:
    """The mean over languages (columns), of what was measured (first row) and of each draw.

    A language without a value as measured is left out of all, one without a draw out of that.
    """
    known = values[:, ~np.isnan(values[0])]
    there = ~np.isnan(known)
    with np.errstate(invalid="ignore"):
        return np.where(there, known, 0).sum(axis=1) / there.sum(axis=1)


def _bounds(values: np.ndarray | None) -> tuple[float | None, float | None, float | None]:
    """What was measured and its interval; None where that is not defined."""
    if values is None or np.isnan(values[0]):
        return None, None, None
    value, low, high = estimate(values)
    return value, min(low, value), max(high, value)


def _with_counts(
    row: JudgedResult, by_language: Mapping[str, Sequence[Verdict]], missing: Mapping[str, int]
) -> JudgedResult:
    if row.metric != "win_rate":
        return row
    tags = by_language if row.language == MEAN else [row.language]
    counts = Counter(verdict.outcome for tag in tags for verdict in by_language[tag])
    return replace(
        row,
        wins=counts[Outcome.WIN],
        ties=counts[Outcome.TIE],
        losses=counts[Outcome.LOSS],
        invalid=counts[Outcome.INVALID],
        unanswered=sum(missing.get(tag, 0) for tag in tags),
    )
