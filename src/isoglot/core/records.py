"""The rows of the line, as frozen records.

A *family* is one source prompt in all its languages with all its completions. Ids are content: the
same prompt has the same id on every machine and in every run.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from isoglot.core.errors import InputError
from isoglot.core.text import folded

Message = Mapping[str, str]
"""One turn of a conversation: `{"role": "user" | "assistant" | "system", "content": text}`."""


def content_id(*parts: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the parts, `folded`."""
    return hashlib.sha256(folded("\x1f".join(parts)).encode()).hexdigest()[:16]


def content_unit(*parts: str) -> float:
    """Return a number from 0 to 1 (exclusive) that is a function of the parts."""
    return (int(content_id(*parts), 16) >> 11) / 2**53


PromptKey = tuple[str, str]
"""Family and prompt id."""


class HasFamily(Protocol):
    """Anything that belongs to a family."""

    @property
    def family(self) -> str: ...


class OfPrompt(HasFamily, Protocol):
    """A record of a prompt."""

    @property
    def prompt_id(self) -> str: ...


def prompt_key(row: OfPrompt) -> PromptKey:
    """Return the family and id of the prompt that a record is of."""
    return row.family, row.prompt_id


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: the version of a family in one language."""

    family: str
    prompt_id: str
    language: str
    prompt: Sequence[Message]
    answer_language: str
    gold: str | None = None
    """The verifiable answer, in the form that the task's grader reads; None if there is none."""
    source: str = ""
    translated_from: str | None = None
    translator: str | None = None
    translation_log_probability: float | None = None
    """Mean log-probability of a token by the translator, in the least likely turn; None if it is
    not known, or if nothing was translated."""
    completion: str | None = None
    """The completion that the source has for the prompt; a translated prompt has none."""

    @classmethod
    def from_text(cls, text: str, *, language: str, family: str = "", **columns: Any) -> "Prompt":
        """Make a prompt of one user turn, with the ids that its content gives."""
        prompt_id = content_id(language, text)
        answer_language = columns.pop("answer_language", language)
        messages = ({"role": "user", "content": text},)
        return cls(family or prompt_id, prompt_id, language, messages, answer_language, **columns)

    @property
    def text(self) -> str:
        """The last user turn."""
        return next(m["content"] for m in reversed(self.prompt) if m["role"] == "user")


def prompts_by_language(prompts: Iterable[Prompt]) -> dict[str, dict[str, Prompt]]:
    """Group prompts by family, then language.

    Raises:
        InputError: a family has two prompts in one language.
    """
    families: dict[str, dict[str, Prompt]] = defaultdict(dict)
    for prompt in prompts:
        known = families[prompt.family].setdefault(prompt.language, prompt)
        if known.prompt_id != prompt.prompt_id:
            raise InputError(
                f"family {prompt.family} has two prompts in {prompt.language!r}: expected one of "
                "each language; mend the `family` columns"
            )
    return families


class FinishReason(StrEnum):
    """The end of a completion; all but `stop` are kept out of training and of the mean."""

    STOP = "stop"
    LENGTH = "length"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer of a sampler, or the translation of such an answer."""

    family: str
    prompt_id: str
    language: str
    """The requested language."""
    sampler: str
    sample: int
    text: str
    finish_reason: str
    identified_language: str | None = None
    translated_from: str | None = None
    """`completion_id` of the answer that this one translates; None for a direct answer."""
    translator: str | None = None
    """`model@revision` of the translator; None for a direct answer."""
    translation_log_probability: float | None = None
    """Mean log-probability of a token by the translator; None if it is not known."""
    artefact: str | None = None
    """The first fault found in a translation (`data/artefacts.py`); None without, or unchecked."""
    thought: str | None = None
    """The thought before the answer; None of a model that does not think or does not tell it."""
    failure: str | None = None
    """The reason why a server gave no answer, such as `time-out`; None where it gave one."""
    rewards: Mapping[str, float | None] = field(default_factory=dict)

    @classmethod
    def from_text(
        cls,
        prompt: Prompt,
        text: str,
        *,
        sampler: str,
        sample: int = 0,
        reward: float | None = None,
    ) -> "Completion":
        """Make the completion of a prompt; `reward` is its total reward."""
        rewards = {} if reward is None else {"total": reward}
        ids = (prompt.family, prompt.prompt_id, prompt.language)
        return cls(*ids, sampler, sample, text, FinishReason.STOP, rewards=rewards)

    @property
    def completion_id(self) -> str:
        return content_id(
            self.prompt_id, self.sampler, str(self.sample), self.translated_from or "", self.text
        )

    @property
    def model(self) -> str:
        """The name of the sampler, and ` via ` that of the translator if it is another model."""
        is_own = self.translator in (None, self.sampler)
        return self.sampler if is_own else f"{self.sampler} via {self.translator}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers that a prompt offers, and its likelihood under a model."""

    family: str
    prompt_id: str
    language: str
    sampler: str
    label: str
    """The name of the answer in gold, such as `B` or `paraphrase`; never its position."""
    text: str
    log_probability: float | None
    """Natural logarithm, summed over the tokens; None if the model has none."""
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Graded:
    """The value of one answer by one metric."""

    family: str
    prompt_id: str
    language: str
    """The requested language."""
    metric: str
    value: float | None
    """0 to 1; None if the answer failed, was cut off, or cannot be graded."""
    statistics: Sequence[float] | None
    """The terms that the metric sums over answers to get its value for many."""


@dataclass(frozen=True, slots=True)
class Preference:
    """A chosen and a rejected completion of one prompt, in TRL's conversational form."""

    prompt: Sequence[Message]
    chosen: Sequence[Message]
    rejected: Sequence[Message]
    family: str
    prompt_id: str
    language: str
    """The language of the prompt."""
    answer_language: str
    """The language that the answer is requested in."""
    chosen_model: str
    rejected_model: str
    chosen_language: str | None
    """The language identified in the chosen text; None when unsure."""
    rejected_language: str | None
    chosen_finish_reason: str
    rejected_finish_reason: str
    score_chosen: float | None
    score_rejected: float | None
    pair_type: str
    round: int
    chosen_thought: str | None = None
    """The thought before the chosen answer; None without one."""
    rejected_thought: str | None = None
    chosen_thought_language: str | None = None
    """The language identified in the thought; None when unsure, or without one."""
    rejected_thought_language: str | None = None

    @classmethod
    def of_texts(
        cls,
        prompt: Sequence[Message],
        chosen: str,
        rejected: str,
        *,
        family: str,
        prompt_id: str,
        language: str,
        answer_language: str,
        pair_type: str,
    ) -> "Preference":
        """Make a preference of two texts of which nothing else is known."""
        return cls(
            prompt,
            chosen=({"role": "assistant", "content": chosen},),
            rejected=({"role": "assistant", "content": rejected},),
            family=family,
            prompt_id=prompt_id,
            language=language,
            answer_language=answer_language,
            chosen_model="",
            rejected_model="",
            chosen_language=None,
            rejected_language=None,
            chosen_finish_reason=FinishReason.STOP,
            rejected_finish_reason=FinishReason.STOP,
            score_chosen=None,
            score_rejected=None,
            pair_type=pair_type,
            round=0,
        )

    @property
    def chosen_text(self) -> str:
        return self.chosen[-1]["content"]

    @property
    def rejected_text(self) -> str:
        return self.rejected[-1]["content"]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A prompt with an answer to train on, in TRL's conversational form."""

    messages: Sequence[Message]
    """The turns of the prompt, then the answer as a turn of the assistant."""
    family: str
    prompt_id: str
    language: str
    answer_language: str
    model: str
    """The author of the answer, as in `Completion.model`."""
    source: str
    thought: str | None = None
    """The thought before the answer; None without one."""

    @property
    def prompt(self) -> Sequence[Message]:
        return self.messages[:-1]

    @property
    def text(self) -> str:
        """The answer."""
        return self.messages[-1]["content"]


@dataclass(frozen=True, slots=True)
class PrivilegedPrompt:
    """A prompt to answer, and what a teacher reads beside it, in TRL's columns for SDFT."""

    prompt: Sequence[Message]
    privileged_context: str
    family: str
    prompt_id: str
    language: str
    answer_language: str
    shown_family: str
    """The family of the prompt and answer in the context."""
    model: str
    """The author of that answer, as in `Completion.model`."""
    score: float | None
    """Its reward; None without scorers."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A preference that a filter kept out of training, with the reason."""

    family: str
    prompt_id: str
    language: str
    pair_type: str
    reason: str
    chosen_text: str
    rejected_text: str


class Outcome(StrEnum):
    """The outcome of a comparison of two answers, from A's side."""

    WIN = "win"
    LOSS = "loss"
    TIE = "tie"
    INVALID = "invalid"
    """A verdict that could not be read; never counted as a tie."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a judge on A's and B's answers to one prompt, in both orders."""

    family: str
    prompt_id: str
    language: str
    """The requested language."""
    a: str
    b: str
    """`model@revision` of the two samplers."""
    judge: str
    forward: str
    """Outcome, from A's side, with A's answer shown first."""
    backward: str
    """Outcome, from A's side, with B's answer shown first."""
    forward_score: float | None
    backward_score: float | None
    """Preference for A, 0 to 1; 0, 0.5 or 1 if the judge gives no probabilities."""
    forward_text: str
    backward_text: str
    """The texts of the judge."""
    a_completion_id: str
    b_completion_id: str
    a_chars: int
    b_chars: int
    """Lengths of the answers."""

    @property
    def outcome(self) -> Outcome:
        """The outcome over both orders, as MT-Bench counts (arXiv:2306.05685, section 3.4).

        A win is a win in both orders; two that differ are a tie, an unread one is invalid.
        """
        if Outcome.INVALID in (self.forward, self.backward):
            return Outcome.INVALID
        return Outcome(self.forward) if self.forward == self.backward else Outcome.TIE

    @property
    def score(self) -> float | None:
        """Mean of the scores of both orders, in which a preference for a position cancels out."""
        if self.forward_score is None or self.backward_score is None:
            return None
        return (self.forward_score + self.backward_score) / 2


@dataclass(frozen=True, slots=True)
class Rated:
    """The rating of one answer by a judge."""

    family: str
    prompt_id: str
    language: str
    """The requested language."""
    sampler: str
    judge: str
    """`model@revision` of the two."""
    turn: int
    """Number of user turns so far: 2 for the answer to a follow-up."""
    value: float | None
    """1 to 10; None if no rating could be read, never 0."""
    text: str
    """The text of the judge."""
    completion_id: str


@dataclass(frozen=True, slots=True)
class Result:
    """A number with its language, n, interval, unknown examples and signature."""

    task: str
    language: str
    trained: bool
    """True if the policy of the run was trained on data in this language."""
    metric: str
    value: float
    low: float
    high: float
    """`low` and `high` bound the 95 % interval."""
    n: int
    unknown: int
    """Number of examples without a value (cut off, not identified), kept out of `n` and `value`."""
    signature: str
