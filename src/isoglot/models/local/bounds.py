"""Chat templates of strangers: Jinja in transformers' sandbox, within bounds of time and memory."""

import ctypes
import os
import re
import sys
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
_IDLE_SECONDS = 1.0


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


class _Block:
    """A block of code that is watched."""

    def __init__(self, num_bytes: int) -> None:
        """`num_bytes` is the memory of the process now."""
        self.end, self.most_bytes = time.monotonic() + _SECONDS, num_bytes + _MAX_BYTES
        self.bound = ""
        """The bound that was reached."""


class _Watcher:
    """One thread that watches the blocks of all others, and ends when there are none for a while.

    Starting a thread for each block would take ten times as long as a prompt's rendering.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: dict[int, _Block] = {}
        self._is_running = False
        self._memory = _memory_file()

    def begin(self) -> _Block:
        """Watch a block of this thread."""
        num_bytes = self._resident_bytes()
        with self._lock:
            block = self._blocks[threading.get_ident()] = _Block(num_bytes)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._watch, daemon=True).start()
        return block

    def end(self) -> None:
        """End the watch of this thread: afterwards nothing more is raised into it."""
        with self._lock:
            self._blocks.pop(threading.get_ident(), None)

    def _watch(self) -> None:
        idle_seconds = 0.0
        while idle_seconds < _IDLE_SECONDS:
            time.sleep(_POLL_SECONDS)
            with self._lock:
                idle_seconds = 0.0 if self._blocks else idle_seconds + _POLL_SECONDS
                for thread, block in list(self._blocks.items()):
                    self._check(thread, block)
                self._is_running = idle_seconds < _IDLE_SECONDS

    def _check(self, thread: int, block: _Block) -> None:
        """Raise an exception into the thread of a block that is out of bounds, once."""
        if self._resident_bytes() > block.most_bytes:
            block.bound = "a gigabyte"
        elif time.monotonic() > block.end:
            block.bound = f"{_SECONDS:.0f} seconds"
        else:
            return
        del self._blocks[thread]
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(_OutOfBounds)
        )

    def _resident_bytes(self) -> int:
        """Memory of this process; 0 where the system does not tell it in a file."""
        if self._memory is None:
            return 0
        return int(os.pread(self._memory, 100, 0).split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _memory_file() -> int | None:
    """Open the file that tells the memory of this process, to be read at every block."""
    with suppress(OSError):
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    return None


_watcher = _Watcher()
os.register_at_fork(after_in_child=_watcher.__init__)  # type: ignore[misc]  # no thread survives


@contextmanager
def bounded() -> Iterator[None]:
    """End a block of Python code that takes too long or too much memory; raises InputError.

    Another thread watches, and raises an exception in this one between two steps of its code.
    """
    block = _watcher.begin()
    try:
        try:
            yield
        finally:
            _watcher.end()
            if block.bound and not isinstance(sys.exception(), _OutOfBounds):
                # The block ended by itself meanwhile, and the exception is still to come. Taking it
                # back by its function leaves Python 3.11 slow, and hanging under a profiler.
                time.sleep(_SECONDS)
    except (_OutOfBounds, MemoryError) as error:
        raise InputError(
            f"expected a chat template that ends, got one that takes more than "
            f"{block.bound or 'the memory'}; give policy.chat_template another file"
        ) from (None if isinstance(error, _OutOfBounds) else error)
