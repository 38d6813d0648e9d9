"""The check of every training: the saved policy computes what the trained one did.

A row of each language is read by the trained model before it is saved, and by the saved one as
anybody loads it. What lies between them may err in silence: the merging of adapters, tied weights,
the gathering of shards, a change of precision, the tokenizer.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import RunError
from isoglot.models.local.probe import is_near, probe_values
from isoglot.models.local.template import load_tokenizer
from isoglot.models.local.weights import load_weights, located
from isoglot.train.template import row_ids

_MIN_TOKENS, _MAX_TOKENS = 16, 256
_MAX_COST = 5e13
"""Tokens times parameters of all rows: minutes on a processor, where the policy is loaded if an
accelerator has no room for it."""


class Probe(NamedTuple):
    """Rows to compare two models on, one of each language."""

    rows: Sequence[Mapping[str, Any]]
    """Rows as they are trained on: `language`, and `prompt` with its answers, or `text`."""
    ids: Sequence[list[int]]
    """The first tokens of each row."""
    is_reward: bool
    """Compare the reward of a row, not its log-probability."""

    @property
    def unit(self) -> str:
        """Name of the values."""
        return "reward" if self.is_reward else "log-probability a token"


def probe_of(
    rows: Iterable[Mapping[str, Any]], tokenizer: Any, model: Any, *, is_reward: bool
) -> Probe:
    """Make a probe of one row of each language, the shorter the larger the model."""
    found = [(row, ids) for row in rows if len(ids := row_ids(tokenizer, row)) > 1]
    size = sum(getattr(weight, "ds_numel", weight.numel()) for weight in model.parameters())
    affordable = int(_MAX_COST / max(1, size * len(found)))
    length = max(_MIN_TOKENS, min(_MAX_TOKENS, affordable))
    return Probe([row for row, _ in found], [ids[:length] for _, ids in found], is_reward)


def check_saved(
    probe: Probe, trained: Sequence[float], folder: Path, tolerance: float, device: str
) -> dict[str, Any]:
    """Load the saved policy, and compare it with what the trained one computed; return both.

    Raises:
        RunError: the policy differs, or its tokenizer does; names the language and both values.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    where = located(str(folder))
    tokenizer = load_tokenizer(*where)
    for row, ids in zip(probe.rows, probe.ids, strict=True):
        if row_ids(tokenizer, row)[: len(ids)] != ids:
            raise RunError(
                f"expected the tokens of the training from the saved tokenizer, came others in "
                f"{row['language']}; the policy is not kept. Give the model a tokenizer that "
                "survives `save_pretrained`"
            )
    auto = AutoModelForSequenceClassification if probe.is_reward else AutoModelForCausalLM
    model, _ = load_weights(auto, *where, dtype="auto", device=device)
    saved = probe_values(probe.ids, model, torch.device(device), is_reward=probe.is_reward)
    found = []
    for row, before, after in zip(probe.rows, trained, saved, strict=True):
        if not is_near(after, before, tolerance, is_reward=probe.is_reward):
            raise RunError(
                f"expected the {probe.unit} of the trained policy from the saved one, within "
                f"{tolerance:g}, came {after:.2f} for {before:.2f} in {row['language']}; the "
                "policy is not kept. Train other modules (`lora.targets`) or all weights (no "
                "`lora`)"
            )
        found.append({"language": row["language"], "trained": before, "saved": after})
    return {"of": probe.unit, "tolerance": tolerance, "rows": found}
