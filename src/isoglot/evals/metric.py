"""Metric: statistics of one answer, and the value of their sum over many answers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from isoglot.core.records import Choice, Prompt
from isoglot.core.stats import Value, ratio

Statistics = tuple[float, ...]
"""What a metric keeps of one answer; a metric's value is a function of their sum over answers."""


class Metric(NamedTuple):
    """A number over the answers of a language."""

    name: str
    grade: Callable[[Prompt, str], Statistics | None]
    """Statistics of a written answer; None where it has no value. For likelihood see `choose`."""
    value: Value
    """Of the sum of the statistics of many answers, 0 to 1."""
    choose: Callable[[Prompt, Sequence[Choice]], Statistics | None] | None = None
    """Statistics of the choices of one prompt and their likelihoods."""
    worst: Statistics | None = None
    """What an answer counts that should be there and is not; None leaves such answers out."""
    lower_is_better: bool = False


def mean_of(
    name: str,
    grade: Callable[[Prompt, str], float | None],
    choose: Callable[[Prompt, Sequence[Choice]], float | None] | None = None,
) -> Metric:
    """The metric that is a mean over answers of a value from 0 to 1; None is left out."""

    def statistics(value: float | None) -> Statistics | None:
        return None if value is None else (float(value), 1.0)

    return Metric(
        name,
        lambda prompt, text: statistics(grade(prompt, text)),
        ratio,
        None if choose is None else lambda prompt, choices: statistics(choose(prompt, choices)),
        worst=(0.0, 1.0),
    )
