"""Folders that isoglot writes: each holds one kind of work, marked, of one process at a time.

A folder that grows (a run, a training, …) is `owned_folder`: it is refused where it holds files of
somebody else. One that is written in one go is a `whole_folder`: made beside, then renamed.
"""

import os
import shutil
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from isoglot.core.documents import Document, read_json
from isoglot.core.errors import InputError

FolderKind = Literal["run", "evaluation", "judging", "rewards", "training", "study", "comparison"]

MARKER = ".isoglot"
"""The file in an owned folder that names its kind; nothing else makes a folder isoglot's."""

LOCK_FILES = (".lock", ".lock.json")
"""The lock and the record of its holder; without effect if its holder was killed."""

_OWN_NAMES = (MARKER, *LOCK_FILES, *(f".{name}.tmp" for name in LOCK_FILES))


class _Record(NamedTuple):
    """A file, and a key of its JSON object, that tell a folder whose marker was not copied."""

    name: str
    key: str


_RECORDS: dict[str, _Record] = {
    "run": _Record("run.json", "recipe"),
    "evaluation": _Record("evaluation.json", "tasks"),
    "judging": _Record("judge.json", "settings"),
    "rewards": _Record("rewards.json", "sets"),
    "training": _Record("inputs.json", "policy"),
    "study": _Record("study.json", "cells"),
}


class _Holder(Document):
    pid: int
    host: str
    since: str


@contextmanager
def owned_folder(folder: Path, kind: FolderKind) -> Iterator[None]:
    """Hold a folder of this kind alone; child processes work under the lock of their parent.

    A new or empty folder becomes one of the kind, and stays empty if nothing is written into it.

    Raises:
        InputError: it holds other files, or another kind of work, and is left as it was; or
            another process holds it: names process, machine and time.
    """
    with _locked(folder, str(folder)):
        _mark(folder, kind)
        try:
            yield
        finally:
            if not _names_in(folder):
                (folder / MARKER).unlink(missing_ok=True)


@contextmanager
def whole_folder(out: Path, replaced: Collection[str] = ()) -> Iterator[Path]:
    """Yield a folder that becomes `out` when all went well, and goes away otherwise.

    `replaced` are the files, relative to `out`, of an earlier result that this one replaces.

    Raises:
        InputError: `out` holds other files, and is left as it was; or another process makes it.
    """
    name, out = str(out), out.resolve()
    _check_free(out, replaced)
    temporary, before = out.with_name(f".{out.name}.tmp"), out.with_name(f".{out.name}.old")
    try:
        with _locked(temporary, name):
            _clear(temporary)  # what a killed process left
            try:
                yield temporary
                _check_free(out, replaced)
                for each in LOCK_FILES:
                    (temporary / each).unlink()
                if out.exists():
                    shutil.rmtree(before, ignore_errors=True)
                    out.rename(before)
                temporary.rename(out)
                shutil.rmtree(before, ignore_errors=True)
            finally:
                _clear(temporary)
    finally:
        with suppress(OSError):  # it has its name, or is another process's
            temporary.rmdir()


def _check_free(out: Path, replaced: Collection[str]) -> None:
    """Raise InputError if `out` is a file, or a folder with files besides the replaced ones."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} is a file: give a new or empty folder")
    files = (path for path in out.rglob("*") if not path.is_dir() or path.is_symlink())
    odd = sorted(name for path in files if (name := str(path.relative_to(out))) not in replaced)
    if odd:
        raise InputError(f"{out} is there already, with {odd[0]}: give a new or empty folder")


def _clear(folder: Path) -> None:
    """Remove everything but the lock; a folder that was renamed is not there any longer."""
    for path in folder.iterdir() if folder.exists() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in LOCK_FILES:
            path.unlink()


def _mark(folder: Path, kind: FolderKind) -> None:
    """Mark a folder that may hold this kind of work; raises as `owned_folder`."""
    marker = folder / MARKER
    held = marker.read_text(encoding="utf-8", errors="replace").strip() if marker.exists() else ""
    if held in get_args(FolderKind) and held != kind:
        raise InputError(
            f"{folder} holds the files of {_with_article(held)}, not of {_with_article(kind)}: "
            "choose another --out; nothing was touched"
        )
    if held == kind:
        return
    if (names := _names_in(folder)) and not _has_record(folder, kind):
        raise InputError(
            f"{folder} holds other files than {_with_article(kind)}, such as {names[0]}: choose a "
            "new or empty --out; nothing was touched"
        )
    marker.write_text(f"{kind}\n", encoding="utf-8")


def _with_article(kind: str) -> str:
    plain = {"rewards": "rewards", "judging": "a judge"}
    return plain.get(kind, f"a{'n' if kind[0] in 'aei' else ''} {kind}")


def _names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in _OWN_NAMES)


def _has_record(folder: Path, kind: FolderKind) -> bool:
    record = _RECORDS.get(kind)
    if record is None:
        return False
    with suppress(InputError):
        return record.key in read_json(folder / record.name, mend="")
    return False


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of a folder, which an error calls `name`; new ones that stay empty go.

    The system releases the lock of a process that ends, however it ends.
    """
    from filelock import FileLock, Timeout

    new = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"expected a folder, got {name}, a file: choose another --out") from None
    path, record = (folder / each for each in LOCK_FILES)
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(_in_use(name, record)) from None
    except NotImplementedError:
        raise InputError(
            f"expected a file system with locks (flock) at {name}, got one without: choose an "
            "--out on a disk of this machine"
        ) from None
    try:
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        _Holder(pid=os.getpid(), host=socket.gethostname(), since=now).write(record)
        yield
    finally:
        # before the release: a process that gets the lock of a deleted file tries again
        record.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):  # it is not empty, or has another name now
            for each in new:
                each.rmdir()


def _in_use(name: str, record: Path) -> str:
    mend = "wait for it, end it, or choose another --out"
    try:
        holder = _Holder.read(record, mend="")
    except InputError:  # not written yet
        return f"{name} is in use by another process: {mend}"
    return f"{name} is in use by process {holder.pid} on {holder.host} since {holder.since}: {mend}"
