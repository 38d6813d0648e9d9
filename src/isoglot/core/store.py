"""Records at rest: Parquet shards of whole families, and the JSON that says a stage is done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256, write_json, write_whole
from isoglot.core.records import (
    Choice,
    Completion,
    Demonstration,
    Dropped,
    Graded,
    HasFamily,
    Message,
    Preference,
    PrivilegedPrompt,
    Prompt,
    Rated,
    Result,
    Verdict,
)

DROPPED = "dropped"
"""The folder in a stage's folder that holds the `Dropped` rows, in parts of the same names."""

LATER = {
    *("completion", "translation_log_probability", "thought", "failure"),
    *("chosen_thought", "chosen_thought_language"),
    *("rejected_thought", "rejected_thought_language"),
}
"""Columns that shards of earlier versions may lack; they are read as None."""

DONE = "done.json"
"""The file that says that a stage is done, with its fingerprint and its Parquet files."""

_TEXT = pa.field("text", pa.string(), nullable=False)
_MESSAGES = pa.list_(pa.struct([_TEXT.with_name("role"), _TEXT.with_name("content")]))
_COLUMN_TYPES: Mapping[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    Sequence[Message]: _MESSAGES,
    Sequence[float]: pa.list_(pa.float64()),
    Mapping[str, float | None]: pa.map_(pa.string(), pa.float64()),
}


def _schema(record_type: type) -> pa.Schema:
    """Return a column for each field of a record; one that may be None is nullable."""
    hints = get_type_hints(record_type)
    columns = []
    for each in fields(record_type):
        kind = next((kind for kind in _COLUMN_TYPES if hints[each.name] == kind | None), None)
        columns.append(
            pa.field(each.name, _COLUMN_TYPES[kind or hints[each.name]], nullable=kind is not None)
        )
    return pa.schema(columns)


SCHEMAS: dict[type, pa.Schema] = {
    record_type: _schema(record_type)
    for record_type in (
        *(Prompt, Completion, Graded, Choice, Preference, Demonstration),
        *(PrivilegedPrompt, Dropped, Verdict, Rated, Result),
    )
}
"""The columns of each record class, in the order of its fields."""


_R = TypeVar("_R")
_Row = TypeVar("_Row", bound=HasFamily)


def shards_of(rows: Iterable[_Row], families_per_shard: int) -> list[list[_Row]]:
    """Divide rows into shards of whole families, in the order in which families first appear."""
    if families_per_shard < 1:
        raise InputError(f"families_per_shard: expected 1 or more, got {families_per_shard}")
    families: dict[str, list[_Row]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    groups = list(families.values())
    starts = range(0, len(groups), families_per_shard)
    return [list(chain(*groups[start : start + families_per_shard])) for start in starts]


def shard_path(folder: Path, index: int) -> Path:
    """Return the path of shard `index` of a stage."""
    return folder / f"part-{index:05d}.parquet"


def shard_paths(folder: Path) -> list[Path]:
    """List the shards in a folder, in order."""
    return sorted(folder.glob("part-*.parquet"))


def write_shard(path: Path, rows: Sequence[_R], record_type: type[_R]) -> None:
    """Write rows as one Parquet file, whole or not at all; the same rows give the same bytes.

    Raises:
        InputError: a text that is not Unicode, such as half a surrogate pair.
        ValueError: a row that the columns cannot hold, such as None in a column of texts.
        OSError: the disk is full or not writable.
    """
    schema = SCHEMAS[record_type]
    columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
    sink = pa.BufferOutputStream()
    try:
        with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            if rows:  # `datasets` fails on a row group of no rows, not on a file of no row groups
                writer.write_table(pa.Table.from_pydict(columns, schema))
    except UnicodeError as error:
        raise InputError(
            f"{path}: expected texts in Unicode, came {error}; leave the row out"
        ) from error
    except pa.ArrowException as error:
        raise ValueError(
            f"{path}: a {record_type.__name__} does not fit its columns: {error}"
        ) from error
    write_whole(path, sink.getvalue())


def read_shard(path: Path, record_type: type[_R]) -> list[_R]:
    """Read the rows of one shard.

    Example:
        >>> path = Path("runs/mine/round-0/filter/part-00000.parquet")
        >>> isoglot.read_shard(path, isoglot.Preference)[0].chosen_text

    Raises:
        InputError: the file is missing, truncated, or lacks a column.
    """
    schema = SCHEMAS[record_type]
    with _open_shard(path, schema) as file:
        try:
            present = [name for name in schema.names if name in file.schema_arrow.names]
            table = file.read(columns=present)
            for name in set(schema.names) - set(present):
                table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
            table = table.select(schema.names).cast(schema)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable(path, error) from error
    columns = [_values(table.column(name)) for name in schema.names]
    return [record_type(*values) for values in zip(*columns, strict=True)]


def read_columns(path: Path, record_type: type, *names: str) -> list[tuple[Any, ...]]:
    """Read some columns of a shard, row by row; raises as `read_shard` does."""
    schema = SCHEMAS[record_type]
    with _open_shard(path, schema) as file:
        present = [name for name in names if name in file.schema_arrow.names]
        try:
            table = file.read(columns=present)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable(path, error) from error
    values = {name: _values(table.column(name)) for name in present}
    columns = (values.get(name, [None] * len(table)) for name in names)
    return list(zip(*columns, strict=True))


def count_rows(path: Path, record_type: type) -> int:
    """Count the rows of a shard by its footer alone; raises as `read_shard` does."""
    with _open_shard(path, SCHEMAS[record_type]) as file:
        return file.metadata.num_rows


def _values(column: pa.ChunkedArray) -> list[Any]:
    values = column.to_pylist(maps_as_pydicts="strict")
    # Frozen records hold their messages in a tuple, as `Prompt.from_text` makes them.
    return [tuple(value) for value in values] if column.type == _MESSAGES else values


def _open_shard(path: Path, schema: pa.Schema) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise InputError(f"no shard at {path}: run the stage that writes it") from error
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    missing = [name for name in schema.names if name not in {*file.schema_arrow.names, *LATER}]
    if missing:
        file.close()
        raise _unreadable(path, f"column missing: {', '.join(missing)}")
    return file


def _unreadable(path: Path, why: object) -> InputError:
    reason = str(why).split("\n", 1)[0]
    return InputError(
        f"cannot read {path} ({reason}): delete that file and its stage's done.json, and run again"
    )


def read_done(folder: Path) -> dict[str, Any] | None:
    """Read what `write_done` wrote into a stage's folder; None if the stage is not done.

    Raises:
        InputError: the file is damaged.
    """
    path, mend = folder / DONE, "delete that file and run again, which makes only what is missing"
    if not path.exists():
        return None
    content = read_json(path, mend=mend)
    if not isinstance(content.get("fingerprint"), str):
        raise InputError(f"{path}: expected a fingerprint, came none: {mend}")
    return content


def write_done(folder: Path, content: Mapping[str, Any]) -> None:
    """Mark a stage as done, by the last file that it writes, which lists its Parquet files."""
    files = {name: _describe(path) for name, path in _parquet_files(folder).items()}
    write_json(folder / DONE, {**content, "files": files})


def check_files(folder: Path, *, by_content: bool = True) -> None:
    """Compare the Parquet files of a stage with those that it was done with, where it is done.

    Without `by_content`, only names and sizes are compared, which reads none of them.

    Raises:
        InputError: one is missing, is another one, or was added; names it and the way out.
    """
    done = read_done(folder) or {}
    if "files" not in done:  # not done, or by an earlier version
        return
    found, known = _parquet_files(folder), done["files"]
    again = f"{folder / DONE} and run again, which makes it again"
    for name, was in known.items():
        if name not in found:
            raise InputError(f"{folder / name} is missing: put it back, or delete {again}")
        size = found[name].stat().st_size
        if size != was["bytes"] or (by_content and file_sha256(found[name]) != was["sha256"]):
            raise InputError(
                f"{found[name]} is another file than the one that was written there (expected "
                f"{was['rows']} rows in {was['bytes']} bytes, came {size} bytes): put that back, "
                f"or delete this one and {again}"
            )
    if added := sorted(found.keys() - known.keys()):
        raise InputError(
            f"{found[added[0]]} was not written by the stage that is done in {folder}: move it "
            "elsewhere"
        )


def _parquet_files(folder: Path) -> dict[str, Path]:
    """The Parquet files in and below a folder, by their path from there."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*.parquet"))}


def _describe(path: Path) -> dict[str, Any]:
    rows = pq.read_metadata(path).num_rows
    return {"rows": rows, "bytes": path.stat().st_size, "sha256": file_sha256(path)}
