"""Shapes of models: sizes that decide memory, from a config.json and the names of the weights.

The weights themselves are not read, and no code of a checkpoint is run.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import prod
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError

_ALIASES: Mapping[str, tuple[str, ...]] = {
    "num_layers": ("num_hidden_layers", "n_layer", "decoder_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model"),
    "intermediate": ("intermediate_size", "ffn_dim", "decoder_ffn_dim", "n_inner"),
    "num_heads": ("num_attention_heads", "n_head", "decoder_attention_heads"),
    "num_kv_heads": ("num_key_value_heads",),
    "head_dim": ("head_dim",),
    "vocabulary": ("vocab_size",),
    "window": ("max_position_embeddings", "n_positions", "seq_length"),
}
"""Our names, and those of the configs of transformers."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_NOT_LAYERS = ("embed", "wte", "wpe", "lm_head", "shared", "score")


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of a transformer; its weights are counted, whatever its family."""

    num_weights: int
    num_layers: int
    hidden: int
    intermediate: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    vocabulary: int
    window: int | None
    """Context window in tokens."""
    dtype: str
    """Precision of the saved weights."""
    linear: tuple[tuple[str, int, int], ...]
    """Name, inputs and outputs of each linear layer but the output head."""

    @property
    def num_linear_weights(self) -> int:
        """Weights of all linear layers: those that are quantized, and computed in 16 bits."""
        return sum(inputs * outputs for _, inputs, outputs in self.linear)

    @property
    def num_head_weights(self) -> int:
        """Weights of the output head, which may be those of the embedding."""
        return self.vocabulary * self.hidden

    @property
    def cache_elements(self) -> int:
        """Elements of the cache of keys and values for one token."""
        return 2 * self.num_layers * self.num_kv_heads * self.head_dim

    def targets(self, names: tuple[str, ...] | str) -> list[tuple[str, int, int]]:
        """Return the linear layers that adapters with these `lora.targets` are added to."""
        if isinstance(names, str):
            return list(self.linear)
        return [each for each in self.linear if each[0].rsplit(".", 1)[-1] in names]


@lru_cache(maxsize=32)
def model_shape(path: str, revision: str = "main", *, fetch: bool = True) -> ModelShape | None:
    """Return the shape of a local folder or hub id; None where no config says it.

    Of a hub id at most config.json is fetched; without `fetch` nothing is, and the model has to be
    in the hub's cache or in the table of the package.
    """
    folder = Path(path).expanduser()
    config = _config(folder if folder.is_dir() else path, revision, fetch=fetch)
    if config is None:
        return None
    config = config.get("text_config", config)
    local = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    try:
        if "num_weights" in config:
            return _shape(config, config["num_weights"], _of_table(config))
        tensors = {k: v for file in local for k, v in _header(file).items()}
        return _of_tensors(config, tensors or built_shapes(config))
    except (KeyError, TypeError, ZeroDivisionError):
        return None  # no transformer as others are


def _config(source: Path | str, revision: str, *, fetch: bool) -> dict[str, Any] | None:
    if isinstance(source, Path):
        file: Any = source / "config.json"
    else:
        table = files("isoglot.models").joinpath("shapes.toml").read_text("utf-8")
        known = tomllib.loads(table).get(source)
        if known is not None:
            return known
        if not _HUB_ID.fullmatch(source):
            return None
        from huggingface_hub import try_to_load_from_cache

        file = try_to_load_from_cache(source, "config.json", revision=revision)
        if not isinstance(file, str) and fetch:
            file = _fetched(source, revision)
    if not (isinstance(file, str | Path) and Path(file).is_file()):
        return None
    return json.loads(Path(file).read_text(encoding="utf-8"))


def _fetched(name: str, revision: str) -> str | None:
    from huggingface_hub import hf_hub_download

    try:
        return hf_hub_download(name, "config.json", revision=revision)
    except OSError:
        return None


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes in the header of a safetensors file: 8 bytes of length, then JSON."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {k: tuple(v["shape"]) for k, v in header.items() if k != "__metadata__"}


def built_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Build a model of this config without memory, and return the shapes of its weights by name.

    Empty where transformers does not know the model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    values = {k: v for k, v in config.items() if k not in ("model_type", "auto_map")}
    try:
        made = AutoConfig.for_model(config["model_type"], **values)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(made)
    except (KeyError, ValueError, TypeError):
        return {}
    return {name: tuple(weight.shape) for name, weight in model.named_parameters()}


def _of_tensors(
    config: Mapping[str, Any], tensors: Mapping[str, tuple[int, ...]]
) -> ModelShape | None:
    linear = tuple(
        (name.removesuffix(".weight"), shape[1], shape[0])
        for name, shape in tensors.items()
        if len(shape) == 2
        and name.endswith(".weight")
        and not any(part in name for part in _NOT_LAYERS)
    )
    return _shape(config, sum(map(prod, tensors.values())), linear) if tensors else None


def _of_table(config: Mapping[str, Any]) -> tuple[tuple[str, int, int], ...]:
    """Repeat the linear layers of one transformer layer, as the table of the package has them."""
    layers = range(_first(config, _ALIASES["num_layers"]))
    return tuple(
        (f"layers.{layer}.{name}", *sizes)
        for layer in layers
        for name, sizes in config["linear"].items()
    )


def _shape(
    config: Mapping[str, Any], num_weights: int, linear: tuple[tuple[str, int, int], ...]
) -> ModelShape:
    found = {ours: _first(config, names) for ours, names in _ALIASES.items()}
    hidden, heads = found["hidden"], found["num_heads"]
    widest = max((max(sizes) for _, *sizes in linear), default=4 * hidden)
    return ModelShape(
        num_weights=num_weights,
        num_layers=found["num_layers"],
        hidden=hidden,
        intermediate=found["intermediate"] or widest,
        num_heads=heads,
        num_kv_heads=found["num_kv_heads"] or heads,
        head_dim=found["head_dim"] or hidden // heads,
        vocabulary=found["vocabulary"],
        window=found["window"],
        dtype=str(config.get("dtype") or config.get("torch_dtype") or "float32"),
        linear=linear,
    )


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((config[name] for name in names if config.get(name) is not None), None)


def require_shape(path: str, revision: str = "main") -> ModelShape:
    """Return the shape of a model, or raise InputError where its config cannot be had."""
    shape = model_shape(path, revision)
    if shape is None:
        raise InputError(
            f"expected a model whose config.json says its sizes, got {path}, where none can be "
            "read; give its folder, or log in with `hf auth login` if it is gated"
        )
    return shape
