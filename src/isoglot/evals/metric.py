"""Metrics: statistics of one answer, and the value of their sum over many answers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.records import Choice, Prompt
from isoglot.core.stats import Value, ratio
from isoglot.report.results.names import IN_LANGUAGE

Statistics = tuple[float, ...]
"""Sufficient statistics of one answer; a metric's value is a function of their sum."""


class Metric(NamedTuple):
    """A value over the answers in a language."""

    name: str
    grade: Callable[[Prompt, str], Statistics | None]
    """Statistics of a generated answer; None where it has no value."""
    value: Value
    """Sum of the statistics of many answers → value, 0 to 1."""
    grade_choices: Callable[[Prompt, Sequence[Choice]], Statistics | None] | None = None
    """Statistics of the scored choices of one prompt; None for a metric of generated answers."""
    worst: Statistics | None = None
    """Statistics of an answer that should exist and does not; None leaves such answers out."""
    lower_is_better: bool = False
    applies: Callable[[Prompt], bool] = lambda _prompt: True
    """False for a prompt that the metric says nothing of: its answer is not counted at all."""
    needs_language: bool = False
    """True if a right answer in another language than requested is wrong: see `in_language`."""


def reference_of(prompt: Prompt) -> str:
    """Return the reference text of a prompt; raises InputError if there is none."""
    if not prompt.gold:
        raise InputError(
            f"prompt {prompt.prompt_id}: expected a reference text as gold, came {prompt.gold!r}; "
            "give the set as it is published"
        )
    return prompt.gold


def mean_of(
    name: str,
    grade: Callable[[Prompt, str], float | None],
    grade_choices: Callable[[Prompt, Sequence[Choice]], float | None] | None = None,
) -> Metric:
    """Build the metric that is a mean over answers of a value from 0 to 1, leaving out None."""

    def statistics(value: float | None) -> Statistics | None:
        return None if value is None else (float(value), 1.0)

    return Metric(
        name,
        lambda prompt, text: statistics(grade(prompt, text)),
        ratio,
        grade_choices and (lambda prompt, choices: statistics(grade_choices(prompt, choices))),
        worst=(0.0, 1.0),
    )


def in_language(metric: Metric) -> Metric:
    """Build LC&Acc of an accuracy: the share of answers right and in the requested language.

    Luo et al. 2025 (MMATH), arXiv:2505.19126. `grade_completions` identifies the language; choices
    scored by likelihood have none.
    """
    name = f"{IN_LANGUAGE}{metric.name}"
    return metric._replace(name=name, grade_choices=None, needs_language=True)


def on_facet(metric: Metric, facet: str) -> Metric:
    """Restrict a metric to the prompts of a facet, which their `source` names after a `/`."""
    return metric._replace(
        name=f"{metric.name}_{facet}", applies=lambda prompt: prompt.source.endswith(f"/{facet}")
    )
