"""Grade completions and scored choices: by each metric, and by the language of the answer."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from typing import Literal

import numpy as np

from isoglot.core.answer_language import AnswerLanguage, accounts_of, thought_languages
from isoglot.core.errors import InputError
from isoglot.core.latex import without_formulas
from isoglot.core.protocols import LanguageIdentifier, Sampling
from isoglot.core.records import (
    Choice,
    Completion,
    FinishReason,
    Graded,
    Prompt,
    PromptKey,
    prompt_key,
)
from isoglot.core.section import Section
from isoglot.core.stats import ratio
from isoglot.evals.graders import GRADERS, GraderName
from isoglot.evals.metric import Metric, Statistics, mean_of
from isoglot.report.results.rows import MIXED, THOUGHT_OFF_TARGET

_MAX_CHARS_OF_NO_LANGUAGE = 15

CutOff = Literal["unknown", "wrong", "graded"]

OFF_TARGET_RATE = Metric(
    "off_target_rate",
    lambda prompt, text: None,  # noqa: ARG005
    ratio,
    lower_is_better=True,
)
"""Share of answers in another language than the one requested; unknown where the identifier is
unsure. `grade_completions` grades it with the language identifier."""

THOUGHT_OFF_TARGET_RATE = OFF_TARGET_RATE._replace(name=THOUGHT_OFF_TARGET)
"""Share of thoughts in another language than the one requested of the answer; unknown where the
identifier is unsure, and for an answer without a thought."""

MIXED_RATE = OFF_TARGET_RATE._replace(name=MIXED)
"""Share of answers, of those in a known language or mixed, that are not off target but hold letters
of another language; likewise."""

FAULT_RATES = (OFF_TARGET_RATE, THOUGHT_OFF_TARGET_RATE, MIXED_RATE)
"""The rates that every generated answer counts in, whatever its task."""


class TaskConfig(Section):
    """Prompts with gold answers, the decoding of the answers, and their grader."""

    name: str
    """Name of the task, in tables and files."""
    grader: GraderName = "last_number"
    """The comparison of an answer with the gold."""
    metric: str = "accuracy"
    """Name of the mean of the grades."""
    decoding: Sampling = Sampling()
    """Decoding of the answers; greedy by default."""
    cut_off: CutOff = "graded"
    """Treatment of an answer cut off at the token limit: graded as it is, as in most published
    tables, counted as wrong, or left out of the mean and counted apart (`unknown`, which cannot
    produce a gain: see `aggregate.compare`). Their number is in the results in each case."""


def grader_metric(name: str, grader: GraderName) -> Metric:
    """Build the metric that is the mean of a grader over prompts with a gold answer."""
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
    cut_off: CutOff = "graded",
) -> list[Graded]:
    """Return one row per completion for each metric and for each of `FAULT_RATES`.

    A row has the language of its prompt; off target is by the language requested of the answer.
    The language of a cut-off answer counts, that of a failed one does not. An answer of a letter, a
    number or a formula is in every language (PolyMath: up to 15 characters beside formulas, Wang
    et al. 2025, arXiv:2504.18428). By a metric that needs the language a right answer is wrong
    where itself or its thought is in another one, and has no value where one of them is unsure.

    Raises:
        InputError: a prompt has no completion.
    """
    prompt_of = {prompt_key(prompt): prompt for prompt in prompts}
    _check_complete(prompt_of, set(map(prompt_key, completions)))
    texts, wanted = [row.text for row in completions], [row.language for row in completions]
    identified = identifier.identify(texts)
    accounts = accounts_of(identified, identifier, texts, wanted)
    thoughts = thought_languages(identifier.identify, completions)
    graded = []
    rows = zip(completions, identified, thoughts, accounts, strict=True)
    for completion, tag, of_thought, account in rows:
        prompt = prompt_of[prompt_key(completion)]
        for metric in (each for each in metrics if each.applies(prompt)):
            statistics = _statistics(prompt, completion, metric, cut_off)
            if metric.needs_language and statistics and statistics[0]:
                is_right = _is_in_language(completion, tag, of_thought)
                statistics = {True: statistics, False: metric.worst, None: None}[is_right]
            graded.append(_graded(prompt, metric, statistics))
        faults = _language_faults(completion, tag, of_thought, account)
        for metric, known in zip(FAULT_RATES, faults, strict=True):
            graded.append(_graded(prompt, metric, known))
    return graded


def _language_faults(
    completion: Completion, tag: str | None, of_thought: str | None, account: AnswerLanguage
) -> list[Statistics | None]:
    """Return if an answer and its thought are off target, and if it is mixed; None where that is
    unknown."""
    if completion.finish_reason == FinishReason.ERROR:
        return [None] * len(FAULT_RATES)
    is_known = account != AnswerLanguage.UNKNOWN
    return [
        *(
            None if each is None else (float(each != completion.language), 1.0)
            for each in (tag, of_thought)
        ),
        (float(account == AnswerLanguage.MIXED), 1.0) if is_known else None,
    ]


def cut_off_by_language(
    prompts: Sequence[Prompt], completions: Sequence[Completion]
) -> Counter[str]:
    """Count the answers that were cut off at the token limit, by the language of the prompt."""
    tag_of = {prompt_key(prompt): prompt.language for prompt in prompts}
    cut = (row for row in completions if row.finish_reason == FinishReason.LENGTH)
    return Counter(tag_of[prompt_key(row)] for row in cut)


def grade_choices(
    prompts: Sequence[Prompt], choices: Sequence[Choice], metrics: Sequence[Metric]
) -> list[Graded]:
    """Return one row per prompt for each metric that reads likelihoods.

    Raises:
        InputError: a prompt has no choices.
    """
    offered: dict[PromptKey, list[Choice]] = defaultdict(list)
    for choice in choices:
        offered[prompt_key(choice)].append(choice)
    prompt_of = {prompt_key(prompt): prompt for prompt in prompts}
    _check_complete(prompt_of, offered.keys())
    return [
        _graded(prompt, metric, metric.grade_choices(prompt, offered[key]))
        for key, prompt in prompt_of.items()
        for metric in metrics
        if metric.grade_choices is not None and metric.applies(prompt)
    ]


def _is_in_language(completion: Completion, tag: str | None, of_thought: str | None) -> bool | None:
    """Return None where a language is unsure and the text long enough to have one."""
    sides = [
        tag == completion.language if tag is not None else True if _has_none(text) else None
        for text, tag in ((completion.text, tag), (completion.thought or "", of_thought))
    ]
    return False if False in sides else None if None in sides else True


def _has_none(text: str) -> bool:
    """True for a text that is too short to have a language."""
    return len(without_formulas(text).strip()) <= _MAX_CHARS_OF_NO_LANGUAGE


def _check_complete(prompt_of: Mapping[PromptKey, Prompt], answered: Set[PromptKey]) -> None:
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
