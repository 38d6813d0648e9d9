"""A function in a process of its own, so that an accelerator gets its memory back."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def accelerator_present() -> bool:
    """Whether torch sees a GPU or another accelerator on this machine."""
    import torch

    return torch.accelerator.is_available()


class Child(Generic[T]):
    """A function at work in a fresh process; function, arguments and result must be picklable."""

    def __init__(self, function: Callable[..., T], *args: Any) -> None:
        # a fork would inherit the parent's accelerator, which breaks it
        context = get_context("spawn")
        self._function = function
        self.receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_answer, args=(sender, function, args))
        self._process.start()
        sender.close()

    def answer(self) -> T:
        """What the function returns; the process is gone afterwards.

        A ValueError or OSError comes back with its message; of any other error the child prints the
        traceback itself.

        Raises:
            RuntimeError: the child ended without an answer, with its exit code or signal.
        """
        try:
            answer, error = self.receiver.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(_ending(self._function, self._process.exitcode)) from None
        except BaseException:
            self._process.kill()  # interrupted: the child must not outlive the command
            raise
        finally:
            self._process.join()
            self.receiver.close()
        if error is not None:
            kind, message = error
            raise kind(message)
        return answer

    def kill(self) -> None:
        """End it without an answer."""
        self._process.kill()
        self._process.join()
        self.receiver.close()


def run_in_child(function: Callable[..., T], *args: Any) -> T:
    """What `function(*args)` returns, computed in a `Child`; raises as its answer does."""
    return Child(function, *args).answer()


def run_in_children(
    function: Callable[..., T],
    tasks: Sequence[Sequence[Any]],
    num_processes: int,
    started: Callable[[int], None],
) -> Iterator[tuple[int, Child[T]]]:
    """The number of each task and its child, as they end, so many at a time.

    `started` is called with the number of each task when its turn comes. The caller asks each child
    for its answer; those still at work when the caller goes on no further are killed.
    """
    waiting = list(enumerate(tasks))
    at_work: dict[Any, tuple[int, Child[T]]] = {}
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


def _answer(sender: Connection, function: Callable[..., object], args: tuple) -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        sender.send((function(*args), None))
    except ValueError as error:
        sender.send((None, (ValueError, str(error))))
    except OSError as error:
        sender.send((None, (OSError, str(error))))


def _end_with_parent() -> None:
    """End this process when the parent is gone, even by `kill -9`: nobody waits for the answer."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


def _ending(function: Callable[..., object], exit_code: int | None) -> str:
    name = getattr(function, "__name__", str(function))
    if exit_code is None or exit_code >= 0:
        return f"{name} failed in its child process (exit code {exit_code}); its error stands above"
    ended = signal.Signals(-exit_code).name
    mend = (
        ": the memory was most likely full; a smaller batch size helps"
        if ended == "SIGKILL"
        else ""
    )
    return f"{name} was ended by {ended} in its child process{mend}"
