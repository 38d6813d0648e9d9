"""The nearest setting of a training that fits a device: what is changed least comes first."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from isoglot.models.memory import Device, Memory
from isoglot.models.shape import ModelShape
from isoglot.train.adapters import LoraConfig, QuantizationConfig
from isoglot.train.memory import Sharding, training_length, training_memory
from isoglot.train.settings import TrainConfig

_SHORTEST = 256
"""Tokens below which no row is cut to make a training fit."""
_MOST_PROCESSES = 64


class Fit(NamedTuple):
    """A setting that fits, and its peak memory."""

    config: TrainConfig
    changes: Mapping[str, Any]
    """Keys below `train`, with their new values."""
    memory: Memory


def fit_training(
    shape: ModelShape,
    config: TrainConfig,
    device: Device,
    prompt_tokens: int,
    sharding: Sharding = Sharding(),  # noqa: B008 - a constant
) -> Fit | None:
    """Return the first setting that fits: this one, with gradient checkpointing, with fewer rows at
    a time and as many a step, with adapters, over a base in 4 bits, with shorter rows."""
    for changes in _attempts(config, device):
        tried = _changed(config, changes)
        length = training_length(tried, prompt_tokens)
        memory = training_memory(shape, tried, device, length, sharding)
        if memory.total <= device.usable:
            return Fit(tried, changes, memory)
    return None


def sharding_that_fits(
    shape: ModelShape, config: TrainConfig, device: Device, prompt_tokens: int
) -> Sharding | None:
    """Return the fewest processes whose shards of this training fit, by FSDP; None if none does."""
    num = 2
    while num <= _MOST_PROCESSES and not config.is_online:
        sharding = Sharding(num, "fsdp2")
        length = training_length(config, prompt_tokens)
        if training_memory(shape, config, device, length, sharding).total <= device.usable:
            return sharding
        num *= 2
    return None


def _attempts(config: TrainConfig, device: Device) -> Iterator[dict[str, Any]]:
    """Yield the changes to try, from none to the largest."""
    yield {}
    checkpoints = {"training.gradient_checkpointing": True}
    methods: list[dict[str, Any]] = [{}]
    if config.lora is None:
        methods.append({"lora": LoraConfig()})
    takes_4_bits = config.method not in ("reward", "sdft")
    if config.quantization is None and not device.is_cpu and takes_4_bits:
        methods.append({"lora": config.lora or LoraConfig(), "quantization": QuantizationConfig()})
    for method in methods:
        for batch in _batches(config):
            yield {**method, **checkpoints, **batch}
        for batch in _answers(config):
            yield {**method, **checkpoints, **batch}
    length = int(config.training.get("max_length") or 1024)
    smallest = list(_batches(config))[-1]
    while (length := length // 2) >= _SHORTEST and not config.is_online:
        yield {**methods[-1], **checkpoints, **smallest, "training.max_length": length}


def _batches(config: TrainConfig) -> Iterator[dict[str, Any]]:
    """Yield ever fewer rows at a time, with as many more batches a step."""
    rows = int(config.training.get("per_device_train_batch_size", 8))
    steps = int(config.training.get("gradient_accumulation_steps", 1))
    least = config.num_generations if config.is_online else 1
    factor = 1
    while rows % factor == 0 and rows // factor >= least:
        changes: dict[str, Any] = {}
        if factor > 1:
            changes["training.per_device_train_batch_size"] = rows // factor
            changes["training.gradient_accumulation_steps"] = steps * factor
            if config.is_online and (passes := config.training.get("steps_per_generation")):
                changes["training.steps_per_generation"] = int(passes) * factor
        yield changes
        factor *= 2


def _answers(config: TrainConfig) -> Iterator[dict[str, Any]]:
    """Yield ever fewer answers that online training writes at a time, with the fewest rows."""
    if not config.is_online:
        return
    smallest = list(_batches(config))[-1]
    steps = smallest.get("training.gradient_accumulation_steps")
    steps = steps or config.training.get("gradient_accumulation_steps", 1)
    passes = int(smallest.get("training.steps_per_generation") or steps)
    while (passes := passes // 2) >= 1:
        yield {**smallest, "training.steps_per_generation": passes}


def _changed(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    own = {key: value for key, value in changes.items() if "." not in key}
    of_trl = {k.removeprefix("training."): v for k, v in changes.items() if "." in k}
    return config.model_copy(update={**own, "training": {**config.training, **of_trl}})
