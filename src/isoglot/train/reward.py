"""A reward model from preferences (Bradley-Terry), over TRL's RewardTrainer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from isoglot.core.errors import InputError
from isoglot.models.local.weights import load_config
from isoglot.train.adapters import peft_config
from isoglot.train.arguments import training_arguments
from isoglot.train.policy import Policy
from isoglot.train.settings import OnStep, TrainConfig, no_step, quiet
from isoglot.train.trainer import PerLanguage, Recorder, make_trainer, run_training


class RewardTrainConfig(TrainConfig):
    """Training of a reward model on preferences."""

    method: Literal["reward"] = "reward"  # type: ignore[assignment]
    nll: Literal["none"] = "none"
    """A reward model has no likelihood."""
    thoughts: Literal["left_out"] = "left_out"
    """A reward model scores answers, which have no thoughts."""
    quantization: None = None
    """Its new head is trained whole, and a base in 4 bits cannot be."""


def train_reward(
    preference_files: Sequence[Path],
    base: Policy,
    out: Path,
    config: RewardTrainConfig,
    *,
    seed: int,
    on_step: OnStep = no_step,
) -> dict[str, Any]:
    """Train `base` to give chosen a higher reward than rejected; return a summary.

    `base` is a causal model, which gets a new head, or a reward model, which is trained further.
    The loss of a pair is -log sigmoid(r(chosen) - r(rejected)). Same files, resuming and errors as
    `train_dpo`: `out/policy` is the reward model, for a scorer of kind `reward_model`. Log and
    summary have, by language, the accuracy (how often chosen has the higher reward, equal ones
    half) of the pairs since the last line, each from before the step that trained on it. Pairs
    longer than `max_length` are left out and counted.

    Raises:
        InputError: settings, files or a base (such as one with two labels) to be corrected.
    """
    with quiet():
        from trl import RewardTrainer

        args = training_arguments(config, base, out, seed=seed)
        _check_base(base)

        def prepare(rows: Any, tokenizer: Any) -> Any:
            adapters = peft_config(config.lora)
            if adapters is not None:
                adapters.task_type = "SEQ_CLS"
                adapters.modules_to_save = ["score"]  # the head, which is new, is trained whole
            made = PerLanguageReward, RewardTrainer, base, args, rows, tokenizer, on_step
            trainer = make_trainer(*made, peft_config=adapters)
            if len(trainer.train_dataset) == 0:
                raise InputError(
                    f"expected pairs of at most {args.max_length} tokens, got none among "
                    f"{len(rows)}; raise `max_length`"
                )
            return trainer

        given: dict[str, Any] = {"seed": seed, "held_out": None}
        return run_training(preference_files, base, out, config, prepare, **given)


class PerLanguageReward(PerLanguage):
    """Reward training with the rewards of every pair, for the log."""

    def example_lengths(self) -> Sequence[int]:
        """Return the tokens of the longer side of each pair."""
        data = self.train_dataset
        sides = zip(data["chosen_ids"], data["rejected_ids"], strict=True)
        return [max(map(len, pair)) for pair in sides]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **counts: Any
    ) -> Any:
        """Return TRL's loss, unchanged."""
        assert not return_outputs
        languages = inputs.pop("language")
        self.count_tokens(inputs["attention_mask"])
        recorded = Recorder(model)
        loss = super().compute_loss(recorded, inputs, **counts)
        chosen, rejected = recorded.outputs.logits[:, 0].chunk(2)
        margin = chosen - rejected
        self.record(
            loss,
            languages,
            {
                "accuracy": (margin > 0).float() + (margin == 0).float() / 2,
                "reward_chosen": chosen,
                "reward_rejected": rejected,
                "reward_margin": margin,
            },
        )
        return loss


def _check_base(base: Policy) -> None:
    """Raise InputError for a classifier with several labels, whose head gives no reward."""
    config = load_config(base.path, base.arguments)
    is_classifier = any("ForSequenceClassification" in n for n in config.architectures or [])
    if is_classifier and config.num_labels != 1:
        raise InputError(
            f"expected a causal model or a reward model with one label to start from, got "
            f"{config.num_labels} labels in {base.path}; take the model that it was made from"
        )
