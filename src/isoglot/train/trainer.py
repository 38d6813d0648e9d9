"""Additions to TRL's trainers: a log by language, batches of like length, an end to a NaN loss.

They are mixins over TRL's public methods, combined with a trainer where TRL is imported: TRL keeps
only the mean of a batch, and drops every column that its loss does not read.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.verbosity import tell
from isoglot.models.local.template import writes_date
from isoglot.train.arguments import library_refusals
from isoglot.train.examples import first_of_each_form, first_of_each_language, load_preferences
from isoglot.train.folder import claim, finished_summary, last_checkpoint, remove_scratch
from isoglot.train.log import (
    LogRow,
    append_line,
    flat,
    forget_lines_after,
    mean_loss,
    means_by_language,
    read_log,
)
from isoglot.train.mixing import draw_evenly, mix
from isoglot.train.order import LanguageBalanced, LengthGrouped
from isoglot.train.policy import Policy
from isoglot.train.probe import probe_of
from isoglot.train.saving import diverged, save_policy
from isoglot.train.selection import CheckpointSelection, HeldOut
from isoglot.train.settings import OnStep, TrainConfig
from isoglot.train.template import check_template, check_turns, end_ids, load_training_tokenizer
from isoglot.train.thoughts import write_thoughts
from isoglot.train.trackers import keep_tensorboard

_Trainer: Any = object
"""Stands for TRL's trainer, which is the second base where TRL is imported."""

_LOGGED = ("epoch", "loss", "learning_rate", "grad_norm")


class Recorder:
    """A model that keeps its last outputs: TRL does not hand out the log-probabilities."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model
        self.outputs: Any = None

    def __call__(self, **inputs: Any) -> Any:
        self.outputs = self._model(**inputs)
        return self.outputs


class LanguageCollator:
    """TRL's collator, and the language of each example as its place in the list of languages."""

    def __init__(self, collate: Callable[..., dict[str, Any]], languages: Sequence[str]) -> None:
        self._collate = collate
        self._places = {language: place for place, language in enumerate(languages)}

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch = self._collate(examples)
        batch["language"] = torch.tensor(self.places(examples))
        return batch

    def places(self, examples: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the place of each example's language."""
        return [self._places[example["language"]] for example in examples]


class PerLanguage(_Trainer):
    """The mixin of all our trainers; `start_log` is called once, before training."""

    data_collator: Any
    _signature_columns: list[str]
    on_step: OnStep
    may_lack: Sequence[str] = ()
    """Columns of the log that an example may have no value in."""
    left_out = "have more than max_length {max_length} tokens"
    """The reason why rows are left out, with settings of TRL in braces."""
    _num_new_tokens: Any = 0

    @property
    def num_kept(self) -> int:
        """The number of examples that are trained on."""
        return len(self.train_dataset)

    @property
    def cut(self) -> Mapping[str, int]:
        """The examples by language that are longer than `max_length`, and are cut to it."""
        limit = getattr(self.args, "max_length", None) or math.inf
        tags = self.train_dataset["language"] if self.lengths else ()
        pairs = zip(tags, self.lengths, strict=True)
        return _counted(Counter(tag for tag, length in pairs if length > limit))

    def too_long(self, rows: Any) -> Mapping[str, int]:
        """Return the rows by language that were left out because of their length."""
        return _counted(Counter(rows["language"]) - Counter(self.train_dataset["language"]))

    def list_languages(self) -> Sequence[str]:
        """Return the languages of the examples, in the order of their tags."""
        return sorted(set(self.train_dataset["language"]))

    def example_lengths(self) -> Sequence[int]:
        """Return the tokens of each row of the prepared dataset; none where no order needs them."""
        return []

    def language_collator(self) -> Any:
        """Return TRL's collator with the language."""
        return LanguageCollator(self.data_collator, self.languages)

    def start_log(self, log_path: Path, config: TrainConfig) -> None:
        """Prepare to log to `log_path`."""
        self.languages = self.list_languages()
        self.lengths = self.example_lengths()
        self._is_balanced = config.is_balanced
        self._log_path = log_path
        self._rows: list[tuple[str, LogRow]] = []
        self.data_collator = self.language_collator()

    def count_tokens(self, mask: Any) -> None:
        """Count the tokens of a batch of this process, those where the mask is 1."""
        self._num_new_tokens += mask.detach().sum()

    def new_tokens(self) -> int:
        """Return the tokens since the last call, about as many in each process."""
        num, self._num_new_tokens = int(self._num_new_tokens), 0
        return num * self.accelerator.num_processes

    def check_loss(self, loss: Any) -> None:
        """Raise InputError for a loss that is not finite, before it reaches a weight."""
        import torch

        if not torch.isfinite(loss):
            raise diverged(self.state.global_step + 1)

    def record(self, loss: Any, languages: Any, columns: Mapping[str, Any]) -> None:
        """Check the loss, and keep the columns (tensors of the batch's size) for the log."""
        import torch

        self.check_loss(loss)
        values = torch.stack([column.detach().float() for column in columns.values()], dim=1)
        # Not gather_for_metrics: at the end of an epoch that cuts every batch of a step to the size
        # of the last. Rows that fill up the last batch are trained on, and counted, twice.
        # Packed sequences hold as many rows as fit, which differs from process to process.
        both = self.accelerator.pad_across_processes((languages, values), pad_index=-1)
        self.keep_rows(columns, *self.accelerator.gather(both))

    def keep_rows(self, names: Iterable[str], places: Any, values: Any) -> None:
        """Keep the gathered rows for the log; NaN in a column of `may_lack` is no value."""
        for place, row in zip(places.tolist(), values.tolist(), strict=True):
            if place < 0:
                continue
            known = {
                name: None if name in self.may_lack and math.isnan(value) else value
                for name, value in zip(names, row, strict=True)
            }
            self._rows.append((self.languages[place], known))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as TRL does, and a line with the means of each language since the last line."""
        languages = means_by_language(self._rows, self.may_lack) if "loss" in logs else {}
        if languages and self.is_world_process_zero():
            line = {"step": self.state.global_step, **{k: logs[k] for k in _LOGGED if k in logs}}
            append_line(self._log_path, {**line, "languages": languages})
        super().log({**logs, **flat(languages)} if self.args.report_to else logs, start_time)
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


def make_trainer(
    mixin: type[PerLanguage],
    trl_trainer: type,
    policy: Policy,
    args: Any,
    rows: Any,
    tokenizer: Any,
    on_step: OnStep,
    **arguments: Any,
) -> Any:
    """Return TRL's trainer with a mixin over it, before its log is started.

    Raises:
        InputError: settings that a library refuses, such as unknown `lora.targets`.
    """
    own = {"on_step": staticmethod(on_step)}
    trainer_class = type(f"Language{trl_trainer.__name__}", (mixin, trl_trainer), own)
    with library_refusals():
        return trainer_class(
            model=policy.path,
            args=args,
            train_dataset=rows,
            processing_class=tokenizer,
            **arguments,
        )


def run_training(
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    prepare: Callable[[Any, Any], Any],
    *,
    seed: int,
    held_out: HeldOut | None,
    load: Callable[[Sequence[Path], Path, Sequence[str]], Any] = load_preferences,
    num_key: str = "num_preferences",
) -> dict[str, Any]:
    """Run a training, or resume it; return its summary, at once if it is done.

    `prepare` makes the trainer from rows and tokenizer. Called by every process of a training; the
    first one prepares the data and writes the files.
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
        tokenizer = load_training_tokenizer(policy)
        rows = write_thoughts(load(files, out / "cache", families), tokenizer, config.thoughts)
        if config.method == "reward":
            check_turns(tokenizer, first_of_each_form(rows))
        else:
            check_template(tokenizer, end_ids(policy, tokenizer), first_of_each_form(rows))
        if config.num_preferences:
            rows = rows.select(draw_evenly(rows, config.num_preferences, seed))
        if config.mixing:
            rows = rows.select(mix(rows, config.mixing, seed))
        if processes.is_main_process:
            given = out, files, policy, config, seed, families, processes.num_processes
            claim(*given, with_date=writes_date(tokenizer))
    if (summary := finished_summary(out)) is not None:
        if processes.is_main_process:
            remove_scratch(out)
        return summary
    trainer = prepare(rows, tokenizer)
    trainer.start_log(out / "log.jsonl", config)
    keep_tensorboard(trainer, out)
    counts = _count_rows(trainer, rows, num_key)
    selection = None
    if config.choose and held_out:
        checked = config.choose, held_out, policy.thought_marks
        selection = CheckpointSelection(trainer, tokenizer, out, *checked)
    is_reward = config.method == "reward"
    probe = probe_of(first_of_each_language(rows), tokenizer, trainer.model, is_reward=is_reward)
    summary = {**counts, **_run(trainer, out, selection)}
    save_policy(trainer, tokenizer, policy, out, summary, probe)
    saved = finished_summary(out)
    assert saved is not None
    return saved


def _count_rows(trainer: Any, rows: Any, num_key: str) -> dict[str, Any]:
    """Count the rows, and tell how many in which language are left out or cut because of their
    length."""
    too_long, cut = trainer.too_long(rows), trainer.cut
    for counts, what in (
        (too_long, f"{trainer.left_out} and are left out"),
        (cut, f"{PerLanguage.left_out} and are cut to it"),
    ):
        if counts and trainer.is_world_process_zero():
            which = ", ".join(f"{tag} {num}" for tag, num in counts.items())
            why = what.format_map(vars(trainer.args))
            tell(f"{sum(counts.values())} of {len(rows)} rows {why}: {which}")
    return {
        num_key: len(rows),
        "num_dropped": len(rows) - trainer.num_kept,
        "num_truncated": sum(cut.values()),
        "too_long": too_long,
        "cut": cut,
    }


def _counted(counts: Counter[str]) -> dict[str, int]:
    """The counts that are not zero, in the order of the tags."""
    return {tag: num for tag, num in sorted(counts.items()) if num}


def _run(trainer: Any, out: Path, selection: CheckpointSelection | None) -> dict[str, Any]:
    """Train from the last complete checkpoint; the first process returns the summary."""
    from accelerate.utils import broadcast_object_list
    from transformers import PrinterCallback

    found: list[str | None] = [None]
    if trainer.is_world_process_zero():  # it tidies up too: the others would race with it
        found = [last_checkpoint(out / "checkpoints")]
        forget_lines_after(out / "log.jsonl", found[0])
    broadcast_object_list(found)
    (checkpoint,) = found
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_progress(trainer))
    if selection:
        selection.resume(checkpoint)
        trainer.add_callback(selection.callback())
    result = trainer.train(resume_from_checkpoint=checkpoint)
    if not trainer.is_world_process_zero():
        return {}
    lines = read_log(out / "log.jsonl")
    return {
        "policy": str(out / "policy"),
        "num_steps": trainer.state.global_step,
        "num_tokens": trainer.state.num_input_tokens_seen,
        "loss": mean_loss(lines),  # the trainer's own is of the steps since a resume
        "seconds": result.metrics["train_runtime"],
        "resumed_from": Path(checkpoint).name if checkpoint else None,
        "languages": lines[-1]["languages"],
        **(selection.restore() if selection else {}),
    }


def _progress(trainer: Any) -> Any:
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        _num_batches = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            self._show(state)

        def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            self._num_batches += 1
            self._show(state, self._num_batches / args.gradient_accumulation_steps)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            # The last steps would end no window, and a short training would have no log at all.
            # What no line has when a checkpoint is saved is lost to a resume from there.
            control.should_log |= state.global_step == state.max_steps or control.should_save
            self._num_batches = 0
            self._show(state)

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            control.should_log |= control.should_save

        def _show(self, state: Any, part: float = 0) -> None:
            num_tokens = trainer.new_tokens()
            # Kept in checkpoints, and free: TRL counts input tokens only where it is asked to.
            state.num_input_tokens_seen += num_tokens
            if state.is_world_process_zero:
                trainer.on_step(state.global_step + part, state.max_steps, num_tokens)

    return Progress()
