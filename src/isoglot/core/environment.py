"""Versions and machine, which a run records and `isoglot env` prints."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

_PACKAGES = (
    *("isoglot", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy"),
    *("pyarrow", "pydantic", "py3langid", "plotly"),
)


INSTALL_VLLM = (
    "`python -m venv ~/vllm && ~/vllm/bin/pip install vllm`, then set "
    "policy.vllm.command=[~/vllm/bin/vllm, serve]"
)
"""An environment of its own, since vLLM pins other versions than TRL."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that decide a result."""
    found = {name: importlib.metadata.version(name) for name in _PACKAGES if find_spec(name)}
    return {"python": platform.python_version(), **found}


def machine() -> dict[str, str]:
    """Describe system, processor and accelerators, the last by torch if it is installed."""
    facts = {"system": platform.platform(), "cpu_cores": str(os.cpu_count())}
    if find_spec("torch") is not None:
        import torch

        count = torch.accelerator.device_count() if torch.accelerator.is_available() else 0
        facts["accelerators"] = str(count)
        if count and torch.cuda.is_available():
            facts["accelerator"] = torch.cuda.get_device_name(0)
    return facts


def fast_bfloat16(device: str = "auto") -> bool:
    """Return True if a device computes in bfloat16 by instructions of its own.

    Elsewhere it is emulated: on a CPU without them generation is 2.6 to 5 times slower than in
    float32, a step of training 7.5 times (measured, docs/LOG.md). `auto` is the accelerator, if
    there is one.
    """
    import torch

    kind = device.partition(":")[0]
    if device == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        kind = found.type if found else "cpu"
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if kind == "cpu":
        read = getattr(torch.cpu, "get_capabilities", None)  # newer than the oldest torch
        able: Mapping[str, Any] = read() if read else {}
        return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("sve_bf16"))
    return True


def accelerator() -> tuple[str, int] | None:
    """Return the name of the first accelerator of this machine, and its memory in bytes.

    torch is imported only where a driver is.
    """
    drivers = ("nvidia-smi", "rocm-smi", "xpu-smi")
    if find_spec("torch") is None or not (sys.platform == "darwin" or any(map(which, drivers))):
        return None
    import torch

    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        return found.name, int(found.total_memory)
    if torch.accelerator.is_available():
        kind = str(torch.accelerator.current_accelerator())
        return kind, memory_bytes()  # shared with the processors
    return None


def memory_bytes() -> int:
    """Return the main memory that this process may use, in bytes: a container may have less."""
    here = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(here, int(text)) if text.isdigit() else here
