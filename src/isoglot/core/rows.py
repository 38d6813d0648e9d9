"""Rows of files that users have: prompts, completions, benchmarks, rankings.

A format is known by its suffix, and all but Parquet may be gzipped (`.jsonl.gz`). Values of CSV and
TSV are text. TSV has no quotes: a cell is what stands between two tabs.
"""

import csv
import gzip
import json
import re
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from glob import escape, glob
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TextIO, cast

from isoglot.core.errors import InputError, RefusedRow
from isoglot.core.files import kind_of
from isoglot.core.text import whole_characters

Row = Mapping[str, Any]
"""Column name to value."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_FIELD_CHARS = 10_000_000  # a cell of CSV; Python's own limit is 131,072
_MAX_LINE_CHARS = 64 * 1024 * 1024
_MAX_JSON_CHARS = 512 * 1024 * 1024  # a whole file, which is parsed at once
_UNREADABLE = (OSError, EOFError, zlib.error, csv.Error, ValueError, NotImplementedError)


class Place(NamedTuple):
    """The place of a row in a file; as text, `FILE, row 1`."""

    file: Path
    row: int
    """Counted from 1, without the header and without blank lines."""

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}"


def find_files(pattern: str) -> list[Path]:
    """List the files of a path or a glob by name; those of rows in a folder and below it.

    What is there by its very name is no pattern: `what?.jsonl`, `set [v2]/*.jsonl`.

    Raises:
        InputError: there are none.
    """
    found = [Path(name) for name in sorted(glob(glob_of(pattern), recursive=True))]
    if not found:
        raise InputError(f"{pattern}: expected a file or a glob of files, came nothing; check it")
    return [file for path in found for file in _files_of(path)]


def glob_of(pattern: str) -> str:
    """Return a glob without a meaning for the part of a path that is there by its very name."""
    path = Path(pattern).expanduser()
    there = next((each for each in (path, *path.parents) if each.exists()), Path())
    return str(Path(escape(str(there))) / path.relative_to(there))


def read_rows(file: Path, columns: Sequence[str] = ()) -> Iterator[tuple[Place, Row]]:
    """Read the rows of one file, each with its place.

    `.json` holds a list of objects, alone or as the only list of an object, or an object in each
    line as `.jsonl` does. `columns` are the
    names of the columns of a CSV or TSV file without a header.

    Raises:
        InputError: a file that is missing, of another kind or damaged, or a row that is no object.
    """
    suffix = Path(file.name.removesuffix(".gz")).suffix
    if not is_rows_file(file.name):
        raise InputError(
            f"{file}: expected {', '.join(_READERS)}, came {suffix or 'no suffix'}; convert or "
            "rename it"
        )
    with _reading(file):
        _require_file(file)
        for num, row in enumerate(_READERS[suffix](file, columns), start=1):
            place = Place(file, num)
            if not isinstance(row, dict):
                raise InputError(f"{place}: expected an object of columns, came {row!r:.60}")
            yield place, row


def read_rows_of_files(pattern: str) -> Iterator[tuple[Place, Row]]:
    """Read the rows of all files of a path or a glob, one file after another; see `read_rows`."""
    return chain.from_iterable(map(read_rows, find_files(pattern)))


def _require_file(file: Path) -> None:
    """Raise InputError for what may never end."""
    if file.exists() and not file.is_file():
        raise InputError(f"{file}: expected a file, came {kind_of(file)}; write a file, or name it")


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        _require_file(path)
        return [path]
    there = (file for file in path.rglob("*") if is_rows_file(file.name) and file.is_file())
    files = sorted(file for file in there if not file.name.startswith("."))
    if not files:
        raise InputError(f"{path}: expected files of {', '.join(_READERS)} in it, came none")
    return files


def is_rows_file(name: str) -> bool:
    """True if the name has a suffix that `read_rows` knows."""
    return name.removesuffix(".gz").endswith(tuple(_READERS)) and not name.endswith(".parquet.gz")


@contextmanager
def errors_at(place: Place) -> Iterator[None]:
    """Name the place of a row in each InputError about it."""
    try:
        yield
    except RefusedRow as error:
        raise RefusedRow(f"{place}: {error}", error.reason) from error
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def read_lines(file: Path) -> Iterator[str]:
    """Read the lines of a text file, gzipped or not, without their ends.

    Raises:
        InputError: a file that is missing or is no text in UTF-8.
    """
    with _reading(file):
        _require_file(file)
        for line in _lines(file):
            yield line.removesuffix("\n").removesuffix("\r")


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Raise InputError for whatever keeps a file from being read."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{file}: expected a file, came nothing; correct the path") from None
    except (*_UNREADABLE, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{file}: expected a readable file, came an error ({reason}); fetch or write it again"
        ) from error


def _lines(file: Path) -> Iterator[str]:
    """Read lines ended by \\n (or \\r\\n) only, as they stand, without a byte order mark.

    One before a later line is left of joined files. Raises ValueError for a line beyond all bounds,
    as a small file that is gzipped may hold.
    """
    with _opened(file) as lines:
        while line := lines.readline(_MAX_LINE_CHARS):
            if len(line) == _MAX_LINE_CHARS and not line.endswith("\n"):
                raise ValueError(f"a line of more than {_MAX_LINE_CHARS:,} characters")
            yield line.removeprefix("\ufeff")


def _opened(file: Path) -> TextIO:
    """Open a text, gzipped or not; a mark of UTF-16 says that it is in it."""
    opener: Callable[..., Any] = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rb") as start:
        is_utf16 = start.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE)
    return cast(
        TextIO, opener(file, "rt", encoding="utf-16" if is_utf16 else "utf-8", newline="\n")
    )


def _jsonl(file: Path, _columns: Sequence[str]) -> Iterator[Any]:
    for num, line in enumerate(filter(str.strip, _lines(file)), start=1):
        try:
            row = _loaded(line)
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{Place(file, num)}: expected JSON, came {line[:40]!r} ({error}); mend the line"
            ) from error
        yield row


def _json(file: Path, columns: Sequence[str]) -> Iterable[Any]:
    with _opened(file) as whole:
        text = whole.read(_MAX_JSON_CHARS).removeprefix("\ufeff")
    if len(text) == _MAX_JSON_CHARS:
        raise ValueError(f"more than {_MAX_JSON_CHARS:,} characters; write it as .jsonl")
    try:
        content = _loaded(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("[") or not error.msg.startswith("Extra data"):
            raise
        return _jsonl(file, columns)
    if isinstance(content, dict):
        lists = [value for value in content.values() if _is_list_of_objects(value)]
        return lists[0] if len(lists) == 1 else [content]
    if not isinstance(content, list):
        raise InputError(f"{file}: expected a list of objects, came {content!r:.60}; mend the file")
    return content


def _loaded(text: str) -> Any:
    """Parse JSON; half of a character, as a cut-off emoji leaves it, becomes U+FFFD."""
    content = json.loads(text, object_pairs_hook=_object)
    return _mended(content) if _SURROGATE.search(text) else content


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raise ValueError for a key that stands in it twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(_twice(key for key, _ in pairs))
    return found


def _twice(names: Iterable[str]) -> str:
    counts = Counter(names)
    return f"the column {max(counts, key=lambda name: counts[name])!r:.40} stands there twice"


def _mended(value: Any) -> Any:
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return whole_characters(value) if isinstance(value, str) else value


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _csv(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    csv.field_size_limit(_MAX_FIELD_CHARS)
    return _table(file, csv.reader(_lines(file)), columns)


def _tsv(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    return _table(file, (line.split("\t") for line in read_lines(file) if line), columns)


def _table(file: Path, lines: Iterator[list[str]], columns: Sequence[str]) -> Iterator[Row]:
    header = list(columns) or next(lines, [])
    named = [name for name in header if name]  # spreadsheets add columns without a name
    if len(named) > len(set(named)):
        raise ValueError(_twice(named))
    for num, line in enumerate(filter(None, lines), start=1):
        if len(line) != len(header):
            place = Place(file, num)
            raise InputError(f"{place}: expected {len(header)} columns, came {len(line)}")
        yield dict(zip(header, line, strict=True))


def _parquet(file: Path, _columns: Sequence[str]) -> Iterator[Row]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as table:
        names = table.schema_arrow.names
        if len(names) > len(set(names)):
            raise ValueError(_twice(names))
        for batch in table.iter_batches():
            yield from batch.to_pylist()


_READERS: Mapping[str, Callable[[Path, Sequence[str]], Iterable[Any]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
