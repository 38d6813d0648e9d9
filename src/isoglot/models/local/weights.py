"""Locate weights on disk or on the hub, identify them, and load them."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from isoglot.core.environment import fast_bfloat16
from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256
from isoglot.models.local.adapters import base_of, merge
from isoglot.models.local.checkpoint import check_checkpoint, reading_checkpoint
from isoglot.models.local.probe import check_loaded

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_NO_CODE: dict[str, Any] = {"trust_remote_code": False}
_REVISION_DIGITS = 12
_CONTENT = ("*.safetensors", "*.json", "*.jinja", "*.model")


def model_revision(path_or_id: str, revision: str = "main") -> str:
    """Return the commit of a hub id, or the content hash of a local folder.

    Loads no model and imports no torch. The commit of a branch or tag comes from the hub, or from
    the local cache without network. Raises InputError for a model that neither knows.
    """
    folder = Path(path_or_id).expanduser()
    _refuse_gguf(folder)
    if folder.is_dir():
        if not any(folder.glob("*.safetensors")):
            raise InputError(
                f"expected a model with *.safetensors weights, got none in {folder}; save "
                f"it with model.save_pretrained"
            )
        check_checkpoint(folder)
        base = base_of(str(folder))
        return folder_revision(folder, _CONTENT, [model_revision(*base)] if base else [])
    if not _HUB_ID.fullmatch(path_or_id):
        raise InputError(
            f"expected a model folder or a hub id, got {path_or_id!r}, where no folder "
            f"exists; correct the path"
        )
    if _COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub import hf_hub_download

    try:
        config = hf_hub_download(path_or_id, "config.json", revision=revision)
    except OSError as error:
        raise InputError(
            f"expected a model folder or a hub id that can be reached, got {path_or_id!r} at "
            f"{revision!r} ({type(error).__name__}); correct the path, log in with `hf auth "
            f"login` if the model is gated, or download it first"
        ) from error
    return Path(config).parent.name  # the hub's cache has one folder per commit


def _refuse_gguf(path: Path) -> None:
    """Raise InputError for a GGUF file, or a folder that holds no other weights."""
    files = [path] if path.suffix == ".gguf" else sorted(path.glob("*.gguf"))
    if files and not any(path.glob("*.safetensors")):
        name = files[0].name
        raise InputError(
            f"expected safetensors weights, got the GGUF file {name}, which no stage trains; take "
            "the checkpoint that it was made from, or convert it once (pip install gguf): "
            f"AutoModelForCausalLM.from_pretrained({str(files[0].parent)!r}, gguf_file={name!r})"
            ".save_pretrained(NEW), and likewise AutoTokenizer"
        )


def model_name(path_or_id: str, revision: str = "main") -> str:
    """Return `model@revision`, with the last part of a local path, so that no machine's own paths
    appear in it."""
    folder = Path(path_or_id).expanduser()
    model = folder.resolve().name if folder.is_dir() else path_or_id
    return f"{model}@{model_revision(path_or_id, revision)[:_REVISION_DIGITS]}"


def located(path_or_id: str, revision: str = "main") -> tuple[str, dict[str, Any]]:
    """Return the path and the keyword arguments for `from_pretrained`.

    They refuse code that comes with a model, about which transformers would ask on the terminal.
    For a hub id they hold the commit, so that all parts of a model are of the same one.
    Raises as `model_revision` does.
    """
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return str(folder), _NO_CODE
    return path_or_id, {**_NO_CODE, "revision": model_revision(path_or_id, revision)}


def folder_revision(folder: Path, patterns: Iterable[str], more: Iterable[str] = ()) -> str:
    """Hash the files of a folder that match the patterns, together with other revisions."""
    files = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    digests = [f"{path.name}:{_file_hash(path, path.stat().st_mtime_ns)}" for path in files]
    return hashlib.sha256("\n".join([*digests, *more]).encode()).hexdigest()[:_REVISION_DIGITS]


@lru_cache(maxsize=4096)
def _file_hash(path: Path, _mtime_ns: int) -> str:
    """Hash a file of gigabytes once per process, and again after it was rewritten."""
    return file_sha256(path)


def load_config(path: str, hub: Mapping[str, Any]) -> Any:
    """Load the configuration of a model; `hub` are the arguments of `located`.

    Raises InputError for one that transformers cannot read, or that needs code of its own.
    """
    from transformers import AutoConfig

    with reading_checkpoint(path):
        return AutoConfig.from_pretrained(path, **hub)


def load_weights(
    auto_class: Any,
    path: str,
    hub: Mapping[str, Any],
    *,
    dtype: str,
    device: str,
    adapters: str | None = None,
) -> tuple[Any, list[str]]:
    """Load a model for inference, and return it with the names of the weights that are missing.

    Loads safetensors only and never runs code from the checkpoint. `auto_class` is one of
    transformers' `AutoModelFor…`; `adapters` is a folder of PEFT adapters to merge into the model.

    Raises InputError for a checkpoint that transformers cannot read, or that has no layers, and for
    a policy of our own that computes something else than when it was saved.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()  # the stage has a bar of its own
    target, device_map = _placement(device)
    with reading_checkpoint(path):
        model, loading = auto_class.from_pretrained(
            path,
            dtype=dtype_for(device, dtype),
            device_map=device_map,
            use_safetensors=True,
            output_loading_info=True,
            **hub,
        )
    if getattr(model.config.get_text_config(), "num_hidden_layers", None) == 0:
        raise InputError(f"expected a model with layers in {path}, got a config.json with none")
    model.eval()
    if adapters is not None:
        model = merge(model, adapters)
    if target is not None:
        model.to(target)
    if adapters is None:
        check_loaded(Path(path), model)
    return model, sorted(loading["missing_keys"])


def dtype_for(device: str = "auto", dtype: str = "auto") -> str:
    """Return the precision in which to run a model: `auto` is that of the checkpoint, and float32
    where the device has no instructions for bfloat16."""
    return "float32" if dtype == "auto" and not fast_bfloat16(device) else dtype


def _placement(device: str) -> tuple[str | None, str | None]:
    """Return the device to move the model to, or the device map, which needs no copy in RAM."""
    import torch

    if device != "auto":
        return device, None
    if torch.cuda.is_available():
        # Each process of a distributed training has one accelerator of its own.
        rank = os.environ.get("LOCAL_RANK")
        return None, "auto" if rank is None else f"cuda:{rank}"
    return ("mps" if torch.backends.mps.is_available() else "cpu"), None
