"""A cache of a server's answers in one SQLite file, so that none is paid for twice."""

import hashlib
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError

_VERSION = 1
_BUSY_SECONDS = 60
"""Time that one process waits for another to finish its write."""


def answer_key(*parts: Any) -> str:
    """Hash everything that decides an answer: SHA-256 of JSON with sorted keys."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def user_cache() -> Path:
    """Return the path of `answers.sqlite` in ISOGLOT_CACHE, or else in the user's cache folder."""
    if folder := os.environ.get("ISOGLOT_CACHE"):
        return Path(folder).expanduser() / "answers.sqlite"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "isoglot" / "answers.sqlite"


class AnswerCache:
    """Answers by key, each on disk before `put` returns, so that a killed run loses none.

    Threads share an instance, processes the file. It contains answers and hashed keys, but no
    prompts and no credentials, and only its owner may read it. Raises InputError if the file is not
    a cache of this version or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser()
        self._lock = threading.Lock()
        with self._usable():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._open()

    def get(self, key: str) -> Mapping[str, Any] | None:
        """Return the answer of a key, or None."""
        query = "SELECT answer FROM answers WHERE key = ?"
        with self._lock, self._usable():
            row = self._db.execute(query, (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, answer: Mapping[str, Any]) -> None:
        """Store an answer; if another process was faster, its answer stays."""
        row = (key, json.dumps(answer))
        with self._lock, self._usable():
            self._db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _open(self) -> None:
        self._is_new()  # before the first write to a file that may not be a cache
        self._write_ahead()
        self._db.execute("PRAGMA synchronous = NORMAL")  # survives a kill; a power cut loses little
        self._db.execute("BEGIN IMMEDIATE")  # another process may be creating the same file
        if self._is_new():
            self._db.execute(
                "CREATE TABLE answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID"
            )
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        self._db.execute("COMMIT")

    def _write_ahead(self) -> None:
        """Enable WAL; SQLite itself does not wait for another process that is doing the same."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _is_new(self) -> bool:
        version, num_tables = self._db.execute(  # one statement: another process may be at work
            "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
        ).fetchone()
        is_new = version == 0 and num_tables == 0
        if not is_new and version != _VERSION:
            self._db.close()
            raise sqlite3.DatabaseError(f"version {version}, not {_VERSION}")
        return is_new

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise InputError(
                f"expected an answer cache that can be written at {self.path}, got "
                f"{type(error).__name__} ({error}); mend or move the file, or give `cache` another "
                "path"
            ) from None
