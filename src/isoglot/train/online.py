"""Online training on the policy's own completions, over TRL's RLOOTrainer and GRPOTrainer."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from isoglot.core.answer_language import thought_languages
from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled
from isoglot.core.records import Completion, FinishReason, Message, Prompt, prompt_key
from isoglot.core.store import LATER
from isoglot.core.thinking import ThoughtMarks
from isoglot.models.local.encoder import PromptEncoder
from isoglot.models.local.template import render_chat
from isoglot.models.local.weights import load_config
from isoglot.train.adapters import adapter_arguments
from isoglot.train.arguments import training_arguments
from isoglot.train.examples import load_columns
from isoglot.train.order import LanguageBalanced, Repeated
from isoglot.train.policy import Policy, prepare_policy
from isoglot.train.selection import MAY_LACK, HeldOut, Identify, Reward
from isoglot.train.settings import OnStep, TrainConfig, no_step, quiet
from isoglot.train.trainer import PerLanguage, make_trainer, run_training

# Shards of earlier versions may lack the others, of which TRL would use `completion` as its own.
_COLUMNS = [field.name for field in fields(Prompt) if field.name not in LATER]


def train_online(
    prompt_files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    reward: Reward,
    identify: Identify,
    *,
    seed: int,
    on_step: OnStep = no_step,
    held_out: HeldOut | None = None,
) -> dict[str, Any]:
    """Train `policy` on its own completions of prompts; return a summary of the training.

    By `rloo` (Back to Basics, arXiv:2402.14740, section 3) each of the k completions of a prompt is
    weighted by its reward, less `beta` times its KL to the start, less the mean of the others. By
    `grpo` (DeepSeekMath, arXiv:2402.03300, section 4.1) it is weighted by its reward less the mean
    of all k, over their standard deviation, and the KL is a term of the loss.

    A completion without a reward takes no part: it is in no mean and has no weight, and neither has
    one whose siblings have no reward. Same files, resuming and errors as `train_dpo`; log and
    summary have, by language, reward, spread of the rewards of a prompt (highest less lowest), KL,
    length in tokens, off-target rates of answers and thoughts, and the numbers of completions
    without a reward, a spread, a language or a thought of a known one. Prompts that leave no room
    for `max_completion_length` in the context window are left out and counted.
    """
    with quiet(), _without_notices(config.method):
        policy = prepare_policy(policy, out)
        args = training_arguments(config, policy, out, seed=seed)

        def prepare(rows: Any, tokenizer: Any) -> Any:
            return make_trainer(
                PerLanguageOnline,
                _trainer_of(config.method),
                policy,
                args,
                fitting_rows(rows, rows["prompt"], tokenizer, policy, args),
                tokenizer,
                on_step,
                reward_funcs=Rewarder(reward, identify, tokenizer, policy.thought_marks),
                **adapter_arguments(config.lora, config.quantization),
            )

        given: dict[str, Any] = {"seed": seed, "held_out": held_out}
        given |= {"load": _load_prompts, "num_key": "num_prompts"}
        return run_training(prompt_files, policy, out, config, prepare, **given)


class Rewarder:
    """TRL's reward function over ours; keeps the log values of the last completions."""

    __name__ = "reward"

    def __init__(
        self,
        reward: Reward,
        identify: Identify,
        tokenizer: Any,
        thought_marks: ThoughtMarks = "auto",
    ) -> None:
        self._reward = reward
        self._identify = identify
        self._encoder = PromptEncoder.of_tokenizer(tokenizer, "policy", thought_marks)
        self.eos_ids: Sequence[int] = ()
        self.seen: dict[str, list[float]] = {}
        """Values of the completions by column; NaN where one has none."""

    def __call__(self, *, completion_ids: list[list[int]], **columns: Any) -> list[float | None]:
        """Return the rewards; `columns` are those of the dataset, as long as `completion_ids`."""
        columns["prompt"] = columns.pop("prompts")
        rows = zip(*(columns[name] for name in _COLUMNS), strict=True)
        prompts = [Prompt(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]
        completions = [
            self._completion(prompt, i, ids)
            for i, (prompt, ids) in enumerate(zip(prompts, completion_ids, strict=True))
        ]
        rewards = self._reward(prompts, completions)
        wanted = [prompt.answer_language for prompt in prompts]
        off_target, thought_off_target = (
            [
                math.nan if tag is None else tag != asked
                for tag, asked in zip(tags, wanted, strict=True)
            ]
            for tags in (
                self._identify([each.text for each in completions]),
                thought_languages(self._identify, completions),
            )
        )
        self.seen = {
            "reward": [math.nan if reward is None else reward for reward in rewards],
            "num_tokens": [len(ids) for ids in completion_ids],
            "cut_off": [each.finish_reason == FinishReason.LENGTH for each in completions],
            "off_target": off_target,
            "thought_off_target": thought_off_target,
        }
        return rewards

    def _completion(self, prompt: Prompt, sample: int, ids: list[int]) -> Completion:
        sampled = sampled_of(self._encoder, prompt.prompt, ids, self.eos_ids)
        key = (*prompt_key(prompt), prompt.answer_language, "policy", sample)
        return Completion(*key, sampled.text, sampled.finish_reason, thought=sampled.thought)


def sampled_of(
    encoder: PromptEncoder, prompt: Sequence[Message], ids: Sequence[int], eos_ids: Sequence[int]
) -> Sampled:
    """Return answer and thought in the tokens that the policy wrote after a prompt."""
    # The end may be a mark of thoughts, too, as `<|end|>` is, which `decode_answer` keeps.
    ends = set(eos_ids).intersection(encoder.tokenizer.all_special_ids)
    text = encoder.decode([token for token in ids if token not in ends])
    reason = FinishReason.STOP if ids and ids[-1] in eos_ids else FinishReason.LENGTH
    opened = encoder.opens_thinking(render_chat(encoder.tokenizer, prompt))
    return Sampled.of_text(text, reason, opened=opened, marks=encoder.marks)


class CompletingTrainer(PerLanguage):
    """The mixin of the trainers that complete prompts, some of each language in every batch."""

    left_out = "leave no room for max_completion_length {max_completion_length}"

    def language_collator(self) -> Any:
        """Return TRL's, which hands on the rows as they are, with the language."""
        return self.data_collator

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        args, rows = self.args, self.train_dataset if dataset is None else dataset
        groups = rows["language"] if self._is_balanced else [""] * len(rows)
        return Repeated(
            LanguageBalanced(groups, args.seed),
            args.generation_batch_size // args.num_generations,
            args.num_generations,
            args.num_iterations * args.steps_per_generation,
        )


class PerLanguageOnline(CompletingTrainer):
    """RLOO or GRPO with every completion for the log."""

    may_lack = (*MAY_LACK, "thought_off_target", "spread")

    def start_log(self, log_path: Path, config: TrainConfig) -> None:
        """Prepare to log, and give the rewarder the end tokens, which are known now."""
        super().start_log(log_path, config)
        self.reward_funcs[0].eos_ids = self.eos_token_ids
        self._forwards: list[Any] = []
        self._skips = config.skip_without_spread

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **counts: Any) -> Any:
        """Return TRL's loss, unchanged."""
        loss = super().compute_loss(model, inputs, *args, **counts)
        self.check_loss(loss)
        return loss

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        self._forwards.clear()
        batch = super()._generate_and_score_completions(inputs)
        mask = batch["completion_mask"]
        for each in (batch["prompt_mask"], mask):  # read once for each use of the batch
            self.count_tokens(each * self.args.num_iterations)
        seen = {
            name: torch.tensor(values, dtype=torch.float32, device=mask.device)
            for name, values in self.reward_funcs[0].seen.items()
        }
        if self.beta:
            policy, reference = self._policy_and_reference(batch)
            seen["kl"] = ((policy - reference) * mask).sum(dim=1)
        places = [self.languages.index(row["language"]) for row in inputs]
        values = torch.stack(list(seen.values()), dim=1)
        places, values = self.accelerator.gather((torch.tensor(places, device=mask.device), values))
        spread = spread_of(values[:, list(seen).index("reward")], self.num_generations)
        self.keep_rows([*seen, "spread"], places, torch.cat((values, spread[:, None]), dim=1))
        if self._skips:
            first = self.accelerator.process_index * len(inputs)
            has_spread = ~spread[first : first + len(inputs)].isnan()
            batch["completion_mask"] = mask * has_spread[:, None]
            num_items = self.accelerator.gather(batch["completion_mask"].sum()).sum()
            batch["num_items_in_batch"] = num_items
        return batch

    def _policy_and_reference(self, batch: dict[str, Any]) -> tuple[Any, Any]:
        """Return the log-probabilities of the tokens of a batch by both models.

        GRPO itself needs those of the policy only where a batch serves several steps.
        """
        import torch

        *policy, reference = self._forwards
        if not policy:
            names = ("ids", "mask")
            both = (torch.cat((batch[f"prompt_{n}"], batch[f"completion_{n}"]), 1) for n in names)
            num, rows = batch["completion_ids"].shape[1], self.args.per_device_train_batch_size
            with torch.no_grad():
                found = self._get_per_token_logps_and_entropies(
                    self.model, *both, num, batch_size=rows
                )
            policy = [found[0]]
        return policy[0], reference

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if not found[0].requires_grad:  # of the policy that completed, then of the reference
            self._forwards.append(found[0])
        return found

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        self._signature_columns = [*_COLUMNS]


def spread_of(rewards: Any, num_generations: int) -> Any:
    """Return for each completion the highest less the lowest reward of its prompt, of equal shape.

    `rewards` are those of the completions, prompt by prompt, NaN where one has none. NaN where no
    two rewards of a prompt differ.
    """
    import torch

    groups = rewards.view(-1, num_generations)
    lowest = groups.nan_to_num(nan=torch.inf).amin(dim=1)
    highest = groups.nan_to_num(nan=-torch.inf).amax(dim=1)
    spread = torch.where(highest > lowest, highest - lowest, torch.nan)
    return spread.repeat_interleave(num_generations)


def _trainer_of(method: str) -> type:
    """Return TRL's trainer."""
    from trl import GRPOTrainer, RLOOTrainer

    return {"rloo": RLOOTrainer, "grpo": GRPOTrainer}[method]


def _load_prompts(files: Sequence[Path], cache: Path, held_out: Sequence[str] = ()) -> Any:
    return load_prompts(files, cache, _COLUMNS, held_out)


def load_prompts(
    files: Sequence[Path], cache: Path, columns: Sequence[str], held_out: Sequence[str]
) -> Any:
    """Load columns of prompts; InputError for none, or one that does not end with the user."""
    rows: Any = load_columns(files, cache, columns, held_out) if files else []
    if len(rows) == 0:
        raise InputError(f"expected prompts to train on, got none in {len(files)} files")
    if any(prompt[-1]["role"] != "user" for prompt in rows["prompt"]):
        raise InputError(
            "expected prompts that end with the user's turn, which the policy answers in training, "
            "got another; leave out the beginning of the answer"
        )
    return rows


def fitting_rows(
    rows: Any, read: Sequence[Sequence[Message]], tokenizer: Any, policy: Policy, args: Any
) -> Any:
    """Select the rows whose turns, as they are `read`, leave room for a completion.

    Raises InputError if they fill no batch.
    """
    config = load_config(policy.path, policy.arguments).get_text_config()
    window = getattr(config, "max_position_embeddings", None) or math.inf
    texts = tokenizer.apply_chat_template(list(read), add_generation_prompt=True, tokenize=False)
    ids = tokenizer(texts, add_special_tokens=False)["input_ids"]
    places = [i for i, row in enumerate(ids) if len(row) + args.max_completion_length <= window]
    wanted = args.generation_batch_size // args.num_generations
    if len(places) < wanted:
        raise InputError(
            f"expected {wanted} prompts for a batch of {args.generation_batch_size} answers, got "
            f"{len(places)} of {len(rows)} that leave room for max_completion_length "
            f"{args.max_completion_length} in {window} tokens; take more prompts, or lower "
            f"per_device_train_batch_size or max_completion_length"
        )
    return rows.select(places)


@contextmanager
def _without_notices(method: str) -> Iterator[None]:
    """Hide TRL's notice of an unrewarded completion in every batch; the log counts them."""
    notices = logging.getLogger(f"trl.trainer.{method}_trainer")
    level = notices.level
    notices.setLevel(logging.ERROR)
    try:
        yield
    finally:
        notices.setLevel(level)
