"""Everything that answers when asked, each with one method. Stages import this file only."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Prompt
from isoglot.core.section import Section

Tick = Callable[[int, str], None]
"""Called as work is done: how many prompts more, and the language of the latest."""


def no_tick(num: int, language: str) -> None:
    """The tick of a caller that shows no progress."""


class Sampling(Section):
    """How a sampler decodes."""

    max_new_tokens: int = Field(512, ge=1)
    temperature: float = Field(0.0, ge=0)
    """0 is greedy decoding."""
    top_p: float = Field(1.0, gt=0, le=1)
    repetition_penalty: float = Field(1.0, gt=0)
    num_samples: int = Field(1, ge=1)
    """Completions for each prompt."""
    seed: int = 42
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Strings before which an answer ends, beside the model's own end; they are not part of it."""

    def require_distinct_samples(self) -> None:
        """Raise InputError for several samples with greedy decoding, which would be equal."""
        if self.num_samples > 1 and self.temperature == 0:
            raise InputError(
                f"expected temperature > 0 for several samples, got num_samples {self.num_samples} "
                "with greedy decoding; set temperature or one sample"
            )


class Sampled(NamedTuple):
    """One answer of a model: its text and why it ended (`stop`, `length`, `error`)."""

    text: str
    finish_reason: str
    log_probability: float | None = None
    """Natural logarithm of the model's own probability, mean over the tokens; None where it does
    not say, which only translators of kind seq2seq do."""


class Sampler(Protocol):
    """A model that completes prompts: policy, teacher, judge, or a file of completions."""

    name: str
    """`model@revision`: who wrote a completion."""

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """`sampling.num_samples` answers for each prompt, in the order of the prompts.

        A prompt whose last turn is the assistant's is continued, and the answer is what follows.
        """
        ...


class Likelihood(NamedTuple):
    """How likely a continuation is after a prompt."""

    log_probability: float
    """Natural logarithm, summed over the tokens of the continuation."""
    num_tokens: int
    is_greedy: bool
    """Whether greedy decoding would write exactly these tokens."""


class LikelihoodModel(Protocol):
    """A model that says how likely given continuations are, instead of writing its own."""

    name: str

    def log_likelihoods(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        tick: Tick = no_tick,
    ) -> list[list[Likelihood | None]]:
        """One for each continuation of each prompt; None where the model cannot say.

        A continuation follows the prompt as it stands: its leading blank belongs to it.
        """
        ...


class Judgement(NamedTuple):
    """What a judge says of two answers in the order in which it saw them."""

    score: float | None
    """How much the first is preferred: 1 it wins, 0 the second wins, 0.5 a tie, between where the
    judge gives probabilities; None where the verdict cannot be read."""
    text: str
    """What the judge wrote, or the figures that it gave."""


class Judge(Protocol):
    """Prefers one of two answers; it sees them in one order, and is asked again in the other."""

    name: str

    def judge(
        self,
        prompts: Sequence[Prompt],
        first: Sequence[str],
        second: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Judgement]:
        """One judgement for each prompt, of its first and its second answer."""
        ...


class Translator(Protocol):
    """Turns texts into another language; a failure is an answer with finish reason `error`."""

    name: str

    def translate(
        self,
        texts: Sequence[str],
        sources: Sequence[str],
        targets: Sequence[str],
        tick: Tick = no_tick,
    ) -> list[Sampled]:
        """One translation for each text, from its source to its target language (BCP-47)."""
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


TranslationCheck = Callable[[Sequence[Translation]], list[str | None]]
"""Returns the fault of each translation, or None."""


class Scorer(Protocol):
    """Gives each completion a reward, or None where it has no answer."""

    name: str

    def score(
        self, prompts: Sequence[Prompt], completions: Sequence[Completion]
    ) -> list[float | None]:
        """One reward for each completion; `prompts[i]` is the prompt of `completions[i]`."""
        ...


class LanguageMatchConfig(Section):
    """1.0 for an answer in the language asked for, 0.0 for another."""

    kind: Literal["language_match"] = "language_match"
    name: str = "language_match"
    """What its rewards are called beside the completions."""
    weight: float = 1.0
    """What its reward is multiplied with in the sum."""


class GoldConfig(Section):
    """What a grader says of the answer against the prompt's gold, 0.0 to 1.0."""

    kind: Literal["gold"] = "gold"
    grader: str
    """A name in `evals/graders.GRADERS`."""
    name: str = "gold"
    weight: float = 1.0


class LengthConfig(Section):
    """How many characters an answer has: the control that a learned reward has to beat."""

    kind: Literal["length"] = "length"
    name: str = "length"
    weight: float = 1.0


class JudgeScorerConfig(Section):
    """A model that writes a grade from 1 to 10."""

    kind: Literal["judge"] = "judge"
    model: str
    """In one word, as `isoglot judge --judge` takes it, or a `.yaml` file with its settings."""
    show_gold: bool = False
    """Whether it sees the prompt's gold as a reference answer."""
    name: str = "judge"
    weight: float = 1.0


class RewardModelConfig(Section):
    """A sequence classification model with one label, run by `transformers` in this process."""

    kind: Literal["reward_model"] = "reward_model"
    path: str
    """A local folder or a Hugging Face hub id."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none, its content is its revision."""
    dtype: str = "auto"
    """`auto` is the precision in which the checkpoint was saved."""
    device: str = "auto"
    """`auto` spreads the model over the accelerators that are there; otherwise as in torch."""
    batch_tokens: int = Field(16_384, ge=1)
    """Upper bound of rows * longest row of a batch, in tokens; one row alone may be longer."""
    name: str = "reward_model"
    weight: float = 1.0


ScorerConfig = Annotated[
    LanguageMatchConfig | GoldConfig | LengthConfig | JudgeScorerConfig | RewardModelConfig,
    Field(discriminator="kind"),
]
"""Any scorer; `kind` says what it goes by."""


class LanguageIdentifier(Protocol):
    """Says in which language a text is written."""

    name: str

    def identify(self, texts: Sequence[str]) -> list[str | None]:
        """A BCP-47 tag among the candidates for each text, or None when unsure."""
        ...
