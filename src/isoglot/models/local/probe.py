"""Compare what a model computes on a few rows, when a policy is saved and when it is loaded.

A policy of our own has a file beside its weights with rows of tokens and what it computed on them.
A folder whose weights were exchanged, half copied or read in another way computes something else.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.store import write_json

CHECK = "isoglot_check.json"
"""The file beside the weights: `is_reward`, `dtype`, and `rows` of `language`, `ids`, `value`."""

_EXACT, _ROUNDED, _QUANTIZED = 1e-3, 0.05, 0.5
_MAX_TOKENS = 512  # of all rows that are read again when a policy is loaded


def tolerance_of(one: str, other: str) -> float:
    """Return by how much values may differ: 0.001 where both have 32 bits, 0.05 where one has 16,
    0.5 where the base was trained in 4; of rewards beyond 1, as a share of them.

    Rounding to bfloat16 moves the mean log-probability of a token by up to 0.01 (docs/LOG.md).
    """
    if one == "4bit":
        return _QUANTIZED
    return _EXACT if one == other == "float32" else _ROUNDED


def probe_values(
    rows: Sequence[Sequence[int]], model: Any, device: Any, *, is_reward: bool
) -> list[float]:
    """Return the mean log-probability of a token of each row, or its reward; one row at a time.

    Every process of a training calls it, since each may hold a part of the weights.
    """
    import torch

    was_training = model.training
    model.eval()
    values = []
    with torch.no_grad():
        for row in rows:
            ids = torch.tensor([row], device=device)
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()
            if is_reward:
                values.append(float(logits[0, 0]))
            else:
                logps = logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])
                values.append(float(logps.mean()))
    model.train(was_training)
    return values


def is_near(value: float, other: float, tolerance: float, *, is_reward: bool) -> bool:
    """True for values within the tolerance; never for one that is not finite."""
    return abs(value - other) <= tolerance * (max(1, abs(other)) if is_reward else 1)


def write_check(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    ids: Sequence[Sequence[int]],
    dtype: str,
    *,
    is_reward: bool,
) -> None:
    """Write what the model in a folder computes on rows: their `language` and `saved` value."""
    rows = [
        {"language": row["language"], "ids": list(tokens), "value": row["saved"]}
        for row, tokens in zip(rows, ids, strict=True)
    ]
    write_json(folder / CHECK, {"is_reward": is_reward, "dtype": dtype, "rows": rows})


def check_loaded(folder: Path, model: Any) -> None:
    """Compare what a model from a folder computes with what was written when it was saved.

    Nothing is compared without the file, or where the file is of a reward model and the model is
    none, or the other way round. Up to 512 tokens are read, of one row at least.

    Raises:
        InputError: it computes something else; names the language and both values.
    """
    path = folder / CHECK
    if not path.exists():
        return
    mend = "delete the file if the folder was changed on purpose; else train or copy it again"
    check = read_json(path, mend=mend)
    try:
        rows, is_reward, dtype = check["rows"], check["is_reward"], check["dtype"]
        if is_reward != type(model).__name__.endswith("ForSequenceClassification"):
            return
        sums = [sum(len(row["ids"]) for row in rows[: num + 1]) for num in range(len(rows))]
        kept = [row for row, tokens in zip(rows, sums, strict=True) if tokens <= _MAX_TOKENS]
        kept = kept or rows[:1]
        values = probe_values(
            [row["ids"] for row in kept], model, model.device, is_reward=is_reward
        )
        tolerance = tolerance_of(dtype, str(model.dtype).removeprefix("torch."))
        for row, value in zip(kept, values, strict=True):
            if not is_near(value, row["value"], tolerance, is_reward=is_reward):
                what = "reward" if is_reward else "log-probability a token"
                raise InputError(
                    f"{folder}: expected the {what} of the policy that was saved there, within "
                    f"{tolerance:g}, came {value:.2f} for {row['value']:.2f} in {row['language']} "
                    f"({CHECK}); {mend}"
                )
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: expected rows with ids and a value; {mend}") from error
