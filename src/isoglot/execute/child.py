"""A function in a process of its own, so that an accelerator gets its memory back."""

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


def accelerator_present() -> bool:
    """Whether torch sees a GPU or another accelerator on this machine."""
    import torch

    return torch.accelerator.is_available()


def run_in_child(function: Callable[..., T], *args: Any) -> T:
    """What `function(*args)` returns, computed in a fresh process that is gone afterwards.

    Function, arguments and result must be picklable. A ValueError or OSError comes back with its
    message; of any other error the child prints the traceback itself.

    Raises:
        RuntimeError: the child ended without an answer, with its exit code or signal.
    """
    context = get_context("spawn")  # a fork would inherit the parent's accelerator, which breaks it
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, args))
    process.start()
    sender.close()
    try:
        answer, error = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(_ending(function, process.exitcode)) from None
    except BaseException:
        process.kill()  # interrupted: the child must not outlive the command
        raise
    finally:
        process.join()
        receiver.close()
    if error is not None:
        kind, message = error
        raise kind(message)
    return answer


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
