"""Settings of a training: the recipe's `train:` section."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, Self

from pydantic import Field, model_validator

from isoglot.core.errors import InputError
from isoglot.core.section import Section
from isoglot.core.verbosity import Verbosity, verbosity
from isoglot.train.adapters import LoraConfig, QuantizationConfig
from isoglot.train.mixing import MixingConfig
from isoglot.train.selection import SelectionConfig
from isoglot.train.thoughts import Thoughts


class OnStep(Protocol):
    """A function that is called as a training goes on: at its start, and after each batch."""

    def __call__(self, step: float, total: int, num_tokens: int = 0, phase: str = "") -> None:
        """Take the number of optimiser steps done (a batch of several that make up a step is a part
        of one) and of all steps, and the tokens trained on since the last call.

        In the `phase` before training, they are batches of it.
        """


NUM_GENERATIONS = {"rloo": 2, "grpo": 8, "sdft": 8}
"""Completions of a prompt by default, by method that completes prompts in training."""


def no_step(step: float, total: int, num_tokens: int = 0, phase: str = "") -> None:
    """The `on_step` of a caller that shows no progress."""


class TrainConfig(Section):
    """Training of the policy: on preferences, demonstrations, or rewards of its own completions."""

    method: Literal["dpo", "sft", "rloo", "grpo", "sdft"] = "dpo"
    """`sft` trains on demonstrations, or on the chosen side of preferences, which is the baseline
    that DPO has to beat. `rloo` and `grpo` complete the prompts during training, and are rewarded
    by the recipe's `score:`. `sdft` completes them too, and brings each token near to what the
    policy itself writes beside the context of `privilege:` (arXiv:2601.19897, 2605.09548)."""
    nll: Literal["token_mean", "sequence_mean", "none"] = "sequence_mean"
    """Likelihood of chosen, added to the DPO loss; its weight is that of `sft` in `loss_weights`.

    `sequence_mean` averages over pairs the mean log-probability of a token, so that every pair
    counts the same (as LIDR was trained); in `token_mean`, TRL's term, long completions count more.
    """
    lora: LoraConfig | None = None
    """Adapters; None trains all weights."""
    quantization: QuantizationConfig | None = None
    """Quantization of the base; None keeps its precision."""
    num_preferences: int | None = Field(None, ge=1)
    """Number of pairs, spread evenly over the languages; left out, all of them."""
    mixing: MixingConfig | None = None
    """Share of each language in an epoch; left out, each row comes once."""
    choose: SelectionConfig | None = None
    """Selection of the policy that is saved; left out, it is that of the last step."""
    balance_languages: bool | None = None
    """Batches in which each language has its share of the examples, in place of batches of like
    length; left out, `rloo`, `grpo` and `sdft` do so and the others do not."""
    thoughts: Thoughts = "trained"
    """The thoughts before the answers of a reasoning model: `trained` writes them into `dpo` and
    `sft` as its chat template does (`reasoning_content`), where both sides of a pair have one;
    `left_out` trains on the answers alone, which teaches Qwen3 and others not to think. Online
    methods train on what the policy wrote."""
    skip_without_spread: bool = False
    """Leaves prompts whose completions all have one reward (all right, or all wrong) out of the
    loss of `grpo`, where their tokens count in the mean and their KL is learned from (DAPO,
    arXiv:2503.14476, section 3.2, without drawing others in their place)."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Arguments of TRL's DPOConfig, SFTConfig, RLOOConfig, GRPOConfig or SDFTConfig under their own
    names, passed on unchanged."""

    @property
    def is_balanced(self) -> bool:
        """True if batches are balanced over the languages."""
        return self.is_online if self.balance_languages is None else self.balance_languages

    @property
    def is_online(self) -> bool:
        """True if the policy is trained on its own completions of prompts."""
        return self.method in NUM_GENERATIONS

    @property
    def is_rewarded(self) -> bool:
        """True if the policy learns from the rewards of its own completions."""
        return self.method in ("rloo", "grpo")

    @property
    def num_generations(self) -> int:
        """The completions of a prompt in online training."""
        return int(self.training.get("num_generations", NUM_GENERATIONS[self.method]))

    def num_examples(self, num: int) -> int:
        """Return how many of `num` rows make up an epoch."""
        if self.mixing:
            return self.mixing.num_examples or num
        return min(num, self.num_preferences or num)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.num_preferences and self.mixing:
            raise InputError(
                "num_preferences and mixing both choose the rows, got both; give one (mixing with "
                "method unimax, max_epochs 1 and num_examples is num_preferences)"
            )
        if self.quantization and self.lora is None:
            raise InputError(
                "a base in 4 bits (quantization) cannot be trained itself; add `lora`, or remove it"
            )
        return self

    @model_validator(mode="after")
    def _fits_the_method(self) -> Self:
        if self.skip_without_spread and self.method != "grpo":
            raise InputError(
                f"skip_without_spread is for method grpo, got {self.method}; leave it out"
            )
        if self.is_online:
            if self.num_preferences:
                raise InputError(
                    f"num_preferences counts pairs, and method {self.method} has prompts; set "
                    "prompts.num_families"
                )
            num = self.training.get("num_generations", 2)
            if self.is_rewarded and (not isinstance(num, int) or num < 2):
                raise InputError(
                    f"method {self.method} compares the completions of a prompt: expected "
                    f"training: {{num_generations: 2}} or more, got {num!r}"
                )
        if self.method == "sdft":
            self._distils()
        packing = self.training.get("packing")
        if packing and (self.is_balanced or self.training.get("packing_strategy") == "wrapped"):
            what = "balance_languages" if self.is_balanced else "packing_strategy: wrapped"
            raise InputError(
                f"packing puts whole rows of any language into a sequence, got {what}, which "
                f"{'orders rows' if self.is_balanced else 'cuts rows up'}; remove one of them"
            )
        if self.training.get("padding_free") and not packing:
            raise InputError("padding_free goes with packing alone here; set packing: true")
        if self.is_balanced and "train_sampling_strategy" in self.training:
            raise InputError(
                "balance_languages orders the examples itself; remove train_sampling_strategy "
                "from `training`, or set balance_languages: false"
            )
        return self

    def _distils(self) -> None:
        """Check what a teacher of method sdft can be."""
        if self.quantization:
            raise InputError(
                "quantization is not for method sdft, whose trainer in TRL loads no base in 4 "
                "bits; leave it out"
            )
        if self.training.get("teacher_model_kind") == "ema":
            raise InputError(
                "expected teacher_model_kind base or live, got ema: no checkpoint holds such a "
                "teacher, and a resumed training would go on with another one; take one of them"
            )


@contextmanager
def quiet() -> Iterator[None]:
    """Hide the progress bars and notices of the libraries, unless the user wants them (`-v`);
    warnings stay."""
    if verbosity() == Verbosity.VERBOSE:
        yield
        return
    import datasets
    from transformers.utils import logging

    notices, bars = logging.get_verbosity(), datasets.are_progress_bars_disabled()
    loading_bars = logging.is_progress_bar_enabled()
    tqdm = {key: value for key, value in os.environ.items() if key == "TQDM_DISABLE"}
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    os.environ["TQDM_DISABLE"] = "1"  # nothing else stops TRL's own bar
    try:
        with warnings.catch_warnings():
            # Future renamings in the libraries do not concern our users.
            warnings.simplefilter("ignore", FutureWarning)
            # `models/local/adapters.merged` does what PEFT warns that one has to do.
            warnings.filterwarnings("ignore", "Model (has|with) `tie_word_embeddings")
            yield
    finally:
        logging.set_verbosity(notices)
        if loading_bars:
            logging.enable_progress_bar()
        if not bars:
            datasets.enable_progress_bars()
        del os.environ["TQDM_DISABLE"]
        os.environ.update(tqdm)
