"""Win rates of a comparison in each language, and measures of how far its judge can be trusted.

Zheng et al. 2023, arXiv:2306.05685 (MT-Bench: position and verbosity bias, both orders); Dubois et
al. 2024, arXiv:2404.04475 (length-controlled win rate); Krippendorff 2011 (agreement of judges).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.records import Outcome, Verdict, prompt_key
from isoglot.core.stats import (
    Measured,
    Value,
    estimate,
    mean_known,
    ratio,
    resampled_values,
    standard_error_mean,
)
from isoglot.evals.agreement import coincidences, nominal_alpha
from isoglot.judging.length_control import (
    Compared,
    is_identified,
    length_controlled_values,
)
from isoglot.report.results.judging import JudgedResult
from isoglot.report.results.rows import MEAN

WORTH = {Outcome.WIN: 1.0, Outcome.TIE: 0.5, Outcome.LOSS: 0.0}
"""The contribution of a pair with a valid verdict to a win rate."""

_BIASES = (-0.5, 0.5)

_COUNTED = dict(zip(("wins", "losses", "ties", "invalid"), Outcome, strict=True))

_Statistics = Callable[[Verdict], Sequence[float] | None]
"""The statistics of a valid verdict; None where it has no value."""


class _Known(NamedTuple):
    """The statistics and families of the pairs of a language that have a value."""

    families: list[str]
    statistics: list[Sequence[float]]
    unknown: int


class _Metric(NamedTuple):
    name: str
    statistics: _Statistics
    draw: Callable[..., np.ndarray]
    """(1 + resamples, languages): the values as measured, then in each draw of families."""
    between: tuple[float, float] = (0.0, 1.0)
    """The least and the greatest value."""


def summarise_verdicts(
    verdicts: Sequence[Verdict],
    *,
    seed: int,
    signature: str,
    unanswered: Mapping[str, int] | None = None,
    second: Sequence[Verdict] = (),
    resamples: int = 1000,
) -> list[JudgedResult]:
    """Compute a row for each language and metric, and for the mean over languages.

    * `win_rate`: mean over pairs of the score over both orders where the judge gives probabilities,
      as AlpacaEval's of the same name; else the `discrete_win_rate`, which is left out then.
    * `discrete_win_rate`: mean over pairs of A's outcome over both orders, a tie as half a win.
    * `length_controlled_win_rate`: the `win_rate` if both answers were equally long; unknown where
      that cannot be told, see `judging/length_control.py`.
    * `swap_consistency`: share of pairs with the same outcome (win, loss or tie) in both orders.
    * `position_bias`: how often the answer shown first wins, a tie as half, minus 0.5: from -0.5 to
      0.5. Every pair was shown in both orders, so the quality of the answers cancels out.
    * `verbosity_bias`: how often the longer answer wins, a tie as half, minus 0.5, over pairs of
      different length. The reasons why a longer answer is better do not cancel out.
    * `agreement`: Krippendorff's alpha of the outcomes with those of `second`, another judge's
      verdicts on the same samplers; where there are any.

    Intervals are 95 %, from a bootstrap over families, which are drawn once for all languages; one
    is widened where it would not contain its value. A language without a value is not part of the
    mean. `unanswered` holds the number of pairs of each language that could not be judged.

    Raises:
        InputError: no verdict is valid.
    """
    if all(verdict.outcome == Outcome.INVALID for verdict in verdicts):
        raise InputError(
            f"win rate of 0 valid verdicts: {len(verdicts)} came, none of which can be read"
        )
    missing = Counter(unanswered or {})
    tags = sorted({verdict.language for verdict in verdicts} | missing.keys())
    by_language: dict[str, list[Verdict]] = {tag: [] for tag in tags}
    # The order of the rows must not change the draws.
    for verdict in sorted(verdicts, key=lambda v: (v.language, v.family, v.prompt_id)):
        by_language[verdict.language].append(verdict)
    results = [
        row
        for metric in _metrics(verdicts, second)
        for draw in [partial(metric.draw, seed=seed, resamples=resamples)]
        for row in _rows(metric, by_language, missing, signature, draw)
    ]
    place = {tag: place for place, tag in enumerate((*tags, MEAN))}
    return sorted(results, key=lambda row: place[row.language])  # stable: metrics keep their order


def _rows(
    metric: _Metric,
    by_language: Mapping[str, Sequence[Verdict]],
    missing: Mapping[str, int],
    signature: str,
    draw: Callable[[Sequence[_Known]], np.ndarray],
) -> Iterator[JudgedResult]:
    known = {
        tag: _known(verdicts, metric.statistics, missing[tag])
        for tag, verdicts in by_language.items()
    }
    columns = _columns(known, draw)
    for tag in (*known, MEAN):
        own = list(known) if tag == MEAN else [tag]
        families = {family for each in own for family in known[each].families}
        value, low, high = _interval(columns.get(tag), len(families), metric.between)
        counts = {}
        if metric.name == "win_rate":
            found = Counter(verdict.outcome for each in own for verdict in by_language[each])
            counts = {name: found[outcome] for name, outcome in _COUNTED.items()}
            counts["unanswered"] = sum(missing[each] for each in own)
        yield JudgedResult(
            language=tag,
            metric=metric.name,
            value=value,
            low=low,
            high=high,
            standard_error=_standard_error(metric, [known[each] for each in own], columns.get(tag)),
            n=sum(len(known[each].families) for each in own),
            unknown=sum(known[each].unknown for each in own),
            signature=signature,
            **counts,
        )


def _metrics(verdicts: Sequence[Verdict], second: Sequence[Verdict]) -> list[_Metric]:
    scores = {score for v in verdicts for score in (v.forward_score, v.backward_score)}
    is_soft = not scores <= {None, 0.0, 0.5, 1.0}
    mean = _bootstrap(ratio)

    def worth(verdict: Verdict) -> float:
        return (verdict.score or 0.0) if is_soft else WORTH[verdict.outcome]

    metrics = [_Metric("win_rate", lambda v: (worth(v), 1.0), mean)]
    if is_soft:
        discrete = _Metric("discrete_win_rate", lambda v: (WORTH[v.outcome], 1.0), mean)
        metrics.append(discrete)
    metrics += [
        _Metric(
            "length_controlled_win_rate",
            lambda v: (worth(v), v.a_chars - v.b_chars),
            _length_controlled,
        ),
        _Metric("swap_consistency", lambda v: (float(v.forward == v.backward), 1.0), mean),
        _Metric("position_bias", _first_wins, mean, _BIASES),
        _Metric("verbosity_bias", _longer_wins, mean, _BIASES),
    ]
    if second:
        agreement = _bootstrap(nominal_alpha)
        metrics.append(_Metric("agreement", _coincidences_with(second), agreement, (-1, 1)))
    return metrics


def _bootstrap(value: Value) -> Callable[..., np.ndarray]:
    def draw(known: Sequence[_Known], *, seed: int, resamples: int) -> np.ndarray:
        measured = [Measured(rows.families, rows.statistics) for rows in known]
        return resampled_values(value, measured, seed=seed, resamples=resamples)

    return draw


def _length_controlled(known: Sequence[_Known], *, seed: int, resamples: int) -> np.ndarray:
    compared = [Compared(rows.families, *zip(*rows.statistics, strict=True)) for rows in known]
    values = length_controlled_values(compared, seed=seed, resamples=resamples)
    values[:, ~is_identified(compared)] = np.nan
    return values


def _first_wins(verdict: Verdict) -> Sequence[float]:
    a_first, a_second = WORTH[Outcome(verdict.forward)], WORTH[Outcome(verdict.backward)]
    return (a_first + (1 - a_second)) / 2 - 0.5, 1.0


def _longer_wins(verdict: Verdict) -> Sequence[float] | None:
    if verdict.a_chars == verdict.b_chars:
        return None
    worth = WORTH[verdict.outcome]
    return (worth if verdict.a_chars > verdict.b_chars else 1 - worth) - 0.5, 1.0


def _coincidences_with(second: Sequence[Verdict]) -> _Statistics:
    theirs = {prompt_key(v): v.outcome for v in second if v.outcome != Outcome.INVALID}

    def statistics(verdict: Verdict) -> Sequence[float] | None:
        other = theirs.get(prompt_key(verdict))
        return list(coincidences((verdict.outcome, other), list(WORTH))) if other else None

    return statistics


def _known(verdicts: Sequence[Verdict], statistics: _Statistics, unanswered: int) -> _Known:
    valid = [verdict for verdict in verdicts if verdict.outcome != Outcome.INVALID]
    measured = [(verdict.family, statistics(verdict)) for verdict in valid]
    known = [(family, row) for family, row in measured if row is not None]
    unknown = len(verdicts) - len(known) + unanswered
    return _Known([family for family, _ in known], [row for _, row in known], unknown)


def _columns(
    known: Mapping[str, _Known], draw: Callable[[Sequence[_Known]], np.ndarray]
) -> dict[str, np.ndarray]:
    """Language or `mean` → its value as measured, then in each draw; none where nothing is known.

    A language without a value as measured is left out of the mean of all draws, one without a value
    in a draw out of that draw's.
    """
    tags = [tag for tag, rows in known.items() if rows.families]
    if not tags:
        return {}
    values = draw([known[tag] for tag in tags])
    mean = mean_known(values[:, ~np.isnan(values[0])], axis=1)
    return {**dict(zip(tags, values.T, strict=True)), MEAN: mean}


def _standard_error(
    metric: _Metric, known: Sequence[_Known], values: np.ndarray | None
) -> float | None:
    """The standard error of a win rate; of the length-controlled one, over the draws."""
    if not metric.name.endswith("win_rate") or values is None or np.isnan(values[0]):
        return None
    if metric.name == "length_controlled_win_rate":
        return float(np.nanstd(values[1:], ddof=1))
    return standard_error_mean(
        [(rows.families, [row[0] for row in rows.statistics]) for rows in known if rows.families]
    )


def _interval(
    values: np.ndarray | None, families: int, between: tuple[float, float]
) -> tuple[float | None, float | None, float | None]:
    if values is None or np.isnan(values[0]):
        return None, None, None
    value, low, high = estimate(values, families, between=between)
    return value, min(low, value), max(high, value)
