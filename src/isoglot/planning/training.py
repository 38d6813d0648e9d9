"""Optimiser steps of a training, counted as the trainers of transformers and TRL count them."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from isoglot.train.settings import TrainConfig

DEFAULTS = {
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "num_train_epochs": 3,
    "max_steps": -1,
}
"""Defaults of TRL's configs; a test compares them, since importing TRL takes seconds."""
ONLINE_DEFAULTS = {
    **DEFAULTS,
    "max_completion_length": 512,
    "num_iterations": 1,
    "steps_per_generation": None,
    "generation_batch_size": None,
    "use_vllm": False,
}


class Course(NamedTuple):
    """The extent of a training."""

    num_steps: int
    num_examples: float
    """Examples that are learned from, those of every epoch or iteration counted again."""
    num_completions: int = 0
    """Answers that are written for it."""


def course_of(num_pairs: int, training: Mapping[str, Any], num_processes: int = 1) -> Course:
    """Compute the course of a training on pairs or demonstrations."""
    get = {**DEFAULTS, **training}
    batch = get["per_device_train_batch_size"] * num_processes
    accumulation, epochs = get["gradient_accumulation_steps"], get["num_train_epochs"]
    per_epoch = math.ceil(math.ceil(num_pairs / batch) / accumulation)
    if get["max_steps"] > 0:
        return Course(int(get["max_steps"]), float(get["max_steps"] * batch * accumulation))
    return Course(math.ceil(per_epoch * epochs), num_pairs * float(epochs))


def online_course_of(num_prompts: int, config: TrainConfig, num_processes: int = 1) -> Course:
    """Compute the course of an online training, with `num_generations` completions per prompt.

    A batch of answers serves `steps_per_generation` passes, `num_iterations` times over; the
    prompts that fill no batch are left out of an epoch.
    """
    get = {**ONLINE_DEFAULTS, **config.training}
    accumulation = get["gradient_accumulation_steps"]
    of_pass = get["per_device_train_batch_size"] * num_processes
    answers = get["generation_batch_size"] or of_pass * (
        get["steps_per_generation"] or accumulation
    )
    passes_each = answers // of_pass * get["num_iterations"]
    batches = num_prompts // (answers // config.num_generations)
    steps = math.ceil(math.ceil(batches * passes_each / accumulation) * get["num_train_epochs"])
    if get["max_steps"] > 0:
        steps = int(get["max_steps"])
    num_batches = math.ceil(steps * accumulation / passes_each) if batches else 0
    return Course(steps, float(steps * accumulation * of_pass), num_batches * answers)
