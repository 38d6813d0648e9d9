"""Files that are whole or not there: written under a temporary name, then renamed."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

_MAX_TEXT_BYTES = 256 * 1024 * 1024


def write_whole(path: Path, data: bytes | pa.Buffer) -> None:
    """Write a file, whole or not at all.

    Raises:
        OSError: the disk is full or not writable; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error.strerror) from error
        raise


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield the name of a file or a folder that becomes `path`, or goes away after an error.

    An earlier one is replaced. What a killed process left under the temporary name goes first.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    _remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            _remove(path)
        temporary.replace(path)
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all.

    Raises:
        ValueError: a NaN or an infinity, which JSON does not have.
        OSError: as `write_whole`.
    """
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    write_whole(path, (text + "\n").encode())


def read_file_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """Read a text that a person or isoglot wrote.

    Raises:
        OSError: no such file; a pipe or a device, which may never end; more than 256 MiB.
        UnicodeDecodeError: another encoding.
    """
    if path.exists() and not path.is_file():
        raise OSError(f"expected a file, came {kind_of(path)}")
    if path.stat().st_size > _MAX_TEXT_BYTES:
        raise OSError(f"expected at most {_MAX_TEXT_BYTES:,} bytes, came {path.stat().st_size:,}")
    return path.read_text(encoding=encoding)


def kind_of(path: Path) -> str:
    """Name what is at a path that holds no file."""
    return "a folder" if path.is_dir() else "a pipe or a device"


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, however large it is."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def naming_a_full_disk(folder: Path) -> Iterator[None]:
    """Raise one error for a full disk, for libraries that write into `folder`, each with its own.

    Raises:
        OSError: the disk is full, in the words of `write_whole`; any other error passes.
    """
    try:
        yield
    except Exception as error:
        if reason := _full_disk(error):
            raise _unwritable(folder, reason) from error
        raise


def _full_disk(error: BaseException | None) -> str | None:
    """Return which limit was met, if that is the cause of an error."""
    while error is not None:
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
                return os.strerror(number)
        if "inline_container" in str(error) or "PytorchStreamWriter" in str(error):
            # torch.save does not say why it could not write
            return os.strerror(errno.ENOSPC)
        error = error.__cause__ or error.__context__
    return None


def _unwritable(path: Path, reason: str | None) -> OSError:
    return OSError(
        f"cannot write {path} ({reason}): make room there or choose another --out, "
        "then run again; what is finished is kept"
    )
