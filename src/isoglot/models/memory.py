"""Memory of a model that reads or writes, part by part, in bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from isoglot.models.local.config import WeightsConfig
from isoglot.models.shape import ModelShape

GIB = 2**30
BYTES: Mapping[str, float] = {"float32": 4, "bfloat16": 2, "float16": 2, "4bit": 0.516, "fp8": 1}
"""Bytes of a number; NF4 has 4 bits, and 0.127 for its constants, quantized (arXiv:2305.14314)."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak memory on one device, in bytes."""

    parts: Mapping[str, float] = field(default_factory=dict)
    """Part by its name, in the order of size that a reader expects; they exist at one time."""

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return sum(self.parts.values())

    def describe(self) -> str:
        """Write the total and its parts in GiB, largest first."""
        known = sorted(self.parts.items(), key=lambda part: -part[1])
        parts = ", ".join(f"{name} {size / GIB:.1f}" for name, size in known if size >= GIB / 20)
        return f"{self.total / GIB:.1f} GiB ({parts})" if parts else f"{self.total / GIB:.1f} GiB"


class Device(NamedTuple):
    """A device that models run on."""

    name: str
    num_bytes: float
    """Its memory."""
    can_bfloat16: bool = True
    is_cpu: bool = False

    @property
    def usable(self) -> float:
        """Bytes that a model can have.

        A CPU's memory holds the system and other programs: a tenth is left to them. An accelerator
        has its context and kernels (0.75 GiB), and 4 % stay unusable between blocks; both assumed.
        """
        return 0.9 * self.num_bytes if self.is_cpu else 0.96 * self.num_bytes - 0.75 * GIB


def inference_dtype(config: WeightsConfig, shape: ModelShape, device: Device) -> str:
    """Return the precision that a model is loaded in for inference."""
    given = config.dtype.removeprefix("torch.")
    if given != "auto":
        return given
    saved = shape.dtype
    return saved if device.can_bfloat16 or saved != "bfloat16" else "float32"


def transformers_memory(
    config: WeightsConfig, shape: ModelShape, device: Device, length: int
) -> Memory:
    """Return the memory of engine transformers on rows of `length` tokens, answer included.

    A batch has `batch_tokens`, or one row. It needs the cache of all its tokens, the widest layer
    of the prompts, which are read at once, and float32 logits of one token of each row.
    """
    dtype = inference_dtype(config, shape, device)
    size = BYTES.get(dtype, 2)
    tokens = max(config.batch_tokens, length)
    rows = tokens // length
    wide = 3 * shape.intermediate + 4 * shape.hidden
    return Memory(
        {
            "weights": shape.num_weights * size,
            "cache": shape.cache_elements * size * tokens,
            "activations": wide * size * tokens / 2,
            "logits": 3.0 * rows * shape.vocabulary * 4,
        }
    )


def vllm_memory(config: WeightsConfig, shape: ModelShape, device: Device, length: int) -> Memory:
    """Return the least memory of vLLM on each of its accelerators, for one row of `length` tokens.

    It takes `gpu_memory_utilization` of the device whatever it needs: what is left over holds the
    cache of more rows.
    """
    settings = config.vllm
    size = BYTES.get(
        settings.quantization or "", BYTES.get(inference_dtype(config, shape, device), 2)
    )
    window = settings.max_model_len or shape.window or length
    split = settings.tensor_parallel_size
    return Memory(
        {
            "weights": shape.num_weights * size / split,
            "cache": shape.cache_elements * 2 * window / split,
            "activations": 2.0 * GIB,  # what vLLM itself keeps for a batch of 2,048 to 8,192 tokens
        }
    )


def vllm_rows(config: WeightsConfig, shape: ModelShape, device: Device, length: int) -> int:
    """Return how many rows of `length` tokens the cache of vLLM holds at a time."""
    needed = vllm_memory(config, shape, device, length)
    room = config.vllm.gpu_memory_utilization * device.num_bytes
    room -= needed.total - needed.parts["cache"]
    row = shape.cache_elements * 2 * length / config.vllm.tensor_parallel_size
    return max(0, int(room // row))


def likelihood_memory(
    config: WeightsConfig, shape: ModelShape, device: Device, batch_tokens: int
) -> Memory:
    """Return the memory of a model that gives likelihoods: it reads, and keeps at most 2^28 logits
    and their logarithms in float32."""
    dtype = inference_dtype(config, shape, device)
    logits = 2.0 * min(2**28, batch_tokens * shape.vocabulary) * 4
    return Memory({**reading_memory(shape, dtype, batch_tokens).parts, "logits": logits})


def reading_memory(shape: ModelShape, dtype: str, batch_tokens: int) -> Memory:
    """Return the memory of a model that reads and writes nothing: a reward model."""
    size = BYTES.get(dtype, 2)
    wide = 3 * shape.intermediate + 4 * shape.hidden
    return Memory(
        {"weights": shape.num_weights * size, "activations": wide * size * batch_tokens * 1.0}
    )
