"""Supervised fine-tuning, on demonstrations or on the chosen side of preferences."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoglot.core.records import Demonstration
from isoglot.train.choose import HeldOut
from isoglot.train.common import (
    OnStep,
    Policy,
    TrainConfig,
    no_step,
    peft_config,
    quiet,
    training_arguments,
)
from isoglot.train.examples import load_answers, record_type
from isoglot.train.trainer import PerLanguage, Recorder, train


def train_sft(
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    *,
    seed: int,
    on_step: OnStep = no_step,
    held_out: HeldOut | None = None,
) -> dict[str, Any]:
    """Trains `policy` to imitate, with the loss on the answers alone.

    The files hold demonstrations, or preferences, of which the chosen side is imitated. Same files
    left, resuming and errors as `train_dpo`; `nll` has no meaning here, since the likelihood is the
    whole loss.
    """
    with quiet():
        from trl import SFTConfig, SFTTrainer

        args = training_arguments(SFTConfig, config, policy, out / "checkpoints", seed=seed)
        if args.packing:
            raise ValueError(
                "expected packing: false, got true, which mixes languages in one row of "
                "the log; remove it"
            )

        def prepare(rows: Any, tokenizer: Any) -> Any:
            trainer_class = type("LanguageSFTTrainer", (PerLanguageSFT, SFTTrainer), {})
            trainer = trainer_class(
                model=policy.path,
                args=args,
                train_dataset=rows,
                processing_class=tokenizer,
                peft_config=peft_config(config.lora),
            )
            lengths = [len(ids) for ids in trainer.train_dataset["input_ids"]]
            trainer.follow(out / "log.jsonl", lengths, config)
            return trainer

        is_shown = record_type(files) is Demonstration
        num_key = "num_demonstrations" if is_shown else "num_preferences"
        return train(
            files, policy, out, config, prepare,
            seed=seed, on_step=on_step, held_out=held_out,
            load=load_answers, num_key=num_key,
        )  # fmt: skip


class PerLanguageSFT(PerLanguage):
    """SFT that sees the log-probability of every completion, for the log."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **counts: Any
    ) -> Any:
        """TRL's loss, unchanged."""
        assert not return_outputs
        languages = inputs.pop("language")
        recorded = Recorder(model)
        loss = super().compute_loss(recorded, inputs, **counts)
        logps = recorded.outputs.log_probs.sum(dim=1)
        num_tokens = recorded.outputs.label_mask.sum(dim=1).clamp(min=1)
        self.note(
            loss, languages, {"logp_chosen": logps, "logp_chosen_per_token": logps / num_tokens}
        )
        return loss
