"""Bad input, a failed run and a bug, told apart, and on their way between processes."""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Literal

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "train": ("torch", "transformers", "trl", "peft", "accelerate", "datasets"),
    "report": ("plotly", "jinja2"),
    "evaluate": ("sacrebleu", "sentencepiece", "math_verify"),
    "openai": ("httpx2", "psutil", "tenacity"),
    "tensorboard": ("tensorboard",),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
    "ctranslate2": ("ctranslate2",),
    "fasttext": ("fasttext",),
    "google": ("google.cloud.translate_v2",),
    "ray": ("ray",),
    "deepspeed": ("deepspeed",),
    "qlora": ("bitsandbytes",),
}
"""The modules that each extra of the package brings."""

BROUGHT_ALONG: Mapping[str, str] = dict.fromkeys(
    ("tokenizers", "safetensors", "huggingface_hub", "pandas", "yaml"), "train"
)
"""Modules that the packages of an extra bring along, and that extra."""

_MODULE_EXTRAS = {
    **{module: extra for extra, modules in EXTRAS.items() for module in modules},
    **BROUGHT_ALONG,
}


class InputError(ValueError):
    """Bad input: the user can mend it.

    The message says what was expected, what came, and the mend; the command exits with code 2.
    """


class RefusedRow(InputError):
    """A row of a user's from which no example can be made."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        """The name that such rows are counted under, such as `empty answer`."""


class RunError(RuntimeError):
    """Neither bad input nor a bug, such as a killed process; the command exits with code 1."""


class MemoryFullError(RunError):
    """A stage that ran out of memory, of the device or of the machine."""


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Return a hint at the known name that is nearest to a misspelt one, else another hint."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise


def require(extra: str, user: str, otherwise: str = "") -> None:
    """Raise InputError if a module of an extra is not installed; imports nothing.

    `user` is what needs it, `otherwise` another mend.
    """
    for module in EXTRAS[extra]:
        if not _is_installed(module):
            raise InputError(_missing(module, extra, user, otherwise))


def _is_installed(module: str) -> bool:
    try:
        spec = find_spec(module)
        return spec is not None and spec.origin is not None  # a folder that is named so has none
    except ModuleNotFoundError:  # the package that it is in
        return False


def _missing(module: str, extra: str, user: str, otherwise: str = "") -> str:
    mend = f", or {otherwise}" if otherwise else ""
    return (
        f"{user} needs the package {module}, which is not installed; pip install "
        f"'isoglot[{extra}]'{mend}"
    )


def _missing_package(error: BaseException) -> str | None:
    """Return a message for an import that failed because an extra is not installed, else None."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return None
    extra = _MODULE_EXTRAS.get(error.name) or _MODULE_EXTRAS.get(error.name.partition(".")[0])
    return _missing(error.name, extra, "this") if extra else None


_Kind = Literal["input", "os", "memory", "run", "bug"]
_KINDS: Mapping[_Kind, type[Exception]] = {
    "input": InputError,
    "os": OSError,
    "memory": MemoryFullError,
    "run": RunError,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception in a form that every process can send: as a pickle, as JSON, through Ray."""

    kind: _Kind
    message: str
    trace: str
    """The traceback where it was raised, with line breaks."""

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Describe an exception; a bug is any but InputError, OSError, RunError, full memory and an
        extra that is not installed."""
        trace = "".join(traceback.format_exception(error))
        for kind, error_class in _KINDS.items():
            if isinstance(error, error_class):
                return cls(kind, str(error), trace)
        if missing := _missing_package(error):
            return cls("input", missing, trace)
        if is_memory_full(error):
            said = str(error).rpartition("DefaultCPUAllocator: ")[2]
            reason = said.partition(". ")[0] or type(error).__name__
            return cls(
                "memory", f"the memory is full ({reason}); a smaller batch size helps", trace
            )
        return cls("bug", f"{type(error).__name__}: {error}", trace)

    @property
    def exit_code(self) -> int:
        """2 for what the user can mend, else 1."""
        return 2 if self.kind in ("input", "os") else 1

    def exception(self, where: str) -> Exception:
        """Return what to raise in this process; its notes hold the traceback of the other one."""
        error = _KINDS.get(self.kind, RuntimeError)(self.message)
        error.add_note(f"In {where}:\n{self.trace}")
        return error


def is_memory_full(error: BaseException) -> bool:
    """True if an exception says that the memory of the device or of the machine is full.

    Told by its name and words, so that torch is not imported for it.
    """
    if isinstance(error, MemoryError | MemoryFullError):
        return True
    if type(error).__name__ == "OutOfMemoryError":
        return True
    full = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(words in str(error) for words in full)
