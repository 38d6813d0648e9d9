"""Run a command until it ends or this process loses its parent, and leave no process behind.

    python -m isoglot.models.server.watch COMMAND…

The parent holds the other end of standard input, which the system closes when the parent ends, even
by `kill -9`. Then, or when the command has ended, all processes that it started are ended: on Linux
also those that have lost their own parents, which become children of this process.
"""

import ctypes
import os
import subprocess
import sys
import threading
from contextlib import suppress

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_GRACE_SECONDS = 15.0


def watch(command: list[str]) -> int:
    """Run the command as described above; returns its exit code."""
    on_linux = sys.platform == "linux"
    if on_linux:
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent if on_linux else None,
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        return 127
    threading.Thread(target=_end_at_eof, args=(child,), daemon=True).start()
    code = child.wait()
    _end_all()
    return code


def _end_at_eof(child: subprocess.Popen) -> None:
    """End the command when the parent has closed standard input."""
    while os.read(0, 1024):
        pass
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_SECONDS)
    _end_all()


def _end_all() -> None:
    """Kill every process below this one, and those that they start meanwhile."""
    while children := psutil.Process().children(recursive=True):
        for process in children:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(children, timeout=1)


def _end_with_parent() -> None:
    """Let the system kill the command when this process is killed itself."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(watch(sys.argv[1:]))
