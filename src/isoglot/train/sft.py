"""Supervised fine-tuning, on demonstrations or on the chosen side of preferences."""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Demonstration
from isoglot.train.adapters import adapter_arguments
from isoglot.train.arguments import training_arguments
from isoglot.train.examples import load_completions, record_type
from isoglot.train.packing import PackedCollator, check_isolation, split_rows
from isoglot.train.policy import Policy, prepare_policy
from isoglot.train.selection import HeldOut
from isoglot.train.settings import OnStep, TrainConfig, no_step, quiet
from isoglot.train.trainer import PerLanguage, Recorder, make_trainer, run_training


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
    """Fine-tune `policy` on completions, with the loss on these alone; return a summary.

    The files hold demonstrations, or preferences, of which the chosen side is trained on. Rows of
    more than `max_length` tokens are left out whole, and counted by language as `too_long`. Same
    files left, resuming and errors as `train_dpo`; `nll` has no meaning here, since the likelihood
    is the whole loss. With `packing` several rows share a sequence, none sees another, and log and
    `n` are of rows as without it.
    """
    with quiet():
        policy = prepare_policy(policy, out)
        from trl import SFTTrainer

        args = training_arguments(config, policy, out, seed=seed)

        def prepare(rows: Any, tokenizer: Any) -> Any:
            adapters = adapter_arguments(config.lora, config.quantization)
            trainer = make_trainer(
                PerLanguageSFT, SFTTrainer, policy, args, rows, tokenizer, on_step, **adapters
            )
            if args.packing:
                check_isolation(trainer)
            return trainer

        has_demonstrations = record_type(files) is Demonstration
        given: dict[str, Any] = {"seed": seed, "held_out": held_out}
        given["num_key"] = "num_demonstrations" if has_demonstrations else "num_preferences"
        given["load"] = load_completions
        return run_training(files, policy, out, config, prepare, **given)


class PerLanguageSFT(PerLanguage):
    """SFT with the log-probability of every completion, for the log."""

    @property
    def num_kept(self) -> int:
        """The number of rows, of which a packed sequence holds several."""
        return self._num_kept

    @property
    def cut(self) -> Mapping[str, int]:
        """None: a row that is too long is left out."""
        return {}

    def too_long(self, rows: Any) -> Mapping[str, int]:  # noqa: ARG002
        """Return the rows by language that are longer than `max_length`."""
        return self._too_long

    def list_languages(self) -> Sequence[str]:
        """Return the languages of the rows before packing."""
        return self._languages

    def example_lengths(self) -> Sequence[int]:
        """Return the tokens of each sequence."""
        return [len(ids) for ids in self.train_dataset["input_ids"]]

    def language_collator(self) -> Any:
        """Return TRL's collator with the language of each row."""
        if self.args.packing:
            return PackedCollator(self.data_collator, self.languages)
        return super().language_collator()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **counts: Any
    ) -> Any:
        """Return TRL's loss, unchanged."""
        import torch

        assert not return_outputs
        languages = inputs.pop("language")
        self.count_tokens(inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])))
        recorded = Recorder(model)
        loss = super().compute_loss(recorded, inputs, **counts)
        found = recorded.outputs.log_probs, recorded.outputs.label_mask
        if self.args.packing:
            positions = inputs["position_ids"]
            found = tuple(split_rows(each, positions, len(languages)) for each in found)
        logps, num_tokens = (each.sum(dim=1) for each in found)
        per_token = logps / num_tokens.clamp(min=1)
        self.record(loss, languages, {"logp_chosen": logps, "logp_chosen_per_token": per_token})
        return loss

    def _prepare_dataset(
        self, rows: Any, tokenizer: Any, args: Any, packing: bool, *others: Any
    ) -> Any:
        """Prepare as TRL does, but whole rows: it would cut off the end, which is the answer."""
        from trl import pack_dataset

        unlimited = copy(args)
        unlimited.max_length = None
        whole = super()._prepare_dataset(rows, tokenizer, unlimited, False, *others)
        for place, labels in enumerate(whole["labels"]):
            if all(label == -100 for label in labels):
                raise InputError(
                    f"expected a chat template that writes the answer, got one that loses it in "
                    f"row {place + 1} ({whole[place]['language']}); mend the template of the "
                    "tokenizer"
                )
        fitting = self._fitting(whole, args.max_length)
        if not packing:
            return fitting
        places = {tag: place for place, tag in enumerate(self._languages)}
        marked = fitting.map(
            lambda row: {"languages": [places[row["language"]]] * len(row["input_ids"])}
        )
        columns = marked.select_columns(["input_ids", "labels", "languages"])
        # In the order of the files a sequence would hold one language.
        return pack_dataset(columns.shuffle(seed=args.seed), args.max_length, args.packing_strategy)

    def _fitting(self, rows: Any, max_length: int | None) -> Any:
        """Select the rows that are not too long; raise InputError where a language has none."""
        languages, lengths = rows["language"], [len(ids) for ids in rows["input_ids"]]
        fits = [i for i, n in enumerate(lengths) if max_length is None or n <= max_length]
        kept, of_all = Counter(languages[i] for i in fits), Counter(languages)
        self._too_long = {tag: n - kept[tag] for tag, n in sorted(of_all.items()) if n > kept[tag]}
        self._languages, self._num_kept = sorted(of_all), len(fits)
        if emptied := [tag for tag in sorted(of_all) if not kept[tag]]:
            raise InputError(
                f"expected rows of at most max_length {max_length} tokens in every language, got "
                f"none in {', '.join(emptied)} (the shortest of all rows has {min(lengths)}); "
                f"raise `max_length`, or leave the language out"
            )
        return rows.select(fits)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if "languages" not in self._signature_columns:
            self._signature_columns = [*self._signature_columns, "languages"]
