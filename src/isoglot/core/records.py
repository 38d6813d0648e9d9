"""What flows along the line: frozen records in the words of the field.

A *family* is one source prompt in all its languages with all its completions. Ids are content: the
same prompt has the same id on every machine and in every run.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from isoglot.core.errors import InputError

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
    translation_log_probability: float | None = None
    """Mean log-probability of a token by its translator, of the least likely turn; None where that
    does not say, and where nothing was translated."""
    completion: str | None = None
    """The answer that stands beside the prompt in its source; a translated prompt has none."""

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
    translator: str | None = None
    """Who translated what `sampler` wrote; None for a direct answer."""
    translation_log_probability: float | None = None
    """Mean log-probability of a token by the translator; None where it does not say."""
    artefact: str | None = None
    """The first fault that shows in a translation (`data/artefacts.py`); None for none found, and
    where nobody looked."""
    rewards: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def completion_id(self) -> str:
        return content_id(
            self.prompt_id, self.sampler, str(self.sample), self.translated_from or "", self.text
        )

    @property
    def model(self) -> str:
        """Who wrote it, `via` who translated it where that was another."""
        is_own = self.translator in (None, self.sampler)
        return self.sampler if is_own else f"{self.sampler} via {self.translator}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers that a prompt offers, and how likely a model finds it."""

    family: str
    prompt_id: str
    language: str
    sampler: str
    label: str
    """What the answer is called in gold, such as `B` or `paraphrase`; never its place."""
    text: str
    log_probability: float | None
    """Natural logarithm, summed over the tokens; None where the model could not say."""
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Graded:
    """What one answer is worth by one metric."""

    family: str
    prompt_id: str
    language: str
    """The language that was asked for."""
    metric: str
    value: float | None
    """Of this answer alone, 0 to 1; None where it has none: failed, cut off, not gradable."""
    statistics: Sequence[float] | None
    """What the metric sums over answers to get its value for many."""


@dataclass(frozen=True, slots=True)
class Preference:
    """A chosen and a rejected completion of one prompt, in TRL's conversational form."""

    prompt: Sequence[Message]
    chosen: Sequence[Message]
    rejected: Sequence[Message]
    family: str
    prompt_id: str
    language: str
    """Of the prompt."""
    answer_language: str
    """The one that the answer was asked in."""
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
class Demonstration:
    """A prompt with the answer that a policy is to imitate, in TRL's conversational form."""

    messages: Sequence[Message]
    """The turns of the prompt, then one of the assistant: the answer."""
    family: str
    prompt_id: str
    language: str
    answer_language: str
    model: str
    """Who wrote the answer, `via` who translated it where that was another."""
    source: str

    @property
    def prompt(self) -> Sequence[Message]:
        return self.messages[:-1]

    @property
    def text(self) -> str:
        """The answer."""
        return self.messages[-1]["content"]


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


class Outcome(StrEnum):
    """What a judge makes of two answers, seen from A's side."""

    WIN = "win"
    LOSS = "loss"
    TIE = "tie"
    INVALID = "invalid"
    """The verdict could not be read: counted under its own name, never a tie."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of A's and B's answers to one prompt, in both orders."""

    family: str
    prompt_id: str
    language: str
    """The language that was asked for."""
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
    """How much A is preferred, 0 to 1; 0, 0.5 or 1 where the judge gives no probabilities."""
    forward_text: str
    backward_text: str
    """What the judge wrote."""
    a_completion_id: str
    b_completion_id: str
    a_chars: int
    b_chars: int
    """Lengths of the answers."""

    @property
    def outcome(self) -> Outcome:
        """Over both orders: one that cannot be read is invalid, two that differ are a tie.

        So does MT-Bench count (arXiv:2306.05685, section 3.4): a win is a win in both orders.
        """
        if Outcome.INVALID in (self.forward, self.backward):
            return Outcome.INVALID
        return Outcome(self.forward) if self.forward == self.backward else Outcome.TIE

    @property
    def score(self) -> float | None:
        """Mean of the scores of both orders, in which a preference for a place cancels out."""
        if self.forward_score is None or self.backward_score is None:
            return None
        return (self.forward_score + self.backward_score) / 2


@dataclass(frozen=True, slots=True)
class Rated:
    """The grade that a judge gave to one answer alone."""

    family: str
    prompt_id: str
    language: str
    """The language that was asked for."""
    sampler: str
    judge: str
    """`model@revision` of who answered and of who graded."""
    turn: int
    """How many turns the user had taken: 2 where a follow-up was answered."""
    value: float | None
    """1 to 10; None where no grade could be read, never 0."""
    text: str
    """What the judge wrote."""
    completion_id: str


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
