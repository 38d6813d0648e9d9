"""Checkpoints of strangers: damaged files are one line, before transformers reads them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError, is_memory_full

_OBJECTS = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "model.safetensors.index.json",
)
_MEND = "fetch or save the checkpoint again"
_MAX_HEADER_BYTES = 100_000_000
"""The limit of safetensors."""


def check_checkpoint(folder: Path) -> None:
    """Raise InputError for a file of a checkpoint that is damaged: its JSON is no object, or its
    weights are cut off, garbage, or the pointer that Git LFS leaves in their place."""
    for name in _OBJECTS:
        if (path := folder / name).exists():
            _check_object(path, path.stat().st_mtime_ns)
    for path in sorted(folder.glob("*.safetensors")):
        _check_weights(path)


@contextmanager
def reading_checkpoint(path: str) -> Iterator[None]:
    """Raise InputError for what transformers cannot make of a checkpoint.

    Full memory, and a package that is not installed, keep their own errors.
    """
    try:
        yield
    except (InputError, ImportError):
        raise
    except Exception as error:  # each architecture and tokenizer has errors of its own
        if is_memory_full(error):
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        if "ignore_mismatched_sizes" in said:
            said = "weights of other shapes than its config.json says"
        elif "custom code" in said:
            said = "one that needs code of its own, which isoglot never runs"
        raise InputError(
            f"expected a checkpoint that transformers reads in {path}, got {said}; {_MEND}"
        ) from error


@lru_cache(maxsize=256)
def _check_object(path: Path, _mtime_ns: int) -> None:
    read_json(path, mend=_MEND)


def _check_weights(path: Path) -> None:
    """Read the header of a safetensors file, and compare its end with that of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        num = int.from_bytes(file.read(8), "little")
        text = file.read(num) if num <= min(size, _MAX_HEADER_BYTES) else b""
    try:
        header = json.loads(text)
        ends = [each["data_offsets"][1] for key, each in header.items() if key != "__metadata__"]
        expected = 8 + num + max(ends, default=0)
    except (ValueError, RecursionError, AttributeError, TypeError, LookupError):
        kind = "a pointer of Git LFS" if _is_pointer(path) else f"{size:,} bytes of something else"
        raise InputError(f"expected safetensors weights in {path}, got {kind}; {_MEND}") from None
    if size != expected:
        raise InputError(f"expected {expected:,} bytes of weights in {path}, got {size:,}; {_MEND}")


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(24).startswith(b"version https://git-lfs")
