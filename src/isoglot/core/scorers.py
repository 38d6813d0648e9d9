"""Settings of scorers, one class for each kind; `models/scorers/` makes scorers of them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isoglot.core.errors import InputError
from isoglot.core.protocols import Dtype
from isoglot.core.section import Section


class ScorerSection(Section):
    """Settings that every scorer has."""

    name: str
    """The key of its rewards in `Completion.rewards`."""
    weight: float = 1.0
    """The factor of its reward in the sum."""


class LanguageMatchConfig(ScorerSection):
    """1.0 for an answer in the requested language alone, 0.0 in another or in several."""

    kind: Literal["language_match"] = "language_match"
    thought: bool = False
    """Demand it of the thought of a reasoning model too, where there is one."""
    name: str = "language_match"


class GoldConfig(ScorerSection):
    """The grade of the answer against the prompt's gold, 0.0 to 1.0."""

    kind: Literal["gold"] = "gold"
    grader: str
    """A name in `evals/graders.GRADERS`."""
    name: str = "gold"


class AgreementConfig(ScorerSection):
    """1.0 for the final answer on which the languages of a family agree, 0.0 for another."""

    kind: Literal["agreement"] = "agreement"
    grader: str
    """The grader whose reading of an answer is compared: last_number, exact or sequence."""
    min_share: float = Field(0.4, ge=0, le=1)
    """Smallest share of the vote that makes an agreement; without one there is no reward. 0.4 as in
    isoglot's own design: the published value is not known."""
    dominant_agrees: bool = True
    """Take only agreements on what the dominant language answers most often."""
    control: Literal["none", "shuffled", "dominant_only"] = "none"
    """`shuffled` rewards the agreement of another family, `dominant_only` takes the vote of the
    dominant language alone: controls of an experiment."""
    name: str = "agreement"


class LengthConfig(ScorerSection):
    """The number of characters of an answer: the control that a reward model has to beat."""

    kind: Literal["length"] = "length"
    name: str = "length"


class JudgeScorerConfig(ScorerSection):
    """A model that writes a rating from 1 to 10."""

    kind: Literal["judge"] = "judge"
    model: str
    """One word, as `isoglot judge --judge` takes it, or a `.yaml` file with its settings."""
    show_gold: bool = False
    """Show it the prompt's gold as a reference answer."""
    name: str = "judge"


class SiblingsConfig(ScorerSection):
    """The win rate of an answer against the other answers to its prompt, by a judge, 0 to 1.

    n answers to a prompt take n * (n - 1) calls of the judge: every two in both orders.
    """

    kind: Literal["siblings"] = "siblings"
    model: str
    """The judge: one word, as `isoglot judge --judge` takes it, or a `.yaml` file."""
    reference: Literal["none", "dominant", "another_family"] = "none"
    """`dominant` shows the judge the answer in the dominant language; `another_family` that of
    another family: a control of an experiment."""
    template: str | None = None
    """The request to the judge in place of isoglot's, with `{prompt}`, `{first}`, `{second}` and
    `{language}`, and with `{reference}` where there is one."""
    name: str = "siblings"

    @model_validator(mode="after")
    def _shows_its_reference(self) -> Self:
        shows = self.template is not None and "{reference}" in self.template
        if self.template is not None and shows != (self.reference != "none"):
            raise InputError(
                f"expected {{reference}} in the template if and only if a reference is shown, got "
                f"reference {self.reference}; change one of them"
            )
        return self


class ImplicitRewardConfig(ScorerSection):
    """The implicit reward of a policy that was trained on preferences: its log-probability of the
    answer less that of the reference, under the prompt in the dominant language.

    Both models are in memory at a time, run by transformers.
    """

    kind: Literal["implicit_reward"] = "implicit_reward"
    policy: str | None = None
    """The trained model: a folder, hub id or `.yaml` file, as `isoglot judge --judge` takes it;
    default: the policy of the round."""
    reference: str
    """The model that the policy was trained from."""
    length_penalty: Literal["fitted"] | Annotated[float, Field(ge=0, allow_inf_nan=False)] = (
        "fitted"
    )
    """Reward that a character costs. `fitted` finds the one of each language for which chosen and
    rejected are equally long in the mean (`length_penalties.json`); online training takes a
    number."""
    name: str = "implicit_reward"


class EmbeddingSection(ScorerSection):
    """Settings of embeddings, and of the rewards that are made of them."""

    path: str | None = None
    """An encoder (such as mmBERT or LaBSE), a causal model, or a translation model: a folder or hub
    id; default: the policy of the round."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none, its content is its revision."""
    dtype: str = "auto"
    """`auto`: the precision in which the checkpoint was saved."""
    device: str = "auto"
    """`auto` spreads the model over all accelerators; otherwise as in torch."""
    batch_tokens: int = Field(16_384, ge=1)
    """Upper bound of rows * longest row of a batch, in tokens; one row alone may be longer."""
    layer: float | None = Field(None, ge=0, le=1)
    """The layer whose hidden states are averaged, as a share of the layers; default: the last of an
    encoder (1), the middle of the policy (0.5), as LaCoMSA takes layer 15 of an 8B model."""
    calibrate: bool = True
    """Subtract how similar parallel texts are in the language: the prompts of the run in it and in
    the dominant language, measured once (`calibration.json`)."""
    calibration_families: int = Field(200, ge=1)
    """Families of prompts that are measured."""
    reference: Literal["dominant", "another_family"] = "dominant"
    """`another_family` compares with an answer of another family: a control of an experiment."""

    @property
    def layer_share(self) -> float:
        """The layer, with its default."""
        return self.layer if self.layer is not None else 0.5 if self.path is None else 1.0


class SimilarityConfig(EmbeddingSection):
    """The similarity of an answer to the answer in the dominant language, by embeddings."""

    kind: Literal["similarity"] = "similarity"
    name: str = "similarity"


class ConsistencyConfig(EmbeddingSection):
    """The similarity of an answer to the most consistent answer in the dominant language; of those
    in the dominant language, the mean similarity to the others."""

    kind: Literal["consistency"] = "consistency"
    name: str = "consistency"


class TranslationLikelihoodConfig(ScorerSection):
    """The mean log-probability of the answer in the dominant language as the translation of an
    answer, by a translation model."""

    kind: Literal["translation_likelihood"] = "translation_likelihood"
    path: str
    """A translation model: a folder or hub id, such as `facebook/nllb-200-distilled-600M`."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none, its content is its revision."""
    backend: Literal["transformers", "ctranslate2"] = "transformers"
    """The library that runs it."""
    dtype: str = "auto"
    """`auto`: the precision in which the checkpoint was saved."""
    device: str = "auto"
    """`auto` is the accelerator, or else the processor; otherwise as in torch."""
    batch_tokens: int = Field(8_192, ge=1)
    """Upper bound of rows * longest row of a batch, in tokens of answer and translation."""
    reference: Literal["dominant", "another_family"] = "dominant"
    """`another_family` takes an answer of another family: a control of an experiment."""
    name: str = "translation_likelihood"


class RewardModelConfig(ScorerSection):
    """A sequence classification model with one label, run by `transformers` in this process."""

    kind: Literal["reward_model"] = "reward_model"
    path: str
    """A local folder or a Hugging Face hub id."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none, its content is its revision."""
    dtype: Dtype = "auto"
    """`auto`: the precision in which the checkpoint was saved."""
    device: str = "auto"
    """`auto` spreads the model over all accelerators; otherwise as in torch."""
    batch_tokens: int = Field(16_384, ge=1)
    """Upper bound of rows * longest row of a batch, in tokens; one row alone may be longer."""
    name: str = "reward_model"


class PythonConfig(ScorerSection):
    """A function of your own, which is imported and run: name none that you did not read.

    It takes the prompts and the completions of whole families, `prompts[i]` being that of
    `completions[i]`, and returns a list with a number or None for each completion. Online training
    calls it with the completions of a batch.
    """

    kind: Literal["python"] = "python"
    path: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    """`package.module:name`; the module is installed, or in a folder of PYTHONPATH."""
    name: str = "python"


ScorerConfig = Annotated[
    LanguageMatchConfig
    | GoldConfig
    | AgreementConfig
    | LengthConfig
    | JudgeScorerConfig
    | SiblingsConfig
    | ImplicitRewardConfig
    | SimilarityConfig
    | ConsistencyConfig
    | TranslationLikelihoodConfig
    | RewardModelConfig
    | PythonConfig,
    Field(discriminator="kind"),
]
"""Any scorer, by its `kind`."""

FAMILY_KINDS = (
    *("agreement", "siblings", "implicit_reward"),
    *("similarity", "consistency", "translation_likelihood"),
)
"""Kinds that may look at the dominant language of a family."""


def is_fitted(config: ScorerConfig) -> bool:
    """True if a scorer has a length penalty that is fitted to the rewards of all completions."""
    return isinstance(config, ImplicitRewardConfig) and config.length_penalty == "fitted"
