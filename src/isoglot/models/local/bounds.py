"""Chat templates of strangers: Jinja in transformers' sandbox, within bounds of time and memory."""

import ctypes
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from isoglot.core.errors import InputError

_SECONDS = 3.0
"""A conversation is rendered in milliseconds."""
_MAX_BYTES = 1024**3
"""Growth of the process while one conversation is rendered."""
MAX_CHARACTERS = 100_000_000
"""A longer text is no prompt."""
_MAX_NUMBER = 10**7
_POLL_SECONDS = 0.02


class _OutOfBounds(BaseException):
    """Raised into a thread that does not end; no template can catch it."""


def check_template_text(template: str) -> None:
    """Raise InputError for a template whose compilation may never end.

    Jinja computes constants when it compiles: `9 ** 9 ** 9` in one step, which nothing interrupts.
    """
    from jinja2 import Environment, TemplateSyntaxError

    with suppress(TemplateSyntaxError):  # told where it is rendered
        for line, kind, word in Environment().lex(template):
            is_huge = kind == "integer" and _value(word) > _MAX_NUMBER
            if is_huge or (kind == "operator" and word == "**"):
                raise InputError(
                    f"expected a chat template without powers and numbers over {_MAX_NUMBER:,}, "
                    f"got {word:.20} in line {line}; give policy.chat_template another file"
                )


def _value(word: str) -> int:
    with suppress(ValueError):  # more digits than Python reads
        return int(re.sub("_", "", word), 0)
    return _MAX_NUMBER + 1


@contextmanager
def bounded() -> Iterator[None]:
    """End a block of Python code that takes too long or too much memory; raises InputError.

    A thread watches, and raises an exception in this one between two steps of its code.
    """
    this, done = threading.get_ident(), threading.Event()
    raised: list[str] = []

    def watch() -> None:
        end, most = time.monotonic() + _SECONDS, _resident_bytes() + _MAX_BYTES
        while not done.wait(_POLL_SECONDS):
            is_late = time.monotonic() > end
            if is_late or _resident_bytes() > most:
                raised.append(f"{_SECONDS:.0f} seconds" if is_late else "a gigabyte")
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(this), ctypes.py_object(_OutOfBounds)
                )
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    is_caught = False
    try:
        yield
    except (_OutOfBounds, MemoryError) as error:
        is_caught = isinstance(error, _OutOfBounds)
        bound = raised[0] if raised else "the memory"
        raise InputError(
            f"expected a chat template that ends, got one that takes more than {bound}; give "
            "policy.chat_template another file"
        ) from None
    finally:
        done.set()
        watcher.join()
        if raised and not is_caught:  # the block ended by itself meanwhile; it is still to come
            # Taking it back by its function leaves Python 3.11 slow, and hanging under a profiler.
            with suppress(_OutOfBounds):
                time.sleep(_SECONDS)


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell it in a file."""
    with suppress(OSError, ValueError), open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
    return 0
