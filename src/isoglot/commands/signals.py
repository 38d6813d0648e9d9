"""Signals that end a command: the first is an interruption, a second one ends it at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
_SHOW_CURSOR = "\x1b[?25h"


@dataclass(slots=True)
class Interruption:
    """The signal that a command got, if any."""

    number: int | None = None

    @property
    def message(self) -> str:
        """The line that the command ends with."""
        number = self.number or signal.SIGINT
        how = (
            "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
        )
        return f"{how}; the same command resumes from here"

    @property
    def exit_code(self) -> int:
        """128 and the number of the signal, as shells have it."""
        return 128 + (self.number or signal.SIGINT)


@contextmanager
def interruptions() -> Iterator[Interruption]:
    """Raise KeyboardInterrupt in the main thread for Ctrl-C, SIGTERM and SIGHUP alike.

    What cleans up after Ctrl-C does so after all of them. A second signal meanwhile ends the
    process without cleaning up, and its children with it. Signals that are ignored, as by nohup,
    stay so.
    """
    interruption = Interruption()

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if interruption.number is not None:
            shown = _SHOW_CURSOR if sys.stderr.isatty() else ""
            os.write(2, f"{shown}isoglot: {interruption.message}\n".encode())
            os._exit(interruption.exit_code)
        interruption.number = number
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        known = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
        handlers = {number: signal.getsignal(number) for number in known}
        before = {n: each for n, each in handlers.items() if each not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield interruption
    finally:
        if interruption.number is None:  # else a second signal may come until the very end
            for number, handler in before.items():
                signal.signal(number, handler)
