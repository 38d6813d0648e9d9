"""Supervised fine-tuning, on demonstrations or on the chosen side of preferences."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Demonstration
from isoglot.train.adapters import adapter_arguments, whole_policy
from isoglot.train.choose import HeldOut
from isoglot.train.common import (
    OnStep,
    Policy,
    TrainConfig,
    no_step,
    quiet,
    training_arguments,
)
from isoglot.train.examples import load_answers, record_type
from isoglot.train.packing import KeepLanguages, check_apart, per_row
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

    The files hold demonstrations, or preferences, of which the chosen side is imitated. Rows of
    more than `max_length` tokens are left out whole, and counted for each language as `too_long`.
    Same files left, resuming and errors as `train_dpo`; `nll` has no meaning here, since the
    likelihood is the whole loss. With `packing` several rows share a sequence, none sees another,
    and log and `n` are of rows as without it.
    """
    with quiet():
        policy = whole_policy(policy, out)
        from trl import SFTConfig, SFTTrainer

        args = training_arguments(SFTConfig, config, policy, out / "checkpoints", seed=seed)

        def prepare(rows: Any, tokenizer: Any) -> Any:
            trainer_class = type("LanguageSFTTrainer", (PerLanguageSFT, SFTTrainer), {})
            trainer = trainer_class(
                model=policy.path,
                args=args,
                train_dataset=rows,
                processing_class=tokenizer,
                **adapter_arguments(config.lora, config.quantization),
            )
            if args.packing:
                check_apart(trainer)
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

    too_long: Mapping[str, int]

    @property
    def num_kept(self) -> int:
        """Rows, of which a packed sequence holds several."""
        return self._num_kept

    @property
    def told(self) -> Mapping[str, Any]:
        """Rows that were left out, by language."""
        return {"too_long": self.too_long}

    @property
    def num_truncated(self) -> int:
        """None: a row that is too long is left out."""
        return 0

    def names(self) -> Sequence[str]:
        """As they were before packing."""
        return self._names

    def collator(self) -> Any:
        """TRL's collator, and the language of each row."""
        return KeepLanguages(self.data_collator) if self.args.packing else super().collator()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **counts: Any
    ) -> Any:
        """TRL's loss, unchanged."""
        assert not return_outputs
        languages = inputs.pop("language")
        recorded = Recorder(model)
        loss = super().compute_loss(recorded, inputs, **counts)
        found = recorded.outputs.log_probs, recorded.outputs.label_mask
        if self.args.packing:
            found = tuple(per_row(each, inputs["position_ids"], len(languages)) for each in found)
        logps, num_tokens = (each.sum(dim=1) for each in found)
        per_token = logps / num_tokens.clamp(min=1)
        self.note(loss, languages, {"logp_chosen": logps, "logp_chosen_per_token": per_token})
        return loss

    def _prepare_dataset(
        self, rows: Any, tokenizer: Any, args: Any, packing: bool, *others: Any
    ) -> Any:
        """TRL's, of whole rows: it would cut off the end of a long one, which is the answer."""
        from trl import pack_dataset

        unlimited = copy(args)
        unlimited.max_length = None
        whole = super()._prepare_dataset(rows, tokenizer, unlimited, False, *others)
        _check_answers(whole)
        fitting = self._fitting(whole, args.max_length, is_first=args.process_index == 0)
        if not packing:
            return fitting
        places = {tag: place for place, tag in enumerate(self._names)}
        marked = fitting.map(
            lambda row: {"languages": [places[row["language"]]] * len(row["input_ids"])}
        )
        columns = marked.select_columns(["input_ids", "labels", "languages"])
        # In the order of the files a sequence would hold one language.
        return pack_dataset(columns.shuffle(seed=args.seed), args.max_length, args.packing_strategy)

    def _fitting(self, rows: Any, max_length: int | None, *, is_first: bool) -> Any:
        """The rows that are not too long; InputError where a language has none."""
        languages, lengths = rows["language"], [len(ids) for ids in rows["input_ids"]]
        fits = [i for i, n in enumerate(lengths) if max_length is None or n <= max_length]
        kept = Counter(languages[i] for i in fits)
        of_all = Counter(languages)
        self.too_long = {tag: n - kept[tag] for tag, n in sorted(of_all.items()) if n > kept[tag]}
        self._names, self._num_kept = sorted(of_all), len(fits)
        if emptied := [tag for tag in sorted(of_all) if not kept[tag]]:
            raise InputError(
                f"expected rows of at most max_length {max_length} tokens in every language, got "
                f"none in {', '.join(emptied)} (the shortest of all rows has {min(lengths)}); "
                f"raise `max_length`, or leave the language out"
            )
        if self.too_long and is_first:
            which = ", ".join(f"{tag} {n}" for tag, n in self.too_long.items())
            print(
                f"isoglot: {sum(self.too_long.values())} of {len(lengths)} rows have more than "
                f"max_length {max_length} tokens and are left out: {which}",
                file=sys.stderr,
            )
        return rows.select(fits)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if "languages" not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, "languages"]


def _check_answers(rows: Any) -> None:
    """Raise InputError where the chat template writes nothing of an answer."""
    for place, labels in enumerate(rows["labels"]):
        if all(label == -100 for label in labels):
            raise InputError(
                f"expected a chat template that writes the answer, got one that loses it in row "
                f"{place + 1} ({rows[place]['language']}); mend the template of the tokenizer"
            )
