"""Privileged contexts: what a teacher sees beside a prompt, from the family's dominant language.

On-policy self-distillation across languages (COPSD, arXiv:2605.09548): the teacher is the model
itself, and also reads the problem in English with a solution. There the solution is a published
one; here it is the best answer that the samplers wrote in the dominant language.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Self

from pydantic import model_validator

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import (
    Completion,
    Dropped,
    FinishReason,
    PrivilegedPrompt,
    Prompt,
    content_id,
    prompt_key,
    prompts_by_language,
)
from isoglot.core.section import Section

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_KNOWN = ("prompt", "answer", "language", "dominant")

_PROMPT_ONLY = "The same question in {dominant}:\n\n{prompt}\n\n"
_WITH_ANSWER = _PROMPT_ONLY + "An answer to it in {dominant}:\n\n{answer}\n\n"
_REQUEST = "Understand both, then answer the first question in {language}, in your own words."


class PrivilegeConfig(Section):
    """The privileged context of each prompt that is not in the dominant language."""

    shows: Literal["answer", "another_family", "prompt_only"] = "answer"
    """`answer`: the family's prompt and best answer in the dominant language. Two controls have the
    same rows: `another_family` shows those of another family of the shard (do gains need this very
    privilege? arXiv:2608.09228), `prompt_only` the prompt without its answer."""
    template: str | None = None
    """Text of the context: `{prompt}` and `{answer}` in the dominant language, `{language}` and
    `{dominant}` are the English names of the languages. Left out, an instruction in English.
    `train.training.teacher_prompt_template` joins it to the prompt."""
    reward: str = "total"
    """Reward by which the best answer is selected, where the recipe has `score:`."""
    min_reward: float | None = None
    """Smallest reward of an answer that is shown, in units of the reward; left out, any."""

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        found = _PLACEHOLDER.findall(self.template or "")
        if odd := [name for name in found if name not in _KNOWN]:
            raise InputError(
                f"unknown placeholder {{{odd[0]}}} in template; expected some of "
                f"{', '.join(f'{{{name}}}' for name in _KNOWN)}"
            )
        shows_answer = self.shows != "prompt_only"
        if self.template is not None and ("answer" in found) != shows_answer:
            which = "with" if shows_answer else "without"
            raise InputError(
                f"expected a template {which} {{answer}} for shows {self.shows}, got "
                f"{self.template!r}; change one of them"
            )
        return self

    @property
    def text(self) -> str:
        """The template, or the one for what is shown."""
        if self.template is not None:
            return self.template
        return (_PROMPT_ONLY if self.shows == "prompt_only" else _WITH_ANSWER) + _REQUEST


def check_privilege(config: PrivilegeConfig, method: str | None, scorers: Sequence[str]) -> None:
    """Raise InputError for a training method that reads no contexts, or an unknown reward."""
    if method not in (None, "sdft"):
        raise InputError(
            f"`privilege:` makes contexts for a teacher: expected train.method sdft, got "
            f"{method!r}; set it to sdft, or leave `privilege:` out"
        )
    if scorers and config.reward not in [*scorers, "total"]:
        raise InputError(
            f"privilege.reward: expected total or a scorer of `score:` ({', '.join(scorers)}), got "
            f"{config.reward!r}; correct it"
        )
    if config.min_reward is not None and not scorers:
        raise InputError("privilege.min_reward needs a `score:` section; add it, or leave it out")


class _Shown(NamedTuple):
    prompt: Prompt
    answer: Completion


def privileged_prompts(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    config: PrivilegeConfig,
    *,
    dominant: str,
) -> tuple[list[PrivilegedPrompt], list[Dropped]]:
    """Give each prompt in another language than the dominant one its context, or drop it.

    The best answer is the whole one with the highest reward, among equals the one of the smallest
    id; without rewards, the first sample. Reasons: `no_dominant_prompt`; `no_answer`, of families
    without a whole answer that has (at least the smallest) reward; `no_other_family`.
    """
    families = prompts_by_language(prompts)
    answers: dict[tuple[str, str], list[Completion]] = {}
    for row in completions:
        if row.translated_from is None and row.finish_reason == FinishReason.STOP and row.text:
            answers.setdefault(prompt_key(row), []).append(row)
    shown = {
        family: _Shown(own[dominant], best)
        for family, own in families.items()
        if dominant in own
        for best in [_best(answers.get(prompt_key(own[dominant]), ()), config)]
        if best is not None
    }
    other = _others(shown) if config.shows == "another_family" else shown
    kept: list[PrivilegedPrompt] = []
    dropped: list[Dropped] = []
    for prompt in prompts:
        if prompt.language == dominant:
            continue
        if prompt.family in shown and prompt.family in other:
            kept.append(_privileged(prompt, other[prompt.family], config, dominant))
            continue
        reason = "no_other_family" if prompt.family in shown else "no_answer"
        if dominant not in families[prompt.family]:
            reason = "no_dominant_prompt"
        key = (*prompt_key(prompt), prompt.answer_language)
        dropped.append(Dropped(*key, "privileged_prompt", reason, "", ""))
    return kept, dropped


def _best(answers: Sequence[Completion], config: PrivilegeConfig) -> Completion | None:
    def reward(row: Completion) -> float | None:
        return row.rewards.get(config.reward)

    if not any(row.rewards for row in answers):
        return min(answers, key=lambda row: row.sample, default=None)
    least = -float("inf") if config.min_reward is None else config.min_reward
    known = [(value, row) for row in answers if (value := reward(row)) is not None]
    fit = [(-value, row.completion_id, row) for value, row in known if value >= least]
    return min(fit, key=lambda each: each[:2])[2] if fit else None


def _others(shown: Mapping[str, _Shown]) -> dict[str, _Shown]:
    """Map each family to the next one, in the order of the hashes of their ids."""
    order = sorted(shown, key=lambda family: (content_id(family), family))
    if len(order) < 2:
        return {}
    return {own: shown[other] for own, other in zip(order, [*order[1:], order[0]], strict=True)}


def _privileged(
    prompt: Prompt, shown: _Shown, config: PrivilegeConfig, dominant: str
) -> PrivilegedPrompt:
    words = {
        "prompt": shown.prompt.text,
        "answer": shown.answer.text.strip(),
        "language": language(prompt.answer_language).english_name,
        "dominant": language(dominant).english_name,
    }
    # One pass, so that braces in a prompt or an answer stay as they are.
    context = _PLACEHOLDER.sub(lambda found: words[found.group(1)], config.text)
    return PrivilegedPrompt(
        prompt=prompt.prompt,
        privileged_context=context,
        family=prompt.family,
        prompt_id=prompt.prompt_id,
        language=prompt.language,
        answer_language=prompt.answer_language,
        shown_family=shown.prompt.family,
        model=shown.answer.model,
        score=shown.answer.rewards.get(config.reward),
    )
