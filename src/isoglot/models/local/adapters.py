"""PEFT adapters in a folder of their own, merged into their base model on loading."""

import json
import warnings
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def base_of(path: str) -> tuple[str, str] | None:
    """Return path or hub id and revision of the base of adapters; None for a whole model."""
    folder = Path(path).expanduser()
    if not (folder / _CONFIG).is_file() or (folder / "config.json").exists():
        return None
    try:
        config = json.loads((folder / _CONFIG).read_text("utf-8"))
        return config["base_model_name_or_path"], config.get("revision") or "main"
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"expected base_model_name_or_path in {folder / _CONFIG}, got none ({error!r}); save "
            f"the adapters again"
        ) from error


def merge(base: Any, path: str) -> Any:
    """Merge the adapters of a folder into their base; raise InputError if they do not fit it."""
    from peft import PeftModel

    _check_fits(base, Path(path).expanduser())
    return merged(PeftModel.from_pretrained(base, str(Path(path).expanduser())))


def merged(model: Any) -> Any:
    """Merge the adapters of a PEFT model into its base, which then computes what both did together.

    Adapters on one of two embeddings with tied weights belong to that one alone: merged into the
    shared weight they would change the other, too. Such embeddings are no longer tied afterwards,
    as the config then says.
    """
    from torch.nn import Parameter

    ends = _embeddings(model.get_base_model())
    first, last = map(_without_adapters, ends)
    if _share(first, last) and (first, last) != ends:
        last.weight = Parameter(last.weight.detach().clone())
    with warnings.catch_warnings():  # of what is done here
        warnings.filterwarnings("ignore", "Input and output embeddings are no longer tied")
        whole = model.merge_and_unload()
    if not _share(*_embeddings(whole)):
        for config in (whole.config, whole.config.get_text_config()):
            config.tie_word_embeddings = False
    return whole


def _embeddings(model: Any) -> tuple[Any, Any]:
    """The modules that embed the tokens of the input and of the output; None where one lacks."""
    return model.get_input_embeddings(), model.get_output_embeddings()


def _without_adapters(module: Any) -> Any:
    """The module under the wrappers of PEFT."""
    for name in ("base_layer", "original_module"):
        if hasattr(module, name):
            return _without_adapters(getattr(module, name))
    return module


def _share(first: Any, last: Any) -> bool:
    """True if two modules have one weight."""
    return last is not None and first.weight is last.weight


def _check_fits(base: Any, folder: Path) -> None:
    from safetensors import safe_open

    modules = dict(base.named_modules())
    name = f"{base.config.model_type} {base.config.name_or_path}"
    with safe_open(folder / _WEIGHTS, framework="pt") as weights:
        for key in weights.keys():  # noqa: SIM118 - no mapping
            inner, low_rank, _ = key.removeprefix("base_model.model.").partition(".lora_")
            if not low_rank:
                continue
            weight = getattr(modules.get(inner), "weight", None)
            got = tuple(weights.get_slice(key).get_shape())
            if weight is None:
                raise InputError(
                    f"expected adapters for the modules of {name}, got {inner!r} in {folder}, "
                    f"which it lacks; take the base that they were trained on"
                )
            side = 1 if ".lora_A." in key else 0
            if (side or ".lora_B." in key) and got[side] != weight.shape[side]:
                raise InputError(
                    f"expected {weight.shape[side]} {('outputs', 'inputs')[side]} in {inner} of "
                    f"{name}, got {got[side]} in the adapters {folder}; take the base that they "
                    f"were trained on"
                )
