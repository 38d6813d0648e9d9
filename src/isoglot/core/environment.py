"""Versions and machine, which a run records and `isoglot env` prints."""

import importlib.metadata
import os
import platform
from importlib.util import find_spec

_PACKAGES = (
    *("isoglot", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "numpy"),
    *("pyarrow", "pydantic", "py3langid", "plotly"),
)


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
