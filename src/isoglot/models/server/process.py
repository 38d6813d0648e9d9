"""A server in a process of its own, which never outlives this one.

It listens on a free port of loopback, with a key that only its environment holds. See `watch.py`
for how it ends.
"""

import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from isoglot.core.environment import INSTALL_VLLM
from isoglot.core.errors import InputError, RunError

_WATCH = "isoglot.models.server.watch"
_POLL_SECONDS = 0.25
_STOP_SECONDS = 60
_LOG_LINES, _LOG_ERRORS, _LOG_BYTES = 12, 3, 100_000
_ERROR = re.compile(r"\b[A-Z]\w*(?:Error|Exception)\b: .*\S")
"""The last line of a traceback, after the prefix of a logger."""
_logs: list[Path] = []
"""The folders of `logging_to`, the innermost last."""


@contextmanager
def logging_to(folder: Path) -> Iterator[None]:
    """Log the servers that start within the block into a folder; elsewhere into a temporary one."""
    _logs.append(folder)
    try:
        yield
    finally:
        _logs.pop()


class ServerProcess:
    """One server: started, healthy, and started again if it died.

    Its key is in its environment only, under `key_variable`; neither its command line nor its log
    shows it.
    """

    def __init__(
        self,
        command: Sequence[str],
        name: str,
        *,
        key_variable: str,
        environment: Mapping[str, str],
        start_seconds: float,
    ) -> None:
        """`command` gets `--host` and `--port`; `name` is that of the log."""
        self.key = secrets.token_urlsafe(24)
        self.num_starts = 0
        self.log = _log_path(name)
        self.port = _free_port()
        self._command = [*command, "--host", "127.0.0.1", "--port", str(self.port)]
        self._environment = {**os.environ, **environment, key_variable: self.key}
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    @property
    def url(self) -> str:
        """The address of its API."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def is_running(self) -> bool:
        """True if the process has not ended; it may still load."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process, unless it runs; `wait_until_healthy` waits for it."""
        with self._lock:
            if self.is_running:
                return
            self.num_starts += 1
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                log.write(f"$ {' '.join(self._command)}\n".encode())
                log.flush()
                self._process = subprocess.Popen(
                    [sys.executable, "-m", _WATCH, *self._command],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,  # Ctrl-C is for this process, which ends the server
                )

    def wait_until_healthy(self) -> None:
        """Wait until the server answers.

        Raises:
            InputError: there is no such command.
            RunError: it ended or was not healthy in time; holds the last lines of its log.
        """
        deadline = time.monotonic() + self._start_seconds
        while not self._is_healthy():
            if not self.is_running:
                process, self._process = self._process, None
                if process is None:
                    raise RunError(f"{self._command[0]} was stopped while it started")
                if process.returncode == 127:
                    raise InputError(_no_command(self._command[0]))
                raise RunError(self._failure(f"ended with exit code {process.returncode}"))
            if time.monotonic() > deadline:
                self.stop()
                raise RunError(
                    self._failure(f"was not ready after {self._start_seconds:.0f} s")
                    + "; raise vllm.start_seconds if it only needs longer"
                )
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End the server with all its processes, and wait until they have ended: then its memory is
        free. Harmless if it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def log_end(self) -> str:
        """Return the last errors in the log, else its last lines, without control characters.

        What a server prints while it ends, such as leaked objects, stands after its errors.
        """
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - _LOG_BYTES))
                lines = log.read().decode(errors="replace").replace(self.key, "***").splitlines()
        except OSError:
            return ""
        errors = dict.fromkeys(found[0] for line in lines if (found := _ERROR.search(line)))
        told = list(errors)[-_LOG_ERRORS:] or [line for line in lines if line.strip()][-_LOG_LINES:]
        text = " | ".join(" ".join(line.split()) for line in told)
        return "".join(char for char in text if char.isprintable())

    def _failure(self, what: str) -> str:
        return f"the server of `{self._command[0]}` {what}: {self.log_end()} (log: {self.log})"

    def _is_healthy(self) -> bool:
        import httpx2

        try:
            url = f"http://127.0.0.1:{self.port}/health"
            return httpx2.get(url, timeout=5, trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False


def _no_command(command: str) -> str:
    """Return the error for a vLLM command that is not there."""
    return (
        f"expected the command {command!r} for engine vllm, got none; {INSTALL_VLLM}, or take "
        "engine transformers"
    )


def command_line(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Write arguments as options: true is a bare option, false `--no-…`, None nothing."""
    for name, value in arguments.items():
        option = name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, bool):
            yield f"--{option}" if value else f"--no-{option}"
        else:
            yield from (f"--{option}", str(value))


def _log_path(name: str) -> Path:
    folder = _logs[-1] if _logs else Path(tempfile.mkdtemp(prefix="isoglot-"))
    return folder / f"{name}.log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
