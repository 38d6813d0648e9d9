"""The win rate of a comparison if the answers of both sides were equally long.

Judges like long answers. Dubois et al. 2024, *Length-Controlled AlpacaEval*, arXiv:2404.04475,
section 3: a logistic model of the preference with a term for who answers, one for the difference
in length and one for the difficulty of the prompt, evaluated at no difference in length.

    logit P(A is preferred) = identity + length * tanh(chars of A - chars of B, in deviations)
                            + slope * difficulty of the prompt

`predicted_at_equal_length` takes any weights. Our own fit, `length_controlled`, differs in two
places, and needs no table of difficulties: the liking for length is the judge's, one weight for all
languages; and a prompt has one difficulty in all languages, fitted with the rest (slope 1, standard
normal a priori). The difficulty cannot be fitted from one language alone and is left out there.
Then the weight of length absorbs that prompts on which A is short may be those on which A is bad,
which matters where one side is nearly always shorter. So the rate is known (`is_identified`) only
where the answers of both sides are about equally long, or where many comparisons are fitted
together. Measured on the 29 models of AlpacaEval 2 in docs/LOG.md, 2026-12-01: the published value
is missed by 0.2 and 0.9 points there, and by 2 to 6 elsewhere: alone, by more than the plain rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isoglot.core.errors import InputError
from isoglot.core.stats import Families, Measured, resampled_values

_LENGTH_PRECISION = 1.0  # of the weight of length: standard normal a priori
_IDENTITY_PRECISION = 1e-6  # keeps it finite where one side wins all
MIN_TOGETHER = 20
"""Comparisons that are fitted together, from which on the rate is known in each."""
MAX_IMBALANCE = 0.3
"""Greatest mean of tanh of the difference in length, in deviations, up to which it is known."""
_MAX_STEP = 2.0
_MAX_STEPS = 200


class Compared(NamedTuple):
    """The comparisons of A and B in one language."""

    families: Families
    """Parallel prompts have the same one in every language."""
    preferences: Sequence[float]
    """For A, 0 to 1; a tie is 0.5. Leave out comparisons without a verdict."""
    length_differences_chars: Sequence[float]
    """Length of A's answer minus that of B's."""


def length_controlled(compared: Sequence[Compared]) -> np.ndarray:
    """Fit the length-controlled win rate of A in each language (languages,).

    It is the win rate where the answers are equally long on all prompts, or differ by the same
    length on all.

    Raises:
        InputError: a preference outside of 0 to 1, or none.
    """
    rows = _rows(compared)
    return rows.mean(_at_equal_length(rows, _fit(rows)))


def is_identified(compared: Sequence[Compared]) -> np.ndarray:
    """Tell in which languages the length-controlled win rate can be told (languages,)."""
    rows = _rows(compared)
    return (np.abs(rows.mean(rows.length)) <= MAX_IMBALANCE) | (len(compared) >= MIN_TOGETHER)


def length_controlled_values(
    compared: Sequence[Compared], *, seed: int, resamples: int = 1000
) -> np.ndarray:
    """Return `length_controlled`, then its value in each draw of whole families.

    The array (1 + resamples, languages) is for `core.stats.estimate`. A draw is not fitted again:
    its logit is the fitted one plus the first-order influence of each family drawn (Davison and
    Hinkley 1997, *Bootstrap Methods*, section 2.7).
    """
    rows = _rows(compared)
    fit = _fit(rows)
    rates = rows.mean(_at_equal_length(rows, fit))
    influence = _influence(rows, fit, rates)
    columns = [Measured(range(len(influence)), column[:, None]) for column in influence.T]
    sums = resampled_values(lambda sums: sums[..., 0], columns, seed=seed, resamples=resamples)
    logits = np.log(rates / (1 - rates)) + (sums - sums[0]) / (rates * (1 - rates))
    return _logistic(logits)


def predicted_at_equal_length(
    identity: ArrayLike, slope: float, difficulty: ArrayLike
) -> np.ndarray:
    """Predict the preference for A on each prompt, for answers of equal length."""
    return _logistic(np.asarray(identity) + slope * np.asarray(difficulty, dtype=float))


@dataclass(frozen=True, slots=True)
class _Rows:
    """All comparisons, one after the other."""

    language: np.ndarray
    """The number of the language of each."""
    family: np.ndarray
    """The number of its family."""
    preference: np.ndarray
    length: np.ndarray
    """tanh of the difference in length, in standard deviations of its language."""
    shape: tuple[int, int]
    """Languages, families."""

    def by_language(self, weights: np.ndarray) -> np.ndarray:
        """Sum `weights` (languages,)."""
        return np.bincount(self.language, weights, self.shape[0])

    def by_family(self, weights: np.ndarray) -> np.ndarray:
        """Sum `weights` (families,)."""
        return np.bincount(self.family, weights, self.shape[1])

    def by_both(self, weights: np.ndarray) -> np.ndarray:
        """Sum `weights` (languages, families)."""
        cells = self.language * self.shape[1] + self.family
        return np.bincount(cells, weights, self.shape[0] * self.shape[1]).reshape(self.shape)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Average `values` over each language."""
        return self.by_language(values) / self.by_language(np.ones_like(values))


@dataclass(frozen=True, slots=True)
class _Fit:
    """The weights of the model."""

    identity: np.ndarray
    """(languages,)"""
    length: float
    difficulty: np.ndarray
    """(families,): high where A tends to win. All 0 for one language."""


@dataclass(frozen=True, slots=True)
class _Curvature:
    """The matrix of second derivatives, which is diagonal in the difficulties."""

    weights: np.ndarray
    """(languages + 1, languages + 1): those of identities and length."""
    mixed: np.ndarray
    """(languages + 1, families)"""
    variance: np.ndarray
    """(families,): the inverse of the diagonal; 0 where difficulties are not fitted."""

    def solve(self, weights: np.ndarray, difficulties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve for the step of weights (languages + 1, …) and of difficulties (families, …)."""
        scaled = self.mixed * self.variance
        inner = self.weights - scaled @ self.mixed.T
        step = np.linalg.solve(inner, weights - scaled @ difficulties)
        rest = (difficulties - self.mixed.T @ step).T * self.variance
        return step, rest.T


def _fit(rows: _Rows) -> _Fit:
    """Find the most probable weights by Newton's method."""
    languages, families = rows.shape
    fit = _Fit(np.zeros(languages), 0.0, np.zeros(families))
    for _ in range(_MAX_STEPS):
        residual = rows.preference - _predicted(rows, fit)
        slope = np.append(rows.by_language(residual), (residual * rows.length).sum())
        slope -= np.append(_IDENTITY_PRECISION * fit.identity, _LENGTH_PRECISION * fit.length)
        slope_difficulty = rows.by_family(residual) - fit.difficulty
        step, step_difficulty = _curvature(rows, fit).solve(slope, slope_difficulty)
        size = max(np.abs(step).max(), np.abs(step_difficulty).max())
        scale = min(1.0, _MAX_STEP / size) if size else 1.0
        fit = _Fit(
            fit.identity + scale * step[:-1],
            float(fit.length + scale * step[-1]),
            fit.difficulty + scale * step_difficulty,
        )
        if size < 1e-9:
            break
    return fit


def _curvature(rows: _Rows, fit: _Fit) -> _Curvature:
    languages = rows.shape[0]
    predicted = _predicted(rows, fit)
    certain = predicted * (1 - predicted)
    weights = np.zeros((languages + 1, languages + 1))
    weights[-1, :-1] = weights[:-1, -1] = rows.by_language(certain * rows.length)
    weights[-1, -1] = (certain * rows.length**2).sum() + _LENGTH_PRECISION
    weights[range(languages), range(languages)] = rows.by_language(certain) + _IDENTITY_PRECISION
    mixed = np.vstack([rows.by_both(certain), rows.by_family(certain * rows.length)])
    fitted = float(languages > 1)
    return _Curvature(weights, mixed, fitted / (rows.by_family(certain) + 1))


def _influence(rows: _Rows, fit: _Fit, rates: np.ndarray) -> np.ndarray:
    """(families, languages): the derivative of a win rate by the count of a family."""
    residual = rows.preference - _predicted(rows, fit)
    scores = np.vstack([rows.by_both(residual), rows.by_family(residual * rows.length)])
    equal = _at_equal_length(rows, fit)
    num = rows.by_language(np.ones_like(equal))
    moved = rows.by_both(equal * (1 - equal)) / num[:, None]
    by_weight = np.vstack([np.diag(moved.sum(axis=1)), np.zeros(len(num))])
    weights, _ = _curvature(rows, fit).solve(by_weight, moved.T)
    counted = rows.by_both(equal - rates[rows.language]) / num[:, None]
    return scores.T @ weights + counted.T


def _at_equal_length(rows: _Rows, fit: _Fit) -> np.ndarray:
    identity, difficulty = fit.identity[rows.language], fit.difficulty[rows.family]
    return predicted_at_equal_length(identity, 1.0, difficulty)


def _predicted(rows: _Rows, fit: _Fit) -> np.ndarray:
    logits = fit.identity[rows.language] + fit.difficulty[rows.family] + fit.length * rows.length
    return _logistic(logits)


def _logistic(logits: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -logits))


def _rows(compared: Sequence[Compared]) -> _Rows:
    for families, preferences, differences in compared:
        if not len(families) == len(preferences) == len(differences):
            raise InputError(
                "expected a family, a preference and a difference in length for each comparison, "
                f"came {len(families)}, {len(preferences)} and {len(differences)}"
            )
        if len(preferences) == 0:
            raise InputError("length-controlled win rate of 0 comparisons: none has a verdict")
        outside = [p for p in preferences if not 0 <= p <= 1]
        if outside:
            raise InputError(f"expected preferences for A from 0 to 1, came {outside[0]}")
        if not np.isfinite(differences).all():
            raise InputError("expected differences in characters, came one that is not finite")
    everyone = np.concatenate([np.asarray(one.families, dtype=str) for one in compared])
    names, family = np.unique(everyone, return_inverse=True)
    return _Rows(
        language=np.repeat(np.arange(len(compared)), [len(one.preferences) for one in compared]),
        family=family,
        preference=np.concatenate([np.asarray(one.preferences, float) for one in compared]),
        length=np.concatenate([_scaled(one.length_differences_chars) for one in compared]),
        shape=(len(compared), len(names)),
    )


def _scaled(differences: Sequence[float]) -> np.ndarray:
    """The tanh of differences in standard deviations; 0 where they do not vary."""
    column = np.asarray(differences, dtype=float)
    deviation = column.std(ddof=1) if len(column) > 1 else 0.0
    return np.tanh(column / deviation) if deviation > 0 else np.zeros_like(column)
