"""Precision of a training: what its weights are loaded in, and what it computes in.

TRL loads float32 unless told otherwise. That is right for weights that are trained: at a learning
rate of 1e-6 most updates of AdamW are smaller than half a unit in the last of bfloat16's 8 bits
and would be lost. It is waste for a frozen base under adapters, which is loaded in bfloat16.
"""

from typing import Any, NamedTuple

from isoglot.core.environment import fast_bfloat16
from isoglot.train.adapters import LoraConfig, QuantizationConfig


class Precision(NamedTuple):
    """Precision of a training on one kind of device."""

    weights: str
    """`float32`, `bfloat16`, `float16`, `auto` (as saved), or `4bit` for a quantized base."""
    loaded: str
    """The `dtype` of `from_pretrained`; of a base in 4 bits, that of its other weights."""
    compute: str
    """`float32`, or the 16 bits of mixed precision."""
    adapters: str | None
    """Precision of the adapters; None where all weights are trained."""

    @property
    def is_mixed(self) -> bool:
        """True if weights of 32 bits are computed with in 16."""
        return self.weights == "float32" != self.compute


def precision_of(
    training: dict[str, Any],
    lora: LoraConfig | None,
    quantization: QuantizationConfig | None,
    *,
    can_bfloat16: bool,
) -> Precision:
    """Return the precision of a training on a device that has bfloat16 or has not.

    `training` (`bf16`, `fp16`, `model_init_kwargs.dtype`) wins over the defaults.
    """
    fp16 = bool(training.get("fp16"))
    bf16 = bool(training.get("bf16", can_bfloat16 and not fp16))
    compute = "bfloat16" if bf16 else "float16" if fp16 else "float32"
    given = (training.get("model_init_kwargs") or {}).get("dtype")
    default = compute if quantization else "bfloat16" if lora and bf16 else "float32"
    loaded = str(given or default).removeprefix("torch.")
    if quantization:
        return Precision("4bit", loaded, compute, "bfloat16")  # TRL's, as arXiv:2305.14314 has it
    return Precision(loaded, loaded, compute, "float32" if lora else None)


def trains_in_bfloat16() -> bool:
    """Return True if a GPU of this machine computes in bfloat16.

    On a CPU a training is always in float32, so that its numbers are those of any other CPU.
    """
    import torch

    return torch.cuda.is_available() and fast_bfloat16("cuda")
