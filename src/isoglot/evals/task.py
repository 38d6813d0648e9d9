"""From completions to grades: what each answer is worth by each metric, and in which language."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.protocols import LanguageIdentifier, Sampling
from isoglot.core.records import Choice, Completion, FinishReason, Graded, Prompt
from isoglot.core.section import Section
from isoglot.core.stats import ratio
from isoglot.evals.grade import GRADERS, GraderName
from isoglot.evals.metric import Metric, Statistics, mean_of

CutOff = Literal["unknown", "wrong", "graded"]

OFF_TARGET = Metric(
    "off_target_rate",
    lambda prompt, text: None,  # noqa: ARG005
    ratio,
    lower_is_better=True,
)
"""Share of the answers in another language than asked: 1.0 another, 0.0 the one asked; None when
unsure. Graded by the language identifier and not from the text alone."""


class TaskConfig(Section):
    """A benchmark: prompts with gold answers, how they are answered, and how that is graded."""

    name: str
    grader: GraderName = "last_number"
    metric: str = "accuracy"
    """What the mean of the grades is called."""
    decoding: Sampling = Sampling()
    cut_off: CutOff = "unknown"
    """What an answer is that ended at the token limit: kept out of the mean and counted beside it;
    or wrong; or graded as it stands, as most published tables have it. `unknown` cannot make a
    gain: see `measure.compare`."""


def grader_metric(name: str, grader: GraderName) -> Metric:
    """The mean of a grader over prompts with a gold answer."""
    grade = GRADERS[grader]

    def value(prompt: Prompt, text: str) -> float | None:
        if prompt.gold is None:
            raise InputError(
                f"prompt {prompt.prompt_id} ({prompt.text[:40]!r}): expected a gold answer, came "
                "none; name its column in `columns.gold`"
            )
        return grade(text, prompt.gold)

    return mean_of(name, value)


def grade_completions(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    identifier: LanguageIdentifier,
    metrics: Sequence[Metric],
    *,
    cut_off: CutOff = "unknown",
) -> list[Graded]:
    """A row of each completion for each metric and for the off-target rate.

    Rows go by the language of the prompt; off target is what is not in the language asked for,
    which may be another one. The language of half an answer counts, that of a failed one does not.
    Every prompt must have a completion.
    """
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    _check_complete(prompt_of, {(c.family, c.prompt_id) for c in completions})
    identified = identifier.identify([completion.text for completion in completions])
    graded = []
    for completion, tag in zip(completions, identified, strict=True):
        prompt = prompt_of[completion.family, completion.prompt_id]
        for metric in metrics:
            statistics = _statistics(prompt, completion, metric, cut_off)
            graded.append(_graded(prompt, metric, statistics))
        failed = completion.finish_reason == FinishReason.ERROR
        known = None if failed or tag is None else (float(tag != completion.language), 1.0)
        graded.append(_graded(prompt, OFF_TARGET, known))
    return graded


def grade_choices(
    prompts: Sequence[Prompt], choices: Sequence[Choice], metrics: Sequence[Metric]
) -> list[Graded]:
    """A row of each prompt for each metric that reads likelihoods; each must have its choices."""
    offered: dict[tuple[str, str], list[Choice]] = defaultdict(list)
    for choice in choices:
        offered[choice.family, choice.prompt_id].append(choice)
    prompt_of = {(prompt.family, prompt.prompt_id): prompt for prompt in prompts}
    _check_complete(prompt_of, offered.keys())
    return [
        _graded(prompt, metric, metric.choose(prompt, offered[key]))
        for key, prompt in prompt_of.items()
        for metric in metrics
        if metric.choose is not None
    ]


def _check_complete(
    prompt_of: Mapping[tuple[str, str], Prompt], answered: Collection[tuple[str, str]]
) -> None:
    missing = prompt_of.keys() - answered
    if missing:
        raise InputError(
            f"expected a completion for each of {len(prompt_of)} prompts, {len(missing)} have "
            f"none, as prompt {min(missing)[1]}; complete the file of completions"
        )


def _graded(prompt: Prompt, metric: Metric, statistics: Statistics | None) -> Graded:
    value = None if statistics is None else float(metric.value(np.array(statistics)))
    return Graded(prompt.family, prompt.prompt_id, prompt.language, metric.name, value, statistics)


def _statistics(
    prompt: Prompt, completion: Completion, metric: Metric, cut_off: CutOff
) -> Statistics | None:
    if completion.finish_reason == FinishReason.ERROR:
        return None
    if completion.finish_reason == FinishReason.LENGTH and cut_off != "graded":
        return (metric.worst or metric.grade(prompt, "")) if cut_off == "wrong" else None
    return metric.grade(prompt, completion.text)
