"""Checkpoint selection: the policy in training completes held-out prompts; the best is saved."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.files import written_whole
from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Completion, FinishReason, Prompt, prompt_key
from isoglot.core.section import Section
from isoglot.core.thinking import ThoughtMarks
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import CausalModel, TransformersSampler
from isoglot.train.log import (
    LogRow,
    append_line,
    checkpoint_step,
    forget_lines_after,
    means,
    means_by_language,
    read_log,
)

Reward = Callable[[Sequence[Prompt], Sequence[Completion]], list[float | None]]
"""Returns one reward for each completion, `prompts[i]` being its prompt; None where it has none."""

Identify = Callable[[Sequence[str]], list[str | None]]
"""Returns the language of each text (BCP-47), None where unsure."""

MAY_LACK = ("reward", "off_target")


class SelectionConfig(Section):
    """Selection of the policy that is saved: the one with the best completions of held-out prompts.

    Completions are rewarded by the recipe's `score:`, so that a training that goes on too long is
    cut back to where it was best.
    """

    num_families: int = Field(50, ge=1)
    """The last families of the round, which are kept out of training."""
    num_checks: int = Field(4, ge=1)
    """Checks at even distances during training, besides those at the start and the end."""
    max_new_tokens: int = Field(512, ge=1)
    """Limit of a completion, in tokens; decoding is greedy."""
    batch_tokens: int = Field(16_384, ge=1)
    """Upper bound of rows * (longest prompt + `max_new_tokens`) of a batch, in tokens."""
    unrewarded: float | None = None
    """Value of a completion without a reward, such as 0 where a gate shuts out wrong ones; left
    out, it is in no mean."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Prompts that the policy is not trained on, and what rates its completions of them."""

    prompts: Sequence[Prompt]
    reward: Reward
    identify: Identify

    @property
    def families(self) -> list[str]:
        """The families of the prompts, in their order."""
        return list(dict.fromkeys(prompt.family for prompt in self.prompts))


def check_steps(num_steps: int, num_checks: int) -> list[int]:
    """Return the start, the end, and `num_checks` steps at even distances between them."""
    return sorted({round(num_steps * i / (num_checks + 1)) for i in range(num_checks + 2)})


class CheckpointSelection:
    """The checks of one training: their curve in a file, and the weights of the best on disk.

    `out/curve.jsonl` has a line for each check: step, mean reward, unrewarded completions,
    off-target rate and length in characters, over all and by language. `out/best/STEP.safetensors`
    are the trained weights of the best check, and of the best one up to the last checkpoint, from
    which a killed training resumes.
    """

    def __init__(
        self,
        trainer: Any,
        tokenizer: Any,
        out: Path,
        config: SelectionConfig,
        held_out: HeldOut,
        marks: ThoughtMarks = "auto",
    ) -> None:
        if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
            raise InputError(
                "expected the whole policy in each process for `choose`, got FSDP or DeepSpeed; "
                "remove `choose`, or train without them"
            )
        self._trainer = trainer
        self._tokenizer = tokenizer
        self._config = config
        self._held_out = held_out
        self._marks = marks
        self._path = out / "curve.jsonl"
        self._best = out / "best"
        self._done: set[int] = set()
        """Steps checked so far: every process knows them, and the first one writes them."""
        self._checkpoint = 0
        """The last step that a killed training would resume from."""

    def resume(self, checkpoint: str | None) -> None:
        """Forget the checks after the checkpoint, which are made again."""
        if self._trainer.is_world_process_zero():
            forget_lines_after(self._path, checkpoint)
        self._trainer.accelerator.wait_for_everyone()
        self._done = {line["step"] for line in read_log(self._path)}
        self._checkpoint = checkpoint_step(checkpoint)

    def callback(self) -> Any:
        """Return the callback for the trainer."""
        from transformers import TrainerCallback

        selection = self

        class Checks(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
                selection._check(state.global_step, state.max_steps)

            on_train_begin = on_step_end

            def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
                selection._checkpoint = state.global_step

        return Checks()

    def _check(self, step: int, num_steps: int) -> None:
        """Check the policy if a check is due that is not in the curve."""
        if step in self._done or step not in check_steps(num_steps, self._config.num_checks):
            return
        self._done.add(step)
        line = {"step": step, **self._evaluate()}
        if not self._trainer.is_world_process_zero():
            return
        lines = [*read_log(self._path), line]
        if best_line(lines) is line:
            self._keep_weights(step)
        append_line(self._path, line)  # after the weights, so that no line is without them
        up_to = [line for line in lines if line["step"] <= self._checkpoint]
        kept = {self._weights(best["step"]) for some in (lines, up_to) if (best := best_line(some))}
        for path in set(self._best.glob("*.safetensors")) - kept:
            path.unlink()

    def restore(self) -> dict[str, Any]:
        """Load the weights of the best check into the model; return its step, and the curve.

        Where no completion of any check had a reward, the last step stays.
        """
        from safetensors.torch import load_file

        lines = read_log(self._path)
        best = best_line(lines)
        if best is None:
            return {"chosen_step": None, "curve": lines}
        if best["step"] != self._trainer.state.global_step:
            kept = load_file(self._weights(best["step"]))
            model = self._trainer.accelerator.unwrap_model(self._trainer.model)
            unexpected = model.load_state_dict(kept, strict=False).unexpected_keys
            assert not unexpected, unexpected
        return {"chosen_step": best["step"], "curve": lines}

    def _evaluate(self) -> dict[str, Any]:
        """Complete this process's share of the prompts; return the means over all of them."""
        from accelerate.utils import gather_object

        accelerator = self._trainer.accelerator
        share = self._held_out.prompts[accelerator.process_index :: accelerator.num_processes]
        rows = gather_object(self._rows(share) if share else [])
        values = [
            self._config.unrewarded if row["reward"] is None else row["reward"] for _, row in rows
        ]
        known = [value for value in values if value is not None]
        return {
            "value": sum(known) / len(known) if known else None,
            **means([row for _, row in rows], MAY_LACK),
            "languages": means_by_language(rows, MAY_LACK),
        }

    def _rows(self, prompts: Sequence[Prompt]) -> list[tuple[str, LogRow]]:
        samples = self._sample(prompts)
        completions = [
            Completion(
                *(*prompt_key(p), p.answer_language, "policy", 0, s.text, s.finish_reason),
                thought=s.thought,
            )
            for p, s in zip(prompts, samples, strict=True)
        ]
        rewards = self._held_out.reward(prompts, completions)
        tags = self._held_out.identify([sample.text for sample in samples])
        return [
            (
                prompt.language,
                {
                    "reward": reward if reward is not None and math.isfinite(reward) else None,
                    "off_target": None if tag is None else float(tag != prompt.answer_language),
                    "cut_off": float(sample.finish_reason == FinishReason.LENGTH),
                    "num_chars": len(sample.text),
                },
            )
            for prompt, sample, reward, tag in zip(prompts, samples, rewards, tags, strict=True)
        ]

    def _sample(self, prompts: Sequence[Prompt]) -> list[Sampled]:
        """Complete the prompts greedily with the current policy, and leave it as it was."""
        trainer = self._trainer
        model = trainer.accelerator.unwrap_model(trainer.model)
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        settings, was_training = causal.generation_config, model.training
        config = WeightsConfig(path="policy", batch_tokens=self._config.batch_tokens)
        model.eval()
        try:
            loaded = CausalModel.in_training(causal, self._tokenizer, "policy", self._marks)
            sampler = TransformersSampler(config, loaded)
            sampling = Sampling(max_new_tokens=self._config.max_new_tokens)
            with trainer.accelerator.autocast():
                return [row[0] for row in sampler.sample(prompts, sampling)]
        finally:
            causal.generation_config = settings
            model.train(was_training)

    def _keep_weights(self, step: int) -> None:
        from safetensors.torch import save_file

        model = self._trainer.accelerator.unwrap_model(self._trainer.model)
        trained = {
            name: weight.detach().cpu().contiguous()
            for name, weight in model.named_parameters()
            if weight.requires_grad
        }
        self._best.mkdir(exist_ok=True)
        with written_whole(self._weights(step)) as temporary:
            save_file(trained, temporary)

    def _weights(self, step: int) -> Path:
        return self._best / f"{step}.safetensors"


def best_line(lines: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the line with the highest value, the earliest of equal ones; None without values."""
    known = [line for line in lines if line["value"] is not None]
    return max(known, key=lambda line: line["value"], default=None)
