"""Packing of several rows into one sequence: no row sees another, and each has its log values.

TRL packs whole rows (best fit decreasing) and begins the positions of each at 0, by which
transformers' attention keeps them apart: `flash` by the lengths, `sdpa` and `eager` by a mask.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from isoglot.core.errors import InputError
from isoglot.train.trainer import LanguageCollator

_PROBE_TOKENS = 8
_TOLERANCE = 1e-3
"""Largest change of a row's logits, relative to their spread, when the row before it changes."""


class PackedCollator(LanguageCollator):
    """TRL's collator, and the language of each row of packed sequences."""

    def places(self, examples: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the language of each row, which its first token has."""
        return [
            example["languages"][start]
            for example in examples
            for start in accumulate(example["seq_lengths"][:-1], initial=0)
        ]


def split_rows(values: Any, position_ids: Any, num_rows: int) -> Any:
    """Split the tokens' values of a packed sequence: (1, tokens) → (num_rows, tokens - 1).

    Rows begin where `position_ids` is 0, and have zeros at the tokens of the others; the first
    token of all has no value, as in TRL.
    """
    import torch

    row = (position_ids[0] == 0).cumsum(dim=0)[1:] - 1
    values = values[0, -len(row) :].float()
    found = torch.zeros(int(row.max()) + 1, len(row), device=values.device, dtype=values.dtype)
    found[row, torch.arange(len(row), device=row.device)] = values
    return found[:num_rows]


def check_isolation(trainer: Any) -> None:
    """Raise InputError where the logits of a packed row depend on the row before it."""
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    attention = getattr(model.config, "_attn_implementation", None) or ""
    if attention.startswith("flash"):
        return  # it is given the lengths, and may need a device that the model is not on yet
    ids = trainer.train_dataset[0]["input_ids"][:_PROBE_TOKENS]
    others = [(each + 1) % model.config.get_text_config().vocab_size for each in ids]
    logits, was_training = [], model.training
    model.eval()
    for first in (ids, others):
        packed = {"input_ids": first + ids, "labels": first + ids, "seq_lengths": [len(ids)] * 2}
        batch = trainer.data_collator([packed])
        batch.pop("labels")
        given = {k: v.to(model.device) if hasattr(v, "to") else v for k, v in batch.items()}
        with torch.no_grad():
            logits.append(model(**given, use_cache=False).logits[0, len(ids) :].float())
    model.train(was_training)
    if (logits[0] - logits[1]).abs().max() > _TOLERANCE * logits[0].std():
        raise InputError(
            f"expected rows of a packed sequence to be apart, got {model.config.model_type} with "
            f"attention {attention or 'of its own'}, in which a row sees the one before it; remove "
            f"`packing`, or try another attn_implementation in `model_init_kwargs`"
        )
