"""How many optimiser steps a training takes, as the trainer of transformers counts them."""

import math
from collections.abc import Mapping
from typing import Any

DEFAULTS = {
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "num_train_epochs": 3,
    "max_steps": -1,
}
"""Those of TRL's configs, which are not imported here since that takes seconds; a test compares."""


def num_steps(num_examples: int, training: Mapping[str, Any], num_processes: int = 1) -> int:
    """Optimiser steps over so many examples."""
    get = {**DEFAULTS, **training}
    if get["max_steps"] > 0:
        return int(get["max_steps"])
    batches = math.ceil(num_examples / (get["per_device_train_batch_size"] * num_processes))
    if not batches:
        return 0
    steps = max(1, math.ceil(batches / get["gradient_accumulation_steps"]))
    return math.ceil(steps * get["num_train_epochs"])


def examples_of(
    steps: int, num_examples: int, training: Mapping[str, Any], num_processes: int = 1
) -> float:
    """Examples that are seen in so many steps, those of every epoch counted again."""
    get = {**DEFAULTS, **training}
    batch = get["per_device_train_batch_size"] * get["gradient_accumulation_steps"] * num_processes
    if get["max_steps"] > 0:
        return float(steps * batch)
    return min(float(steps * batch), num_examples * float(get["num_train_epochs"]))
