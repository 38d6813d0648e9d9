"""Records at rest: Parquet shards of whole families, and the JSON that says a stage is done.

A file is written to a temporary name in its own folder and renamed, so it is whole or not there.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from isoglot.core.errors import InputError
from isoglot.core.records import (
    Choice,
    Completion,
    Demonstration,
    Dropped,
    Graded,
    Preference,
    Prompt,
    Rated,
    Result,
    Verdict,
)

DROPPED = "dropped"
"""The folder in a stage's folder that holds the `Dropped` rows, in parts of the same names."""

_DONE = "done.json"
_TEXT, _NUMBER = pa.string(), pa.float64()


LATER = {"completion", "translation_log_probability"}
"""Columns that the shards of earlier versions lack: None there."""


def _column(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


def _texts(*names: str) -> list[pa.Field]:
    return [_column(name, _TEXT) for name in names]


_MESSAGES = pa.list_(pa.struct(_texts("role", "content")))

SCHEMAS: dict[type, pa.Schema] = {
    Prompt: pa.schema(
        [
            *_texts("family", "prompt_id", "language"),
            _column("prompt", _MESSAGES),
            *_texts("answer_language"),
            pa.field("gold", _TEXT),
            *_texts("source"),
            pa.field("translated_from", _TEXT),
            pa.field("translator", _TEXT),
            pa.field("translation_log_probability", _NUMBER),
            pa.field("completion", _TEXT),
        ]
    ),
    Completion: pa.schema(
        [
            *_texts("family", "prompt_id", "language", "sampler"),
            _column("sample", pa.int64()),
            *_texts("text", "finish_reason"),
            pa.field("identified_language", _TEXT),
            pa.field("translated_from", _TEXT),
            pa.field("translator", _TEXT),
            pa.field("translation_log_probability", _NUMBER),
            pa.field("artefact", _TEXT),
            _column("rewards", pa.map_(_TEXT, _NUMBER)),
        ]
    ),
    Graded: pa.schema(
        [
            *_texts("family", "prompt_id", "language", "metric"),
            pa.field("value", _NUMBER),
            pa.field("statistics", pa.list_(_NUMBER)),
        ]
    ),
    Choice: pa.schema(
        [
            *_texts("family", "prompt_id", "language", "sampler", "label", "text"),
            pa.field("log_probability", _NUMBER),
            _column("num_tokens", pa.int64()),
        ]
    ),
    Preference: pa.schema(
        [
            *(_column(name, _MESSAGES) for name in ("prompt", "chosen", "rejected")),
            *_texts("family", "prompt_id", "language", "answer_language"),
            *_texts("chosen_model", "rejected_model"),
            pa.field("chosen_language", _TEXT),
            pa.field("rejected_language", _TEXT),
            *_texts("chosen_finish_reason", "rejected_finish_reason"),
            pa.field("score_chosen", _NUMBER),
            pa.field("score_rejected", _NUMBER),
            *_texts("pair_type"),
            _column("round", pa.int64()),
        ]
    ),
    Demonstration: pa.schema(
        [
            _column("messages", _MESSAGES),
            *_texts("family", "prompt_id", "language", "answer_language", "model", "source"),
        ]
    ),
    Dropped: pa.schema(
        _texts(
            *("family", "prompt_id", "language", "pair_type"),
            *("reason", "chosen_text", "rejected_text"),
        )
    ),
    Verdict: pa.schema(
        [
            *_texts("family", "prompt_id", "language", "a", "b", "judge", "forward", "backward"),
            pa.field("forward_score", _NUMBER),
            pa.field("backward_score", _NUMBER),
            *_texts("forward_text", "backward_text", "a_completion_id", "b_completion_id"),
            _column("a_chars", pa.int64()),
            _column("b_chars", pa.int64()),
        ]
    ),
    Rated: pa.schema(
        [
            *_texts("family", "prompt_id", "language", "sampler", "judge"),
            _column("turn", pa.int64()),
            pa.field("value", _NUMBER),
            *_texts("text", "completion_id"),
        ]
    ),
    Result: pa.schema(
        [
            *_texts("task", "language"),
            _column("trained", pa.bool_()),
            *_texts("metric"),
            *(_column(name, _NUMBER) for name in ("value", "low", "high")),
            _column("n", pa.int64()),
            _column("unknown", pa.int64()),
            *_texts("signature"),
        ]
    ),
}
"""The columns of each record class, in the order of its fields; a nullable one may be None."""


class _HasFamily(Protocol):
    @property
    def family(self) -> str: ...


R = TypeVar("R")
Row = TypeVar("Row", bound=_HasFamily)


def shards_of(rows: Iterable[Row], families_per_shard: int) -> list[list[Row]]:
    """The rows in shards of so many whole families, in the order in which families first appear."""
    if families_per_shard < 1:
        raise InputError(f"families_per_shard: expected 1 or more, got {families_per_shard}")
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    remaining = iter(families.values())
    shards = []
    while batch := list(islice(remaining, families_per_shard)):
        shards.append([row for family in batch for row in family])
    return shards


def shard_path(folder: Path, index: int) -> Path:
    """Where shard `index` of a stage lies."""
    return folder / f"part-{index:05d}.parquet"


def shard_paths(folder: Path) -> list[Path]:
    """The shards that stand in a folder, in order."""
    return sorted(folder.glob("part-*.parquet"))


def write_shard(path: Path, rows: Sequence[R], record_type: type[R]) -> None:
    """Write rows as one Parquet file; the same rows give the same bytes.

    Raises:
        InputError: a row that the columns cannot hold, such as None where a text must be.
        OSError: the disk is full or not writable; nothing is left behind.
    """
    schema = SCHEMAS[record_type]
    columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
    sink = pa.BufferOutputStream()
    try:
        with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            if rows:  # `datasets` fails on a row group of no rows, not on a file of no row groups
                writer.write_table(pa.Table.from_pydict(columns, schema))
    except (pa.ArrowException, UnicodeError) as error:
        raise InputError(
            f"{path}: a {record_type.__name__} does not fit its columns: {error}"
        ) from error
    write_whole(path, sink.getvalue())


def read_shard(path: Path, record_type: type[R]) -> list[R]:
    """The rows of one shard, as they were written.

    Raises:
        InputError: the file is missing, truncated, or lacks a column.
    """
    schema = SCHEMAS[record_type]
    with _open_shard(path, schema) as file:
        try:
            there = [name for name in schema.names if name in file.schema_arrow.names]
            table = file.read(columns=there)
            for name in set(schema.names) - set(table.column_names):
                table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
            table = table.select(schema.names).cast(schema)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _unreadable(path, error) from error
    columns = [_values(table.column(name)) for name in schema.names]
    return [record_type(*values) for values in zip(*columns, strict=True)]


def count_rows(path: Path, record_type: type) -> int:
    """The number of rows of a shard, from its footer alone; raises as `read_shard` does."""
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
    there = {*file.schema_arrow.names, *LATER}
    missing = [name for name in schema.names if name not in there]
    if missing:
        file.close()
        raise _unreadable(path, f"column missing: {', '.join(missing)}")
    return file


def _unreadable(path: Path, why: object) -> InputError:
    reason = str(why).split("\n", 1)[0]
    return InputError(
        f"cannot read {path} ({reason}): delete that file and its stage's done.json, and run again"
    )


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON, whole or not at all; raises InputError for NaN, OSError as `write_shard` does."""
    text = json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False)
    write_whole(path, (text + "\n").encode())


def read_done(folder: Path) -> dict[str, Any] | None:
    """What `write_done` wrote into a stage's folder; None where the stage is not done."""
    path = folder / _DONE
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def write_done(folder: Path, data: Mapping[str, Any]) -> None:
    """Say that a stage is done: the last file that the stage writes."""
    write_json(folder / _DONE, data)


def write_whole(path: Path, data: bytes | pa.Buffer) -> None:
    """Write a file whole or not at all; raises OSError as `write_shard` does."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(path, error.strerror) from error


@contextmanager
def naming_a_full_disk(folder: Path) -> Iterator[None]:
    """For libraries that write into `folder`, each with an error of its own for a full disk.

    Raises:
        OSError: the disk is full, as `write_shard` says it; any other error passes.
    """
    try:
        yield
    except Exception as error:
        if why := _full_disk(error):
            raise _unwritable(folder, why) from error
        raise


def _full_disk(error: BaseException | None) -> str | None:
    """What is full, where that is the cause of an error; else None."""
    while error is not None:
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
                return os.strerror(number)
        if "inline_container" in str(error) or "PytorchStreamWriter" in str(error):
            # torch.save does not say why it could not write
            return os.strerror(errno.ENOSPC)
        error = error.__cause__ or error.__context__
    return None


def _unwritable(path: Path, why: str | None) -> OSError:
    return OSError(
        f"cannot write {path} ({why}): make room there or choose another --out, "
        "then run again; what is finished is kept"
    )
