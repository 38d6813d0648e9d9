"""One process at a time writes into a run directory."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from isoglot.core.documents import Document
from isoglot.core.errors import InputError

LOCK_FILES = (".lock", ".lock.json")
"""The lock and the record of its holder; without effect if its holder was killed."""


class _Holder(Document):
    pid: int
    host: str
    since: str


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a run directory; child processes work under that of their parent.

    The system releases the lock of a process that ends, however it ends.

    Raises:
        InputError: another process holds it; names process, machine and time.
    """
    from filelock import FileLock, Timeout

    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path, record = (folder / name for name in LOCK_FILES)
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(_in_use(folder, record)) from None
    try:
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        _Holder(pid=os.getpid(), host=socket.gethostname(), since=now).write(record)
        yield
    finally:
        # before the release: a process that gets the lock of a deleted file tries again
        record.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        lock.release()
        if is_new:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _in_use(folder: Path, record: Path) -> str:
    mend = "wait for it, end it, or choose another --out"
    try:
        holder = _Holder.read(record, mend="")
    except InputError:  # not written yet
        return f"{folder} is in use by another process: {mend}"
    return (
        f"{folder} is in use by process {holder.pid} on {holder.host} since {holder.since}: {mend}"
    )
