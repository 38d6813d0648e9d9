"""On-policy self-distillation, over TRL's experimental SDFTTrainer."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.records import FinishReason, Message
from isoglot.models.local.encoder import PromptEncoder
from isoglot.train.adapters import adapter_arguments
from isoglot.train.arguments import config_class_of, training_arguments
from isoglot.train.online import (
    CompletingTrainer,
    fitting_rows,
    load_prompts,
    sampled_of,
)
from isoglot.train.policy import Policy, prepare_policy
from isoglot.train.selection import HeldOut, Identify
from isoglot.train.settings import OnStep, TrainConfig, no_step, quiet
from isoglot.train.trainer import make_trainer, run_training

_COLUMNS = ("prompt", "privileged_context", "language", "answer_language")
_OF_COMPLETION = ("num_tokens", "cut_off", "off_target")


def train_sdft(
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    identify: Identify,
    *,
    seed: int,
    on_step: OnStep = no_step,
    held_out: HeldOut | None = None,
) -> dict[str, Any]:
    """Train `policy` to write by itself what it writes beside a context; return a summary.

    The student completes the prompt alone; the teacher, which is the policy as it was (its adapters
    off, with `lora`), reads the same completion after prompt and privileged context, and each token
    of the student's is brought near to the teacher's (Self-Distillation Enables Continual Learning,
    arXiv:2601.19897; across languages COPSD, arXiv:2605.09548). Which divergence is TRL's to say:
    `distillation_mode: full_logits` with `distillation_alpha: 0` is the KL of the teacher from the
    student that COPSD has.

    Same files, resuming and errors as `train_online`. Log and summary have, by language, `kl` of
    the student from its teacher (log-probabilities of the sampled tokens, summed over a
    completion), length in tokens, share that was cut off, and off-target rate. Prompts that leave
    no room for `max_completion_length` beside their context are left out and counted.
    """
    with quiet():
        policy = prepare_policy(policy, out)
        args = training_arguments(config, policy, out, seed=seed)
        from trl.experimental.sdft import SDFTTrainer

        def prepare(rows: Any, tokenizer: Any) -> Any:
            read = [_as_teacher(row, args.teacher_prompt_template) for row in rows]
            trainer = make_trainer(
                PerLanguageSDFT,
                SDFTTrainer,
                policy,
                args,
                fitting_rows(rows, read, tokenizer, policy, args),
                tokenizer,
                on_step,
                **adapter_arguments(config.lora, None),
            )
            trainer.encoder = PromptEncoder.of_tokenizer(tokenizer, "policy", policy.thought_marks)
            trainer.identify = identify
            return trainer

        given: dict[str, Any] = {"seed": seed, "held_out": held_out}
        given |= {"load": _load_privileged, "num_key": "num_prompts"}
        return run_training(files, policy, out, config, prepare, **given)


class PerLanguageSDFT(CompletingTrainer):
    """SDFT with every completion for the log, and the languages of every batch."""

    encoder: PromptEncoder
    identify: Identify
    may_lack = ("off_target",)
    left_out = "leave no room for max_completion_length {max_completion_length} beside the context"

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **counts: Any) -> Any:
        """Return TRL's loss, unchanged."""
        loss = super().compute_loss(model, inputs, *args, **counts)
        columns = {name: inputs[name] for name in _OF_COMPLETION}
        self.record(loss, inputs["language"], {"kl": self._kl, **columns})
        return loss

    def _prepare_training_batch(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch = super()._prepare_training_batch(inputs)
        mask = batch["completion_mask"]
        self.count_tokens(mask)
        completions = self._get_completion_ids_list(batch)
        sampled = [
            sampled_of(self.encoder, row["prompt"], ids, self.eos_token_ids)
            for row, ids in zip(inputs, completions, strict=True)
        ]
        tags = self.identify([each.text for each in sampled])
        seen = {
            "num_tokens": [len(ids) for ids in completions],
            "cut_off": [each.finish_reason == FinishReason.LENGTH for each in sampled],
            "off_target": [
                math.nan if tag is None else tag != row["answer_language"]
                for tag, row in zip(tags, inputs, strict=True)
            ],
            "language": [self.languages.index(row["language"]) for row in inputs],
        }
        for name, values in seen.items():
            dtype = torch.long if name == "language" else torch.float32
            batch[name] = torch.tensor(values, dtype=dtype, device=mask.device)
        return batch

    def _compute_teacher_student_logits(self, *args: Any) -> Any:
        """Return TRL's logits, and keep how far the student is from its teacher."""
        import torch
        from trl.trainer.utils import selective_log_softmax

        logits = super()._compute_teacher_student_logits(*args)
        with torch.no_grad():
            student, teacher = (
                selective_log_softmax(each, logits.completion_ids)
                for each in (logits.student_logits, logits.teacher_logits)
            )
            self._kl = ((student - teacher).float() * logits.loss_mask).sum(dim=1)
        return logits

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = [*_COLUMNS]


def as_teacher_reads(
    rows: Sequence[Mapping[str, Any]], config: TrainConfig
) -> list[dict[str, Any]]:
    """Return rows with the turns that the teacher of a training reads, as their prompt."""
    template = config.training.get("teacher_prompt_template")
    if template is None:
        config_class: Any = config_class_of("sdft")
        template = config_class.teacher_prompt_template
    return [{**row, "prompt": _as_teacher(row, template)} for row in rows]


def _load_privileged(files: Sequence[Path], cache: Path, held_out: Sequence[str] = ()) -> Any:
    return load_prompts(files, cache, _COLUMNS, held_out)


def _as_teacher(row: Mapping[str, Any], template: str) -> list[Message]:
    """Return the turns of a prompt as TRL's teacher reads them."""
    *before, last = row["prompt"]
    given = {"prompt": last["content"], "privileged_context": row["privileged_context"]}
    return [*before, {"role": "user", "content": template.format(**given)}]
