"""The check of every training: the saved policy computes what the trained one did.

A row of each language is read by the trained model before it is saved, and by the saved one as
anybody loads it. What lies between them may err in silence: the merging of adapters, tied weights,
the gathering of shards, a change of precision, the tokenizer.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import RunError
from isoglot.models.local.template import load_tokenizer
from isoglot.models.local.weights import load_weights
from isoglot.train.template import row_ids

_MIN_TOKENS, _MAX_TOKENS = 16, 256
_MAX_COST = 5e13
"""Tokens times parameters of all rows: minutes on a processor, where the policy is loaded if an
accelerator has no room for it."""

_EXACT, _ROUNDED, _QUANTIZED = 1e-3, 0.05, 0.5


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


def probe_values(probe: Probe, model: Any, device: Any) -> list[float]:
    """Return the mean log-probability of a token of each row, or its reward; one row at a time.

    Every process of a training calls it, since each may hold a part of the weights.
    """
    import torch

    was_training = model.training
    model.eval()
    values = []
    with torch.no_grad():
        for row in probe.ids:
            ids = torch.tensor([row], device=device)
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()
            if probe.is_reward:
                values.append(float(logits[0, 0]))
            else:
                logps = logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])
                values.append(float(logps.mean()))
    model.train(was_training)
    return values


def tolerance_of(trained: str, saved: str) -> float:
    """Return by how much values may differ: 0.001 where both have 32 bits, 0.05 where one has 16,
    0.5 where the base was trained in 4; of rewards beyond 1, as a share of them.

    Rounding to bfloat16 moves the mean log-probability of a token by up to 0.01 (docs/LOG.md).
    """
    if trained == "4bit":
        return _QUANTIZED
    return _EXACT if trained == saved == "float32" else _ROUNDED


def check_saved(
    probe: Probe, trained: Sequence[float], folder: Path, tolerance: float, device: str
) -> dict[str, Any]:
    """Load the saved policy, and compare it with what the trained one computed; return both.

    Raises:
        RunError: the policy differs, or its tokenizer does; names the language and both values.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    tokenizer = load_tokenizer(str(folder), {})
    for row, ids in zip(probe.rows, probe.ids, strict=True):
        if row_ids(tokenizer, row)[: len(ids)] != ids:
            raise RunError(
                f"expected the tokens of the training from the saved tokenizer, came others in "
                f"{row['language']}; the policy is not kept. Give the model a tokenizer that "
                "survives `save_pretrained`"
            )
    auto = AutoModelForSequenceClassification if probe.is_reward else AutoModelForCausalLM
    model, _ = load_weights(auto, str(folder), {}, dtype="auto", device=device)
    saved = probe_values(probe, model, torch.device(device))
    found = []
    for row, before, after in zip(probe.rows, trained, saved, strict=True):
        scale = max(1, abs(before)) if probe.is_reward else 1
        if not abs(before - after) <= tolerance * scale:
            raise RunError(
                f"expected the {probe.unit} of the trained policy from the saved one, within "
                f"{tolerance:g}, came {after:.2f} for {before:.2f} in {row['language']}; the "
                "policy is not kept. Train other modules (`lora.targets`) or all weights (no "
                "`lora`)"
            )
        found.append({"language": row["language"], "trained": before, "saved": after})
    return {"of": probe.unit, "tolerance": tolerance, "rows": found}
