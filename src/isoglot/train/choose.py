"""The choice of a checkpoint: the policy in training answers prompts that it is not trained on."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Completion, FinishReason, Prompt
from isoglot.core.section import Section
from isoglot.models.local.transformers import CausalModel, TransformersConfig, TransformersSampler
from isoglot.train.log import Row, by_language, forget_lines_after, means

Reward = Callable[[Sequence[Prompt], Sequence[Completion]], list[float | None]]
"""One reward for each completion, `prompts[i]` being its prompt; None where it has none."""

Identify = Callable[[Sequence[str]], list[str | None]]
"""The language of each text (BCP-47), None where unsure."""

MAY_LACK = ("reward", "off_target")


class ChooseConfig(Section):
    """The policy is saved that answered prompts best which it was not trained on.

    The recipe's `score:` says how good an answer is, so a training that goes on too long is cut
    back to where it was best.
    """

    num_families: int = Field(50, ge=1)
    """The last families of the round, which are kept out of training."""
    num_checks: int = Field(4, ge=1)
    """At even distances during training, beside the start and the end."""
    max_new_tokens: int = Field(512, ge=1)
    """Of the answers, which are greedy."""
    batch_tokens: int = Field(16_384, ge=1)
    """Upper bound of rows * (longest prompt + `max_new_tokens`) of a batch, in tokens."""
    unrewarded: float | None = None
    """What an answer without a reward counts as, such as 0 where a gate shuts out wrong answers;
    left out, it is in no mean."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Prompts that the policy is not trained on, and how good an answer to them is."""

    prompts: Sequence[Prompt]
    reward: Reward
    identify: Identify

    @property
    def families(self) -> list[str]:
        """In the order of the prompts."""
        return list(dict.fromkeys(prompt.family for prompt in self.prompts))


def check_steps(num_steps: int, num_checks: int) -> list[int]:
    """The start, the end, and `num_checks` steps at even distances between them."""
    return sorted({round(num_steps * i / (num_checks + 1)) for i in range(num_checks + 2)})


class Choice:
    """The checks of one training: their curve in a file, and the weights of the best on disk.

    `out/curve.jsonl` has a line for each check: step, mean reward, its unknown, off-target rate and
    length in characters, over all and for each language. `out/best/STEP.safetensors` are the
    trained weights of the best check, and of the best one at the last checkpoint, from which a
    killed training goes on.
    """

    def __init__(
        self, trainer: Any, tokenizer: Any, out: Path, config: ChooseConfig, held_out: HeldOut
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
        self._path = out / "curve.jsonl"
        self._best = out / "best"
        self._done: set[int] = set()
        """Steps of the checks so far: every process knows them, and the first one writes them."""
        self._checkpoint = 0
        """The last step that a killed training would go on from."""

    @property
    def curve(self) -> list[dict[str, Any]]:
        """The lines of the checks so far, in the order of their steps."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text("utf-8").splitlines()]

    def begin(self, checkpoint: str | None) -> None:
        """Forgets the checks after the checkpoint: they are made again."""
        if self._trainer.is_world_process_zero():
            forget_lines_after(self._path, checkpoint)
        self._trainer.accelerator.wait_for_everyone()
        self._done = {line["step"] for line in self.curve}
        self._checkpoint = int(checkpoint.rsplit("-", 1)[1]) if checkpoint else 0

    def saved(self, step: int) -> None:
        """Called when there is a checkpoint of a step."""
        self._checkpoint = step

    def reached(self, step: int, num_steps: int) -> None:
        """Checks the policy where a check is due; what is in the curve already is not done again.

        A line is written after the weights that it tells of.
        """
        if step in self._done or step not in check_steps(num_steps, self._config.num_checks):
            return
        self._done.add(step)
        line = {"step": step, **self._measured()}
        if not self._trainer.is_world_process_zero():
            return
        lines = [*self.curve, line]
        if best_line(lines) is line:
            self._keep_weights(step)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._forget_weights(lines)

    def restore(self) -> dict[str, Any]:
        """Puts the weights of the best check into the model; which it is, and the curve.

        Where no answer of any check had a reward, nothing can be chosen: the last step stays.
        """
        from safetensors.torch import load_file

        lines = self.curve
        best = best_line(lines)
        if best is None:
            return {"chosen_step": None, "curve": lines}
        if best["step"] != self._trainer.state.global_step:
            kept = load_file(self._weights(best["step"]))
            model = self._trainer.accelerator.unwrap_model(self._trainer.model)
            unknown = model.load_state_dict(kept, strict=False).unexpected_keys
            assert not unknown, unknown
        return {"chosen_step": best["step"], "curve": lines}

    def _measured(self) -> dict[str, Any]:
        """Every process answers its share of the prompts; each has the means over all."""
        from accelerate.utils import gather_object

        accelerator = self._trainer.accelerator
        share = self._held_out.prompts[accelerator.process_index :: accelerator.num_processes]
        rows = gather_object(self._rows(share) if share else [])
        worth = [
            self._config.unrewarded if row["reward"] is None else row["reward"] for _, row in rows
        ]
        known = [value for value in worth if value is not None]
        return {
            "value": sum(known) / len(known) if known else None,
            **means([row for _, row in rows], MAY_LACK),
            "languages": by_language(rows, MAY_LACK),
        }

    def _rows(self, prompts: Sequence[Prompt]) -> list[tuple[str, Row]]:
        answers = self._answers(prompts)
        completions = [
            Completion(
                p.family, p.prompt_id, p.answer_language, "policy", 0, a.text, a.finish_reason
            )
            for p, a in zip(prompts, answers, strict=True)
        ]
        rewards = self._held_out.reward(prompts, completions)
        tags = self._held_out.identify([answer.text for answer in answers])
        return [
            (
                prompt.language,
                {
                    "reward": reward if reward is not None and math.isfinite(reward) else None,
                    "off_target": None if tag is None else float(tag != prompt.answer_language),
                    "cut_off": float(answer.finish_reason == FinishReason.LENGTH),
                    "num_chars": len(answer.text),
                },
            )
            for prompt, answer, reward, tag in zip(prompts, answers, rewards, tags, strict=True)
        ]

    def _answers(self, prompts: Sequence[Prompt]) -> list[Sampled]:
        """Greedy, by the policy as it stands, which is afterwards as it was."""
        trainer = self._trainer
        model = trainer.accelerator.unwrap_model(trainer.model)
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        settings, was_training = causal.generation_config, model.training
        config = TransformersConfig(path="policy", batch_tokens=self._config.batch_tokens)
        model.eval()
        try:
            loaded = CausalModel.in_training(causal, self._tokenizer, "policy")
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
        temporary = self._best / "weights.tmp"
        save_file(trained, temporary)
        temporary.rename(self._weights(step))

    def _forget_weights(self, lines: Sequence[dict[str, Any]]) -> None:
        """All but those of the best check, and of the best one up to the last checkpoint."""
        up_to = [line for line in lines if line["step"] <= self._checkpoint]
        kept = {self._weights(best["step"]) for some in (lines, up_to) if (best := best_line(some))}
        for path in set(self._best.glob("*.safetensors")) - kept:
            path.unlink()

    def _weights(self, step: int) -> Path:
        return self._best / f"{step}.safetensors"


def best_line(lines: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The line with the highest value, of equal ones the earliest; None where none has one."""
    known = [line for line in lines if line["value"] is not None]
    return max(known, key=lambda line: line["value"], default=None)


def as_callback(choice: Choice) -> Any:
    """What the trainer calls at its start, after each step and after each checkpoint."""
    from transformers import TrainerCallback

    class Checks(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            choice.reached(state.global_step, state.max_steps)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            choice.reached(state.global_step, state.max_steps)

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            choice.saved(state.global_step)

    return Checks()
