"""The models that stages call, each a protocol of one method; stages import no model."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple, Protocol, Self

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.section import Section
from isoglot.core.thinking import ThoughtMarks, split_thinking


class Tick(Protocol):
    """A function that is called as work is done."""

    def __call__(self, num: int, language: str, num_tokens: int = 0) -> None:
        """Take the number of prompts done and of tokens written since the last call, and the
        language of the latest; `num` is 0 while a long answer is being written."""


def no_tick(num: int, language: str, num_tokens: int = 0) -> None:
    """Show no progress."""


Dtype = Literal["auto", "float32", "bfloat16", "float16", "float64"]
"""Precision in which a model is run, by torch's name."""


class Sampling(Section):
    """Settings of decoding."""

    max_new_tokens: int = Field(512, ge=1, le=10_000_000)
    """Longest answer, in tokens of the model; one that reaches it is cut off."""
    max_thinking_tokens: int | None = Field(None, ge=1)
    """Limit of a thought, in tokens from the first that the model writes, within `max_new_tokens`:
    there its closing mark is written, and the answer begins. Engines that run weights only; a
    server has a parameter of its own (`extra`)."""
    temperature: float = Field(0.0, ge=0, allow_inf_nan=False)
    """0 is greedy decoding."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus sampling: sample from the likeliest tokens that have this share of the
    probability."""
    repetition_penalty: float = Field(1.0, gt=0, allow_inf_nan=False)
    """Factor by which tokens that are there already become less likely; 1 is none."""
    num_samples: int = Field(1, ge=1, le=10_000)
    """Completions for each prompt."""
    seed: int = Field(42, ge=0, lt=2**32)
    """Seed of the sampling."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Strings that end an answer, as the model's own end does; they are not part of it."""

    def require_distinct_samples(self) -> None:
        """Raise InputError for several samples with greedy decoding, which would be equal."""
        if self.num_samples > 1 and self.temperature == 0:
            raise InputError(
                f"expected temperature > 0 for several samples, got num_samples {self.num_samples} "
                "with greedy decoding; set temperature or one sample"
            )


class Sampled(NamedTuple):
    """One answer of a model: its text without its thought, and why it ended (`stop`, `length`,
    `error`)."""

    text: str
    finish_reason: str
    log_probability: float | None = None
    """Natural logarithm of the model's own probability, mean over the tokens; None if not known:
    only translators of kind seq2seq give it."""
    thought: str | None = None
    """The thought before the answer; None of a model that does not think or does not tell it."""
    failure: str | None = None
    """The reason why a server gave no answer, such as `time-out`; None where it gave one."""

    @classmethod
    def of_text(
        cls,
        text: str,
        finish_reason: str,
        *,
        opened: bool = False,
        marks: ThoughtMarks = "auto",
    ) -> Self:
        """Split the thought from what a model wrote; one that never ends is cut off.

        `opened`, `marks`: see `split_thinking`.
        """
        thought, answer = split_thinking(text, opened=opened, marks=marks)
        reason = FinishReason.LENGTH if answer is None else finish_reason
        return cls(answer or "", reason, thought=thought or None)


class Sampler(Protocol):
    """A model that completes prompts: policy, teacher, judge, or a file of completions."""

    name: str
    """`model@revision`, which each of its completions carries."""

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """Return `sampling.num_samples` answers for each prompt, in the order of the prompts.

        A prompt whose last turn is the assistant's is continued, and the answer is what follows.
        """
        ...


class Likelihood(NamedTuple):
    """The likelihood of a continuation after a prompt."""

    log_probability: float
    """Natural logarithm, summed over the tokens of the continuation."""
    num_tokens: int
    is_greedy: bool
    """True if greedy decoding would write exactly these tokens."""


class LikelihoodModel(Protocol):
    """A model that gives the likelihood of continuations, instead of writing its own."""

    name: str

    def log_likelihoods(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        tick: Tick = no_tick,
    ) -> list[list[Likelihood | None]]:
        """Return one for each continuation of each prompt; None if the model has none.

        A continuation follows the prompt directly: its leading blank belongs to it.
        """
        ...


class Judgement(NamedTuple):
    """A judge's preference between two answers, in the order in which it saw them."""

    score: float | None
    """Preference for the first: 1 a win, 0.5 a tie, 0 a loss; a judge that gives probabilities has
    values between them. None if the verdict cannot be read."""
    text: str
    """The text of the judge, or the figures that it gave."""


class Judge(Protocol):
    """A judge of two answers, which is called once for each order of them."""

    name: str

    def judge(
        self,
        prompts: Sequence[Prompt],
        first: Sequence[str],
        second: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Judgement]:
        """Return one judgement for each prompt, of its first and its second answer."""
        ...


class Translator(Protocol):
    """A translator of texts; a failure is an answer with finish reason `error`."""

    name: str

    def translate(
        self,
        texts: Sequence[str],
        sources: Sequence[str],
        targets: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Sampled]:
        """Return one translation for each text, from its source to its target language (BCP-47)."""
        ...


class Translation(NamedTuple):
    """A text and its translation, with the languages (BCP-47) of both."""

    source: str
    translation: str
    source_language: str
    target_language: str
    log_probability: float | None = None
    """Mean log-probability of a token by the translator; None where it is not known."""
    identified: str | None = None
    """Language identified in the translation; None when unsure."""
    length_deviation: float = 0.0
    """By how many spreads the translation is longer (positive) or shorter than expected."""


TranslationCheck = Callable[[Sequence[Translation]], list[str | None]]
"""Returns the fault of each translation, or None."""


class Scorer(Protocol):
    """A scorer: gives each completion a reward, or None if it has none."""

    name: str

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """Return one reward for each completion; `prompts[i]` is the prompt of `completions[i]`."""
        ...


class LanguageIdentifier(Protocol):
    """An identifier of the language of a text."""

    name: str

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        """Return a BCP-47 tag among the candidates for each text, or None when unsure."""
        ...

    def foreign_shares(self, texts: Sequence[str], languages: Sequence[str]) -> list[float]:
        """Return the share of the letters of each text, 0 to 1, that are in another language than
        the one given (BCP-47), without mentions such as code, names and quotations."""
        ...
