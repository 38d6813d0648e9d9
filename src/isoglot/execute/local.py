"""A stage over its shards in this process: what is there is kept, what is missing is made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from isoglot.core.records import Dropped
from isoglot.core.store import DROPPED, count_rows, read_shard, shard_paths, write_shard

R = TypeVar("R")
Input = tuple[Path, type]
"""A stage's folder of shards, and the record class of their rows."""


class Counts(NamedTuple):
    """What stands in the output folder, shards of earlier runs included."""

    num_shards: int
    num_kept_shards: int
    """Shards that an earlier run had written."""
    num_rows: int
    num_dropped: int


def map_shards(
    function: Callable[..., list[R] | tuple[list[R], list[Dropped]]],
    inputs: Sequence[Input],
    out: Path,
    output: type[R],
    *,
    load: Callable[[], Any] | None = None,
    reached: Callable[[int], None] = lambda num: None,  # noqa: ARG005
) -> Counts:
    """Run a stage on every shard whose output does not stand yet; one shard is in memory at a time.

    `function` gets the rows of the same part of each input, in the order of `inputs`, and then what
    `load` gave; it returns the rows to write, or these and the dropped ones (to `out/dropped`).
    `load` is called once, and not at all when every shard stands. `reached` is told after each
    shard how many rows of the first input lie behind it. Marking the stage done is the caller's.

    Raises:
        ValueError: an input without shards, parts that do not match, an unreadable input.
    """
    names = _aligned_names([folder for folder, _ in inputs], out)
    model: list[Any] = []
    num_behind = num_kept = num_rows = num_dropped = 0
    for name in names:
        num_behind += count_rows(inputs[0][0] / name, inputs[0][1])
        standing = _standing(out, name, output)
        if standing is not None:
            num_kept += 1
        else:
            if load is not None and not model:
                model.append(load())
            rows: list[list[Any]] = [read_shard(folder / name, kind) for folder, kind in inputs]
            standing = _write(function(*rows, *model), out, name, output)
        num_rows += standing[0]
        num_dropped += standing[1]
        reached(num_behind)
    return Counts(len(names), num_kept, num_rows, num_dropped)


def _aligned_names(folders: Sequence[Path], out: Path) -> list[str]:
    """The part names that every input has."""
    first, *others = folders
    names = [path.name for path in shard_paths(first)]
    if not names:
        raise ValueError(f"no shards in {first}: run the stage that writes them first")
    for folder in others:
        if odd := {path.name for path in shard_paths(folder)} ^ set(names):
            raise ValueError(
                f"{folder} and {first} do not have the same shards ({min(odd)} is in one of them "
                "only): delete the one that is incomplete and run again"
            )
    if odd := {path.name for path in shard_paths(out)} - set(names):
        raise ValueError(f"{out} has {min(odd)} and {first} has not: delete {out} and run again")
    return names


def _standing(out: Path, name: str, output: type) -> tuple[int, int] | None:
    """Rows and dropped rows of a part that an earlier run wrote; None where it must be made."""
    if not (out / name).exists():
        return None
    dropped = out / DROPPED / name
    try:
        num_dropped = count_rows(dropped, Dropped) if dropped.exists() else 0
        return count_rows(out / name, output), num_dropped
    except ValueError:
        return None  # damaged after it was written: it is made again from its input


def _write(
    result: list[R] | tuple[list[R], list[Dropped]], out: Path, name: str, output: type[R]
) -> tuple[int, int]:
    kept, dropped = result if isinstance(result, tuple) else (result, None)
    if dropped is not None:  # first, so that a part says that both are there
        write_shard(out / DROPPED / name, dropped, Dropped)
    write_shard(out / name, kept, output)
    return len(kept), len(dropped or ())
