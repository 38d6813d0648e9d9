"""What we add to TRL's trainers: a log per language, batches of like length, an end to a NaN loss.

Subclasses, since TRL keeps the mean of a batch only and drops every column that its loss does not
read. They are mixins over TRL's public methods, joined with a trainer where TRL is imported.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.train.common import (
    OnStep,
    Policy,
    TrainConfig,
    by_language,
    claim,
    diverged,
    finished,
    last_checkpoint,
    load_preferences,
    load_tokenizer,
    save_policy,
)

_Trainer: Any = object
"""Stands for TRL's trainer, which comes in as the second base where TRL is imported."""

_WINDOW_BATCHES = 50
_LOGGED = ("epoch", "loss", "learning_rate", "grad_norm")


class Recorder:
    """A model that remembers its last outputs: TRL keeps the log-probabilities to itself."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model
        self.outputs: Any = None

    def __call__(self, **inputs: Any) -> Any:
        self.outputs = self._model(**inputs)
        return self.outputs


class KeepLanguage:
    """TRL's collator, and the language of each example as its place in the list of languages."""

    def __init__(self, collate: Callable[..., dict[str, Any]], languages: Sequence[str]) -> None:
        self._collate = collate
        self._places = {language: place for place, language in enumerate(languages)}

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch = self._collate(examples)
        batch["language"] = torch.tensor(
            [self._places[example["language"]] for example in examples]
        )
        return batch


class LengthGrouped:
    """The order of an epoch: batches of like length, since padding costs, in a random order.

    A function of seed and epoch alone, so that a resumed epoch goes on in the same order; the batch
    with the longest example comes first, to run out of memory at once or never.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before an epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self._seed}:{self._epoch}")
        order = rng.sample(range(len(self)), len(self))
        window = self._batch_size * _WINDOW_BATCHES
        for start in range(0, len(order), window):
            order[start : start + window] = sorted(
                order[start : start + window], key=self._lengths.__getitem__
            )
        whole = len(order) - len(order) % self._batch_size
        batches = [order[i : i + self._batch_size] for i in range(0, whole, self._batch_size)]
        rng.shuffle(batches)
        batches.sort(key=lambda batch: not self._has_longest(batch))
        return iter([i for batch in batches for i in batch] + order[whole:])

    def _has_longest(self, batch: Sequence[int]) -> bool:
        return max(self._lengths[i] for i in batch) == max(self._lengths)


class PerLanguage(_Trainer):
    """The mixin of all our trainers; `follow` is called once, before training."""

    data_collator: Any
    _signature_columns: list[str]

    def follow(self, log_path: Path, lengths: Sequence[int]) -> None:
        """Logs to `log_path`; `lengths` are the tokens of each row of the prepared dataset."""
        self.languages: list[str] = sorted(set(self.train_dataset["language"]))
        self.lengths = lengths
        self._log_path = log_path
        self._rows: list[tuple[str, Mapping[str, float]]] = []
        self.data_collator = KeepLanguage(self.data_collator, self.languages)

    def note(self, loss: Any, languages: Any, columns: Mapping[str, Any]) -> None:
        """Keeps a value of each example (tensors of the batch's size) for the log.

        Raises ValueError for a loss that is no number, before it reaches a weight.
        """
        import torch

        if not torch.isfinite(loss):
            raise ValueError(diverged(self.state.global_step + 1))
        values = torch.stack([column.detach().float() for column in columns.values()], dim=1)
        # Not gather_for_metrics: at the end of an epoch that cuts every batch of a step to the size
        # of the last. Rows that fill up the last batch are learned from, and counted, twice.
        places, values = self.accelerator.gather((languages, values))
        for place, row in zip(places.tolist(), values.tolist(), strict=True):
            self._rows.append((self.languages[place], dict(zip(columns, row, strict=True))))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL, and a line with the means of each language since the last one."""
        super().log(logs, start_time)
        if "loss" in logs and self._rows and self.is_world_process_zero():
            line = {"step": self.state.global_step, **{k: logs[k] for k in _LOGGED if k in logs}}
            line["languages"] = by_language(self._rows)
            with self._log_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        self._rows.clear()

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        # The first process then writes the trainer's state, by which `last_checkpoint` knows that
        # the checkpoint is whole: every other has to have written its part.
        self.accelerator.wait_for_everyone()

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if "language" not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, "language"]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        batch_size = self.args.train_batch_size * self.args.world_size
        return LengthGrouped(self.lengths, batch_size, self.args.seed)


Prepare = Callable[[Any, Any], Any]
"""Rows and tokenizer → TRL's trainer over them, with the mixin of its method, following a log."""


def train(
    preference_files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    prepare: Prepare,
    *,
    seed: int,
    on_step: OnStep,
) -> dict[str, Any]:
    """The course of every training: what is done is returned, what was begun goes on.

    Called by every process of a training; the first one prepares the data and writes the files.
    """
    from accelerate import PartialState

    processes = PartialState()
    with processes.main_process_first():
        tokenizer = load_tokenizer(policy)
        rows = load_preferences(preference_files, out / "cache")
        if processes.is_main_process:
            claim(out, preference_files, policy, config, seed, processes.num_processes)
    if (summary := finished(out)) is not None:
        return summary
    trainer = prepare(rows, tokenizer)
    return _run(
        trainer, tokenizer=tokenizer, policy=policy, out=out, num_given=len(rows), on_step=on_step
    )


def _run(
    trainer: Any, *, tokenizer: Any, policy: Policy, out: Path, num_given: int, on_step: OnStep
) -> dict[str, Any]:
    """Trains from the last complete checkpoint, if there is one, and saves the policy."""
    from transformers import PrinterCallback

    checkpoint = _checkpoint_for_all(trainer, out)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_progress(on_step))
    result = trainer.train(resume_from_checkpoint=checkpoint)
    summary = {}
    if trainer.is_world_process_zero():
        max_length = trainer.args.max_length
        summary = {
            "policy": str(out / "policy"),
            "num_preferences": num_given,
            "num_dropped": num_given - len(trainer.train_dataset),
            "num_truncated": sum(n >= max_length for n in trainer.lengths) if max_length else 0,
            "num_steps": trainer.state.global_step,
            "loss": result.training_loss,
            "seconds": result.metrics["train_runtime"],
            "resumed_from": Path(checkpoint).name if checkpoint else None,
            "languages": _last_line(out / "log.jsonl")["languages"],
        }
    save_policy(trainer, tokenizer, policy, out, summary)
    saved = finished(out)
    assert saved is not None
    return saved


def _checkpoint_for_all(trainer: Any, out: Path) -> str | None:
    """What the first process finds, which also tidies up: the others would race with it."""
    from accelerate.utils import broadcast_object_list

    found: list[str | None] = [None]
    if trainer.is_world_process_zero():
        found[0] = last_checkpoint(out / "checkpoints")
        _forget_lines_after(out / "log.jsonl", found[0])
    broadcast_object_list(found)
    return found[0]


def _progress(on_step: OnStep) -> Any:
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            # The last steps would else end no window, and a short training have no log at all.
            control.should_log |= state.global_step == state.max_steps
            if state.is_world_process_zero:
                on_step(state.global_step, state.max_steps)

    return Progress()


def _forget_lines_after(log: Path, checkpoint: str | None) -> None:
    """Steps after the checkpoint are trained again, and logged again."""
    if not log.exists():
        return
    step = int(checkpoint.rsplit("-", 1)[1]) if checkpoint else 0
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    log.write_text("".join(kept), encoding="utf-8")


def _last_line(log: Path) -> dict[str, Any]:
    return json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
