"""Engines: the size, speed class and prices of the models of a recipe, from their settings."""

import json
import re
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from isoglot.models.load import ModelConfig, TranslatorConfig
from isoglot.models.member import SourceMember
from isoglot.planning.throughput import Throughput

Samples = ModelConfig | SourceMember
"""Any sampler but the policy of the round."""

_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Engine:
    """A model, and the work that it does."""

    name: str
    work: str | None
    """Its row of the throughput table; `generate.auto` is that of vLLM on an accelerator, that of
    transformers on a CPU. None if it needs no accelerator: a server, a file."""
    billions: float = 0.0
    usd_per_million_in: float | None = 0.0
    """Price of the tokens read; None if it is not free and the recipe gives no price."""
    usd_per_million_out: float | None = 0.0
    is_by_character: bool = False
    """True if characters are billed, not tokens."""
    is_sized: bool = True
    """True if `billions` was read from the model, False if it is assumed."""
    writes: bool = True
    """False if its answers are read from a file or from the prompts."""

    def doing(self, work: str) -> "Engine":
        """Return the same model with another work."""
        return replace(self, work=work)


def engine_of(config: Samples | TranslatorConfig, table: Throughput) -> Engine:
    """Return the engine of a sampler or translator."""
    if isinstance(config, SourceMember):
        return Engine(config.kind, None, writes=False)
    if config.engine == "openai":
        prices = (config.usd_per_million_prompt_tokens, config.usd_per_million_completion_tokens)
        return Engine(config.model, None, 0.0, *prices)
    if config.engine == "file":
        return Engine(config.sampler or config.path.name, None, writes=False)
    if config.engine == "google":
        name, price = f"google {config.model}", config.usd_per_million_characters
        return Engine(name, None, usd_per_million_in=price, is_by_character=True)
    if config.engine == "vllm":
        return sized_engine(config.path, "generate.vllm", table)
    if config.engine == "seq2seq":
        return sized_engine(config.path, f"translate.{config.backend}", table)
    return sized_engine(config.path, f"generate.{config.engine}", table)


def sized_engine(path: str, work: str, table: Throughput) -> Engine:
    """Return the engine of a local folder or hub id, which runs on a device."""
    folder, billions = Path(path).expanduser(), billions_of(path)
    name = folder.resolve().name if folder.is_dir() else path
    size = billions or table.assumed.model_billions
    return Engine(name, work, size, is_sized=billions is not None)


def billions_of(path: str) -> float | None:
    """Count the weights of a local folder, or parse the name (8B, 600M); None if neither works."""
    folder = Path(path).expanduser()
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    if files:
        return sum(_num_weights(file) for file in files) / 1e9
    found = _SIZE.search(path.rstrip("/").rsplit("/", 1)[-1])
    return float(found[1]) * (1.0 if found[2] in "bB" else 1e-3) if found else None


def _num_weights(path: Path) -> int:
    """Count the weights of a safetensors file from its header: 8 bytes of length, then JSON."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
