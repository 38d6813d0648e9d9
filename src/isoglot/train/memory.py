"""Peak memory of a training on each device, before it starts.

Counted for TRL 1.16 and transformers 5 as they are called here: a batch of
`per_device_train_batch_size` rows of the longest length; DPO reads chosen and rejected in one pass;
the output head is computed in tiles, so that logits (vocabulary * length * batch) never exist as a
whole. `bench/memory.py` holds it against measured peaks and published ones.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from isoglot.models.memory import BYTES, Device, Memory
from isoglot.models.shape import ModelShape
from isoglot.train.precision import Precision, precision_of
from isoglot.train.settings import TrainConfig

_TILE_ROWS, _TILE_COLUMNS = 4096, 32768  # TRL: trl/kernels/chunked_logprob.py, trl/trainer/utils.py
DEFAULT_LENGTH = 1024
"""Default of `max_length` of DPOConfig and SFTConfig, in tokens."""
_UNLIMITED = 4096  # tokens that the longest row is assumed to have where `max_length` is null
_STATES: Mapping[str, float] = {
    "8bit": 2.03,
    "4bit": 1.03,
    "adafactor": 0.1,
    "sgd": 0.0,
    "lion": 4.0,
    "rmsprop": 4.0,
}
"""Bytes of the optimiser for each trained weight, by a word of its name; AdamW has two numbers."""
_BETA = {"rloo": 0.05, "grpo": 0.0}
"""Defaults of TRL's configs: without a `beta` there is no reference."""
_DISTILLED = {"full_logits": 7, "topk_logits": 5, "sampled_token": 3}
"""Numbers for each completion token and word of the vocabulary by `distillation_mode` (measured,
docs/LOG.md): of `full_logits` logits and log-probabilities of both models, and the divergence."""
_BUCKETS = 2 * 5e8 * 2  # bytes; DeepSpeed reduces gradients through buckets of 5e8 numbers


class Sharding(NamedTuple):
    """The parts of a training that its processes share, by `launch.config`."""

    num_processes: int = 1
    config: str = "none"
    """`none` for one process; `ddp`, `fsdp2`, `zero2`, `zero3`."""

    @property
    def of_weights(self) -> int:
        """The number of processes that weights are divided by."""
        return self.num_processes if self.config in ("fsdp2", "zero3") else 1

    @property
    def of_optimiser(self) -> int:
        """The number of processes that optimiser and gradients are divided by."""
        return self.num_processes if self.config in ("fsdp2", "zero2", "zero3") else 1


def training_length(config: TrainConfig, prompt_tokens: int) -> int:
    """Return the tokens of the longest row; `prompt_tokens` matter to online training alone."""
    training = config.training
    if config.is_online:
        return prompt_tokens + max_completion_length(config)
    return int(training.get("max_length", DEFAULT_LENGTH) or _UNLIMITED)


def max_completion_length(config: TrainConfig) -> int:
    """Return the most tokens of a completion in online training."""
    return int(config.training.get("max_completion_length") or 512)


def training_memory(
    shape: ModelShape,
    config: TrainConfig,
    device: Device,
    length: int,
    sharding: Sharding = Sharding(),  # noqa: B008 - a constant
) -> Memory:
    """Return the peak memory of a training on rows of `length` tokens, part by part."""
    moments = training_moments(shape, config, device, length, sharding)
    return max(moments, key=lambda moment: moment.total)


def training_moments(
    shape: ModelShape,
    config: TrainConfig,
    device: Device,
    length: int,
    sharding: Sharding = Sharding(),  # noqa: B008 - a constant
) -> list[Memory]:
    """Return the memory at the moments of a step of which one is the peak.

    These are the end of the forward pass, when all activations exist and with accumulation the
    gradients too; the end of the backward pass, when all gradients do; and in online training the
    end of the answers.
    """
    training = config.training
    precision = precision_of(
        training, config.lora, config.quantization, can_bfloat16=_trains_in_bfloat16(device)
    )
    static = _static(shape, config, precision, sharding)
    gradients = _gradients(shape, config, precision, sharding)
    rows = int(training.get("per_device_train_batch_size", 8))
    tokens = rows * length * (2 if config.method in ("dpo", "reward") else 1)
    given = training.get("gradient_checkpointing", not device.is_cpu)
    checkpoints = bool(training.get("activation_checkpointing", given))  # its new name
    activations = _activations(shape, config, precision, tokens, length, checkpoints=checkpoints)
    logits = (
        _distilled_logits(shape, config, precision, rows)
        if config.method == "sdft"
        else _logits(shape, config, precision, tokens, device)
    )
    accumulates = int(training.get("gradient_accumulation_steps", 1)) > 1
    forward = {
        "activations": activations,
        "logits": logits,
        "16-bit copies": _copies(shape, config, precision, sharding),
        "gradients": gradients if accumulates else 0.0,
    }
    backward = {
        "gradients": gradients + _tied(shape, config),
        "activations": _one_layer(shape, config, precision, tokens, length),
    }
    moments: list[Mapping[str, float]] = [forward, backward]
    if config.is_online:
        moments.append(_writing(shape, training, precision, length, gradients * accumulates))
    return [Memory({**static, **moment}) for moment in moments]


def num_trained(shape: ModelShape, config: TrainConfig) -> int:
    """Return the number of weights that a training changes."""
    if config.lora is None:
        return shape.num_weights
    targets = shape.targets(config.lora.targets)
    return sum(config.lora.r * (inputs + outputs) for _, inputs, outputs in targets)


def _trains_in_bfloat16(device: Device) -> bool:
    return device.can_bfloat16 and not device.is_cpu


def _size(name: str, shape: ModelShape) -> float:
    return BYTES.get(shape.dtype if name == "auto" else name, 4)


def _static(
    shape: ModelShape, config: TrainConfig, precision: Precision, sharding: Sharding
) -> dict[str, float]:
    """Weights, optimiser and reference, which exist all the time."""
    trained = num_trained(shape, config)
    size = _size(precision.loaded, shape)
    weights = shape.num_weights * size
    if precision.weights == "4bit":
        weights = shape.num_linear_weights * BYTES["4bit"]
        weights += (shape.num_weights - shape.num_linear_weights) * size
    kept = BYTES[precision.adapters] if precision.adapters else size
    adapters = trained * kept if config.lora else 0.0
    optim = str(config.training.get("optim", "adamw_torch_fused"))
    states = next((each for word, each in _STATES.items() if word in optim), 2 * kept)
    master = 0.0
    if sharding.config in ("zero2", "zero3") and precision.compute != "float32":
        # DeepSpeed trains 16-bit weights, and keeps them in float32 beside the optimiser.
        weights, adapters, master, states = shape.num_weights * 2.0, adapters / kept * 2, 4.0, 8.0
    reads_reference = config.is_rewarded and config.training.get("beta", _BETA[config.method])
    has_teacher = config.method == "sdft" and config.training.get("teacher_model_kind") != "live"
    has_reference = config.lora is None and (
        reads_reference
        or has_teacher
        or (config.method == "dpo" and not config.training.get("precompute_ref_log_probs", True))
        or bool(config.training.get("sync_ref_model"))
    )
    gathered = 0.0
    if sharding.of_weights > 1:  # two layers at a time, and what belongs to none
        layer = shape.num_linear_weights / shape.num_layers
        gathered = 2.0 * (2 * layer + shape.num_weights - shape.num_linear_weights)
    return {
        "weights": (weights + adapters) / sharding.of_weights + gathered,
        "optimiser": trained * (states + master) / sharding.of_optimiser,
        "reference": weights / sharding.of_weights if has_reference else 0.0,
    }


def _gradients(
    shape: ModelShape, config: TrainConfig, precision: Precision, sharding: Sharding
) -> float:
    trained = num_trained(shape, config)
    kept = BYTES[precision.adapters] if precision.adapters else _size(precision.loaded, shape)
    if sharding.config in ("zero2", "zero3"):
        kept = 2.0 if precision.compute != "float32" else kept
        return trained * kept / sharding.of_optimiser + min(_BUCKETS, 2 * trained * kept)
    if sharding.config == "ddp":
        return 2 * trained * kept  # and the buckets that they are averaged in
    return trained * kept / sharding.of_optimiser


def _tied(shape: ModelShape, config: TrainConfig) -> float:
    """Gradients of an output head that is the embedding, before the two are added."""
    is_tied = shape.num_weights - shape.num_linear_weights < 1.5 * shape.num_head_weights
    return 8.0 * shape.num_head_weights if is_tied and config.lora is None else 0.0


def _copies(
    shape: ModelShape, config: TrainConfig, precision: Precision, sharding: Sharding
) -> float:
    """Weights of 32 bits that are computed with in 16: autocast keeps copies until the backward."""
    if not precision.is_mixed or config.lora or sharding.of_weights > 1:
        return 0.0
    return 0.0 if sharding.config == "zero2" else 2.0 * shape.num_linear_weights


def _layer(shape: ModelShape, config: TrainConfig, precision: Precision, length: int) -> float:
    """Bytes that one layer keeps of a token for its backward pass: norms, attention, MLP, adapters.

    Each term was read off the tensors that autograd saves (docs/LOG.md, memory of trainings).
    """
    compute, hidden = BYTES[precision.compute], shape.hidden
    is_full, is_wide = config.lora is None, _size(precision.loaded, shape) == 4
    norms = 2 * hidden * 4.0  # what goes in, in float32
    norms += 2 * hidden * (4.0 if is_wide else 2.0) * is_full  # what their weights multiply
    linear = 2 * hidden * compute
    if is_wide and compute < 4:  # cast from 32 bits for each of q, k, v, gate and up
        linear = 5 * hidden * compute
    elif not is_full and compute < 4:  # PEFT hands its adapters an input of their own
        linear = 6 * hidden * compute
    attention = 4 * shape.num_heads * shape.head_dim * compute + length * compute  # and the mask
    mlp = 4 * shape.intermediate * compute
    inner = config.lora.r * len(shape.linear) / shape.num_layers * compute if config.lora else 0.0
    return norms + linear + attention + mlp + inner


def _one_layer(
    shape: ModelShape, config: TrainConfig, precision: Precision, tokens: int, length: int
) -> float:
    """Bytes of the layer whose backward pass is computed: what it kept, and its gradients."""
    compute = BYTES[precision.compute]
    passing = (3 * shape.intermediate + 2 * shape.hidden) * compute
    return tokens * (_layer(shape, config, precision, length) + passing)


def _activations(
    shape: ModelShape,
    config: TrainConfig,
    precision: Precision,
    tokens: int,
    length: int,
    *,
    checkpoints: bool,
) -> float:
    if not checkpoints:
        return tokens * _layer(shape, config, precision, length) * shape.num_layers
    stream = 4.0 if _size(precision.loaded, shape) == 4 else BYTES[precision.compute]
    kept = tokens * shape.num_layers * shape.hidden * stream
    return kept + _one_layer(shape, config, precision, tokens, length)


def _logits(
    shape: ModelShape, config: TrainConfig, precision: Precision, tokens: int, device: Device
) -> float:
    """Tiles of the output head, the float32 gradient of its input, and that of its weights."""
    columns = min(shape.vocabulary, _TILE_COLUMNS) if device.is_cpu else _TILE_COLUMNS
    tile = min(tokens, _TILE_ROWS) * columns * BYTES[precision.compute]
    tiles = 7.5 * tile if device.is_cpu else tile  # without Triton: temporary tiles, measured
    return tiles + tokens * shape.hidden * 8.0 + _head_gradient(shape, config, precision)


def _distilled_logits(
    shape: ModelShape, config: TrainConfig, precision: Precision, rows: int
) -> float:
    """Logits of student and teacher as a whole in float32, and what their divergence makes."""
    mode = config.training.get("distillation_mode", "topk_logits")
    num_tokens = rows * max_completion_length(config)
    whole = _DISTILLED.get(mode, 5) * num_tokens * shape.vocabulary * 4.0
    return whole + _head_gradient(shape, config, precision)


def _head_gradient(shape: ModelShape, config: TrainConfig, precision: Precision) -> float:
    if config.lora is not None:
        return 0.0
    size = _size(precision.loaded, shape)
    return shape.num_head_weights * (4.0 + (size if size < 4 else 0.0))


def _writing(
    shape: ModelShape, training: Mapping[str, Any], precision: Precision, length: int, kept: float
) -> dict[str, float]:
    """Completions of online training: the cache of a batch of answers."""
    rows = int(training.get("per_device_train_batch_size", 8))
    steps = training.get("steps_per_generation") or training.get("gradient_accumulation_steps", 1)
    batch = training.get("generation_batch_size") or rows * int(steps)
    size = BYTES[precision.compute]
    return {
        "cache": shape.cache_elements * size * length * int(batch),
        "logits": 3.0 * int(batch) * shape.vocabulary * 4,
        "gradients": kept,
    }
