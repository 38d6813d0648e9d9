"""The money that each model of a folder has cost at its server, over all commands."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = "spending.jsonl"
_folders: list[Path] = []
"""The folders of `spending_in`, the innermost last."""


@contextmanager
def spending_in(folder: Path) -> Iterator[None]:
    """Record in a folder what the models that are loaded within the block cost."""
    _folders.append(folder)
    try:
        yield
    finally:
        _folders.pop()


class Spending:
    """The cost of one model in the folder of `spending_in`, in USD; outside of it, from zero.

    Each request is a line that is appended once its answer is here, so that a killed process
    loses the cost of what was in flight alone.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._path = _folders[-1] / _FILE if _folders else None
        self.usd = sum(self._costs())
        """The cost so far, of earlier commands too."""

    def add(self, usd: float) -> None:
        """Record the cost of a request."""
        self.usd += usd
        if self._path is None or not usd:
            return
        line = json.dumps({"model": self._model, "usd": usd}) + "\n"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line.encode())  # one call: processes may append to the same file
        finally:
            os.close(file)

    def _costs(self) -> Iterator[float]:
        if self._path is None or not self._path.exists():
            return
        with self._path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                except ValueError:  # the process was killed while it wrote
                    continue
                if row["model"] == self._model:
                    yield float(row["usd"])
