"""Direct preference optimisation with a likelihood term, over TRL's DPOTrainer."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.train.adapters import adapter_arguments
from isoglot.train.arguments import training_arguments
from isoglot.train.policy import Policy, prepare_policy
from isoglot.train.selection import HeldOut
from isoglot.train.settings import OnStep, TrainConfig, no_step, quiet
from isoglot.train.trainer import PerLanguage, Recorder, make_trainer, run_training


def train_dpo(
    preference_files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    *,
    seed: int,
    on_step: OnStep = no_step,
    held_out: HeldOut | None = None,
) -> dict[str, Any]:
    """Train `policy` on preferences against itself as reference; return a summary of the training.

    Leaves `out/policy` (safetensors, tokenizer), `out/log.jsonl` (by language) and `out/train.json`
    (the summary). Called again after an interruption, it resumes from the last complete checkpoint;
    called again when done, it returns the summary. The log-probabilities of the reference are
    computed once, before training, so that no second model is in memory, unless
    `precompute_ref_log_probs` is false. With `choose` in the config, the policy with the best
    completions of `held_out` is saved, and `out/curve.jsonl` has the checks.

    Raises:
        InputError: settings, model or files that have to be corrected.
    """
    with quiet():
        policy = prepare_policy(policy, out)
        from trl import DPOTrainer

        args = training_arguments(config, policy, out, seed=seed)

        def prepare(rows: Any, tokenizer: Any) -> Any:
            adapters = adapter_arguments(config.lora, config.quantization)
            return make_trainer(
                PerLanguageDPO, DPOTrainer, policy, args, rows, tokenizer, on_step, **adapters
            )

        given: dict[str, Any] = {"seed": seed, "held_out": held_out}
        return run_training(preference_files, policy, out, config, prepare, **given)


class PerLanguageDPO(PerLanguage):
    """DPO with the log-probabilities of every pair: for the log, and for `sequence_mean`."""

    loss_types: list[str]
    loss_weights: list[float]
    left_out = "have a prompt that fills max_length {max_length}"
    _num_reference_batches = 0

    def example_lengths(self) -> Sequence[int]:
        """Return the tokens of each prompt with its longer side."""
        data = self.train_dataset
        sides = data["prompt_ids"], data["chosen_ids"], data["rejected_ids"]
        return [
            len(prompt) + max(len(chosen), len(rejected))
            for prompt, chosen, rejected in zip(*sides, strict=True)
        ]

    def start_log(self, log_path: Path, config: TrainConfig) -> None:
        """Prepare to log; with `sequence_mean`, replace TRL's own likelihood term by ours."""
        super().start_log(log_path, config)
        self._nll_weight = 0.0
        if config.nll == "sequence_mean":
            weights = dict(zip(self.loss_types, self.loss_weights, strict=True))
            self._nll_weight = weights.pop("sft")
            self.loss_types, self.loss_weights = list(weights), list(weights.values())
        # Then TRL reads the reference from the batch, where we can see it; we put it there.
        self.precompute_ref_logps = True

    def _prepare_dataset(self, rows: Any, tokenizer: Any, args: Any, name: str) -> Any:
        kept = super()._prepare_dataset(rows, tokenizer, args, name)
        if len(kept) == 0:
            raise InputError(
                f"expected pairs with a prompt that leaves room for an answer in max_length "
                f"{args.max_length} tokens, got none among {len(rows)}; raise `max_length`"
            )
        return kept

    def _precompute_ref_logps(self, dataset: Any, name: str, batch_size: int) -> Any:
        self._num_reference_batches = math.ceil(len(dataset) / (batch_size * self.args.world_size))
        self._reference_batch = 0
        try:
            return super()._precompute_ref_logps(dataset, name, batch_size)
        finally:
            self._num_reference_batches = 0

    def compute_ref_log_probs(self, model: Any, inputs: Any) -> Any:
        """Return TRL's log-probabilities; those before training are a phase of its progress."""
        found = super().compute_ref_log_probs(model, inputs)
        if (total := self._num_reference_batches) and self.args.process_index == 0:
            num_tokens = int(inputs["attention_mask"].sum()) * self.args.world_size
            self._reference_batch += 1
            self.on_step(self._reference_batch, total, num_tokens, "reference")
        return found

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **_: Any
    ) -> Any:
        """Return TRL's loss, with `sequence_mean` plus -mean(logp(chosen) / num_tokens)."""
        assert not return_outputs
        languages = inputs.pop("language")
        self.count_tokens(inputs["attention_mask"])
        if "ref_chosen_logps" not in inputs:
            reference = self.compute_ref_log_probs(self.ref_model or self.model, inputs)
            inputs["ref_chosen_logps"], inputs["ref_rejected_logps"] = reference
        recorded = Recorder(model)
        loss = super().compute_loss(recorded, inputs)
        mask = inputs["completion_mask"][:, 1:]
        logps = recorded.outputs.log_probs[:, -mask.shape[1] :].sum(dim=1)
        means = logps / mask.sum(dim=1).clamp(min=1)
        (chosen, rejected), (chosen_mean, rejected_mean) = logps.chunk(2), means.chunk(2)
        loss = loss - self._nll_weight * chosen_mean.mean()
        gain_chosen = chosen - inputs["ref_chosen_logps"]
        gain_rejected = rejected - inputs["ref_rejected_logps"]
        self.record(
            loss,
            languages,
            {
                "logp_chosen": chosen,
                "logp_chosen_per_token": chosen_mean,
                "logp_rejected": rejected,
                "logp_rejected_per_token": rejected_mean,
                "reward_margin": self.beta * (gain_chosen - gain_rejected),
            },
        )
        return loss
