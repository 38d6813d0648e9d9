"""What flows along the line: frozen records in the words of the field.

A *family* is one source prompt in all its languages with all its completions. Ids are content: the
same prompt has the same id on every machine and in every run.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Message = Mapping[str, str]
"""One turn of a conversation: `{"role": "user" | "assistant" | "system", "content": text}`."""


def content_id(*parts: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the parts."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: one language's version of a family."""

    family: str
    prompt_id: str
    language: str
    prompt: Sequence[Message]
    answer_language: str
    gold: str | None = None
    """The verifiable answer, in the form that the task's grader reads; None where there is none."""
    source: str = ""
    translated_from: str | None = None
    translator: str | None = None

    @classmethod
    def from_text(cls, text: str, *, language: str, family: str = "", **columns: Any) -> "Prompt":
        """A prompt of one user turn, with the ids that its content gives."""
        prompt_id = content_id(language, text)
        answer_language = columns.pop("answer_language", language)
        messages = ({"role": "user", "content": text},)
        return cls(family or prompt_id, prompt_id, language, messages, answer_language, **columns)

    @property
    def text(self) -> str:
        """The last user turn."""
        return next(m["content"] for m in reversed(self.prompt) if m["role"] == "user")


class FinishReason(StrEnum):
    """Why a completion ended; anything but `stop` is kept out of training and of the mean."""

    STOP = "stop"
    LENGTH = "length"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Completion:
    """What a sampler answered, or the translation of such an answer."""

    family: str
    prompt_id: str
    language: str
    """The language that was asked for."""
    sampler: str
    sample: int
    text: str
    finish_reason: str
    identified_language: str | None = None
    translated_from: str | None = None
    """`completion_id` of the answer that this one translates; None for a direct answer."""
    rewards: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def completion_id(self) -> str:
        return content_id(
            self.prompt_id, self.sampler, str(self.sample), self.translated_from or "", self.text
        )


@dataclass(frozen=True, slots=True)
class Preference:
    """A chosen and a rejected completion of one prompt, in TRL's conversational form."""

    prompt: Sequence[Message]
    chosen: Sequence[Message]
    rejected: Sequence[Message]
    family: str
    prompt_id: str
    language: str
    chosen_model: str
    rejected_model: str
    chosen_language: str | None
    """The language that was identified in the chosen text; None when unsure."""
    rejected_language: str | None
    chosen_finish_reason: str
    rejected_finish_reason: str
    score_chosen: float | None
    score_rejected: float | None
    pair_type: str
    round: int

    @property
    def chosen_text(self) -> str:
        return self.chosen[-1]["content"]

    @property
    def rejected_text(self) -> str:
        return self.rejected[-1]["content"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A preference that a filter kept out of training, and why."""

    family: str
    prompt_id: str
    language: str
    pair_type: str
    reason: str
    chosen_text: str
    rejected_text: str


@dataclass(frozen=True, slots=True)
class Result:
    """A number with what makes it mean something: language, n, interval, unknown, signature."""

    task: str
    language: str
    trained: bool
    """True when the policy of the run was trained on preferences in this language."""
    metric: str
    value: float
    low: float
    high: float
    """`low` and `high` bound the 95 % interval."""
    n: int
    unknown: int
    """Examples that have no value (cut off, not identified): kept out of `n` and `value`."""
    signature: str
