"""What we add to TRL's trainers: a log per language, batches of like length, an end to a NaN loss.

Subclasses, since TRL keeps the mean of a batch only and drops every column that its loss does not
read. They are mixins over TRL's public methods, joined with a trainer where TRL is imported.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.train.choose import Choice, HeldOut, as_callback
from isoglot.train.common import (
    OnStep,
    Policy,
    TrainConfig,
    diverged,
    load_tokenizer,
)
from isoglot.train.examples import first_of_each_language, load_preferences
from isoglot.train.folder import claim, finished, last_checkpoint, save_policy
from isoglot.train.log import Row, by_language, forget_lines_after, last_line
from isoglot.train.mixing import even_choice, mixed
from isoglot.train.order import LanguageBalanced, LengthGrouped
from isoglot.train.template import check_template, ends_of

_Trainer: Any = object
"""Stands for TRL's trainer, which comes in as the second base where TRL is imported."""

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


class PerLanguage(_Trainer):
    """The mixin of all our trainers; `follow` is called once, before training."""

    data_collator: Any
    _signature_columns: list[str]
    may_lack: Sequence[str] = ()
    """Columns of the log that an example may have no value in."""

    @property
    def num_kept(self) -> int:
        """Examples that are trained on."""
        return len(self.train_dataset)

    @property
    def num_truncated(self) -> int:
        """Examples that were cut to `max_length`."""
        max_length = getattr(self.args, "max_length", None)
        return sum(n >= max_length for n in self.lengths) if max_length else 0

    @property
    def told(self) -> Mapping[str, Any]:
        """What the summary of this method says beside the rest."""
        return {}

    def names(self) -> Sequence[str]:
        """The languages, in the order of their tags."""
        return sorted(set(self.train_dataset["language"]))

    def follow(self, log_path: Path, lengths: Sequence[int], config: TrainConfig) -> None:
        """Logs to `log_path`; `lengths` are the tokens of each row of the prepared dataset."""
        self.languages = self.names()
        self.lengths = lengths
        self._is_balanced = config.is_balanced
        self._log_path = log_path
        self._rows: list[tuple[str, Row]] = []
        self.data_collator = self.collator()

    def collator(self) -> Any:
        """TRL's collator, and the language."""
        return KeepLanguage(self.data_collator, self.languages)

    def check(self, loss: Any) -> None:
        """Raises InputError for a loss that is no number, before it reaches a weight."""
        import torch

        if not torch.isfinite(loss):
            raise InputError(diverged(self.state.global_step + 1))

    def note(self, loss: Any, languages: Any, columns: Mapping[str, Any]) -> None:
        """Checks the loss, and keeps a value of each example (tensors of the batch's size) for the
        log."""
        import torch

        self.check(loss)
        values = torch.stack([column.detach().float() for column in columns.values()], dim=1)
        # Not gather_for_metrics: at the end of an epoch that cuts every batch of a step to the size
        # of the last. Rows that fill up the last batch are learned from, and counted, twice.
        # Packed sequences hold as many rows as fit, which differs from process to process.
        both = self.accelerator.pad_across_processes((languages, values), pad_index=-1)
        self.keep(columns, *self.accelerator.gather(both))

    def keep(self, names: Iterable[str], places: Any, values: Any) -> None:
        """Keeps the gathered rows for the log; a column that a row may lack has NaN there."""
        for place, row in zip(places.tolist(), values.tolist(), strict=True):
            if place < 0:
                continue
            known = {
                name: None if name in self.may_lack and math.isnan(value) else value
                for name, value in zip(names, row, strict=True)
            }
            self._rows.append((self.languages[place], known))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL, and a line with the means of each language since the last one."""
        super().log(logs, start_time)
        if "loss" in logs and self._rows and self.is_world_process_zero():
            line = {"step": self.state.global_step, **{k: logs[k] for k in _LOGGED if k in logs}}
            line["languages"] = by_language(self._rows, self.may_lack)
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
        if self._is_balanced:
            return LanguageBalanced(self.train_dataset["language"], self.args.seed)
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        batch_size = self.args.train_batch_size * self.args.world_size
        return LengthGrouped(self.lengths, batch_size, self.args.seed)


Prepare = Callable[[Any, Any], Any]
"""Rows and tokenizer → TRL's trainer over them, with the mixin of its method, following a log."""


def train(
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    prepare: Prepare,
    *,
    seed: int,
    on_step: OnStep,
    held_out: HeldOut | None,
    load: Callable[[Sequence[Path], Path, Sequence[str]], Any] = load_preferences,
    num_key: str = "num_preferences",
) -> dict[str, Any]:
    """The course of every training: what is done is returned, what was begun goes on.

    Called by every process of a training; the first one prepares the data and writes the files.
    """
    from accelerate import PartialState

    if (config.choose is None) != (held_out is None):
        raise InputError(
            "expected `choose` together with prompts that are held out, got one without the other; "
            "give both"
        )
    families = held_out.families if held_out else []
    processes = PartialState()
    with processes.main_process_first():
        tokenizer = load_tokenizer(policy)
        rows = load(files, out / "cache", families)
        if config.method != "reward":
            ends = ends_of(policy, tokenizer)
            check_template(tokenizer, ends, first_of_each_language(rows))
        if config.num_preferences:
            rows = rows.select(even_choice(rows, config.num_preferences, seed))
        if config.mixing:
            rows = rows.select(mixed(rows, config.mixing, seed))
        if processes.is_main_process:
            claim(out, files, policy, config, seed, families, processes.num_processes)
    if (summary := finished(out)) is not None:
        return summary
    trainer = prepare(rows, tokenizer)
    given = {num_key: len(rows), "num_dropped": len(rows) - trainer.num_kept, **trainer.told}
    choice = None
    if config.choose and held_out:
        choice = Choice(trainer, tokenizer, out, config.choose, held_out)
    summary = {**given, **_run(trainer, out, choice, on_step)}
    save_policy(trainer, tokenizer, policy, out, summary)
    saved = finished(out)
    assert saved is not None
    return saved


def _run(trainer: Any, out: Path, choice: Choice | None, on_step: OnStep) -> dict[str, Any]:
    """Trains from the last complete checkpoint, if there is one, to the policy that is saved.

    The first process has that policy then, and the summary.
    """
    from transformers import PrinterCallback

    checkpoint = _checkpoint_for_all(trainer, out)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_progress(on_step))
    if choice:
        choice.begin(checkpoint)
        trainer.add_callback(as_callback(choice))
    result = trainer.train(resume_from_checkpoint=checkpoint)
    if not trainer.is_world_process_zero():
        return {}
    return {
        "policy": str(out / "policy"),
        "num_truncated": trainer.num_truncated,
        "num_steps": trainer.state.global_step,
        "loss": result.training_loss,
        "seconds": result.metrics["train_runtime"],
        "resumed_from": Path(checkpoint).name if checkpoint else None,
        "languages": last_line(out / "log.jsonl")["languages"],
        **(choice.restore() if choice else {}),
    }


def _checkpoint_for_all(trainer: Any, out: Path) -> str | None:
    """What the first process finds, which also tidies up: the others would race with it."""
    from accelerate.utils import broadcast_object_list

    found: list[str | None] = [None]
    if trainer.is_world_process_zero():
        found[0] = last_checkpoint(out / "checkpoints")
        forget_lines_after(out / "log.jsonl", found[0])
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
