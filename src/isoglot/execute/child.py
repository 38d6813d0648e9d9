"""A function in a process of its own, so that an accelerator gets its memory back."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, Generic, TypeVar

from isoglot.core.errors import Failure, MemoryFullError, RunError

_T = TypeVar("_T")


def accelerator_present() -> bool:
    """Return True if torch sees a GPU or another accelerator on this machine."""
    import torch

    return torch.accelerator.is_available()


class Child(Generic[_T]):
    """A function call in a fresh process; function, arguments and result must be picklable."""

    def __init__(self, function: Callable[..., _T], *args: Any) -> None:
        # a fork would inherit the parent's accelerator, which breaks it
        context = get_context("spawn")
        self._function = function
        self.receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_send_result, args=(sender, function, args))
        self._process.start()
        sender.close()

    def result(self) -> _T:
        """Wait for the process to end, and return the result of the function.

        Raises:
            InputError, OSError, RunError: as the function raised it.
            RuntimeError: the function raised something else, a bug; its traceback is in the notes.
            RunError: the child ended without a result; names its exit code or signal.
        """
        try:
            result = self.receiver.recv()
        except EOFError:
            self._process.join()
            raise _ending(self._function, self._process.exitcode) from None
        except BaseException:
            self._process.kill()  # interrupted: the child must not outlive the command
            raise
        finally:
            self._process.join()
            self.receiver.close()
        if isinstance(result, Failure):
            raise result.exception(f"the child process of {_name(self._function)}")
        return result

    def kill(self) -> None:
        """End the process without a result."""
        self._process.kill()
        self._process.join()
        self.receiver.close()


def run_in_child(function: Callable[..., _T], *args: Any) -> _T:
    """Return the result of `function(*args)` in a `Child`; raises as `Child.result` does."""
    return Child(function, *args).result()


def run_in_children(
    function: Callable[..., _T],
    tasks: Sequence[Sequence[Any]],
    num_processes: int,
    started: Callable[[int], None],
) -> Iterator[tuple[int, Child[_T]]]:
    """Yield the number of each task and its child, as they end, with so many at a time.

    `started` is called with the number of each task before it starts. The caller takes the result
    of each child; those still at work when the caller stops are killed.
    """
    waiting = list(enumerate(tasks))
    at_work: dict[Any, tuple[int, Child[_T]]] = {}
    try:
        while waiting or at_work:
            while waiting and len(at_work) < num_processes:
                number, task = waiting.pop(0)
                started(number)
                child = Child(function, *task)
                at_work[child.receiver] = (number, child)
            for receiver in wait(list(at_work)):
                yield at_work.pop(receiver)
    finally:
        for _, child in at_work.values():
            child.kill()


def _send_result(sender: Connection, function: Callable[..., object], args: tuple) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        sender.send(function(*args))
    except KeyboardInterrupt:
        pass  # Ctrl-C reaches every process of a terminal, and the parent reports it
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent raises it
        sender.send(Failure.of(error))


def _end_with_parent() -> None:
    """End this process when the parent is gone, even by `kill -9`."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _ending(function: Callable[..., object], exit_code: int | None) -> RunError:
    name = _name(function)
    if exit_code is None or exit_code >= 0:
        return RunError(
            f"the child process of {name} ended without a result (exit code {exit_code})"
        )
    ended = f"{name} was ended by {signal.Signals(-exit_code).name} in its child process"
    if exit_code == -signal.SIGKILL:
        return MemoryFullError(
            f"{ended}: the memory was most likely full; a smaller batch size helps"
        )
    return RunError(ended)


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__name__", str(function))
