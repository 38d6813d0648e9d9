"""A reward model from preferences (Bradley-Terry), over TRL's RewardTrainer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from isoglot.core.errors import InputError
from isoglot.train.adapters import LoraConfig, peft_config
from isoglot.train.common import (
    OnStep,
    Policy,
    TrainConfig,
    no_step,
    quiet,
    training_arguments,
)
from isoglot.train.trainer import PerLanguage, Recorder, train


class RewardTrainConfig(TrainConfig):
    """How a reward model learns from preferences."""

    method: Literal["reward"] = "reward"  # type: ignore[assignment]
    nll: Literal["none"] = "none"
    """A reward model has no likelihood."""
    quantization: None = None
    """Its new head learns whole, and a base in 4 bits does not."""


def train_reward(
    preference_files: Sequence[Path],
    base: Policy,
    out: Path,
    config: RewardTrainConfig,
    *,
    seed: int,
    on_step: OnStep = no_step,
) -> dict[str, Any]:
    """Trains `base` to give chosen a higher reward than rejected, and returns a summary.

    `base` is a causal model, which gets a new head, or a reward model, which goes on learning. The
    loss of a pair is -log sigmoid(r(chosen) - r(rejected)). Same files, resuming and errors as
    `train_dpo`: `out/policy` is the reward model, for a scorer of kind `reward_model`. For each
    language, log and summary hold the accuracy (how often chosen has the higher reward, equal ones
    half) of the pairs since the last line, as they were before the step that learned from them.
    Pairs longer than `max_length` are left out and counted. Raises InputError for what the user has
    to mend, such as a base with two labels.
    """
    with quiet():
        from trl import RewardConfig

        args = training_arguments(RewardConfig, config, base, out / "checkpoints", seed=seed)
        _check_base(base)

        def prepare(rows: Any, tokenizer: Any) -> Any:
            trainer = _trainer(base, args, rows, tokenizer, config.lora)
            data = trainer.train_dataset
            sides = zip(data["chosen_ids"], data["rejected_ids"], strict=True)
            trainer.follow(out / "log.jsonl", [max(map(len, pair)) for pair in sides], config)
            return trainer

        return train(
            preference_files, base, out, config, prepare, seed=seed, on_step=on_step, held_out=None
        )


class PerLanguageReward(PerLanguage):
    """Reward training that sees the rewards of every pair, for the log."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **counts: Any
    ) -> Any:
        """TRL's loss, unchanged."""
        assert not return_outputs
        languages = inputs.pop("language")
        recorded = Recorder(model)
        loss = super().compute_loss(recorded, inputs, **counts)
        chosen, rejected = recorded.outputs.logits[:, 0].chunk(2)
        margin = chosen - rejected
        self.note(
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
    """The head of a classifier with several labels is no reward's, and no head to begin with."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base.path, **base.arguments)
    is_classifier = any("ForSequenceClassification" in n for n in config.architectures or [])
    if is_classifier and config.num_labels != 1:
        raise InputError(
            f"expected a causal model or a reward model with one label to start from, got "
            f"{config.num_labels} labels in {base.path}; take the model that it was made from"
        )


def _trainer(base: Policy, args: Any, rows: Any, tokenizer: Any, lora: LoraConfig | None) -> Any:
    from trl import RewardTrainer

    trainer_class = type("LanguageRewardTrainer", (PerLanguageReward, RewardTrainer), {})
    trainer = trainer_class(
        model=base.path,
        args=args,
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=_adapters(lora),
    )
    if len(trainer.train_dataset) == 0:
        raise InputError(
            f"expected pairs of at most {args.max_length} tokens, got none among {len(rows)}; "
            f"raise `max_length`"
        )
    return trainer


def _adapters(lora: LoraConfig | None) -> Any:
    """As for a policy; the head, which is new, is trained whole."""
    config = peft_config(lora)
    if config is not None:
        config.task_type = "SEQ_CLS"
        config.modules_to_save = ["score"]
    return config
