"""A stage over its shards in this process: finished shards are kept, missing ones are made."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from isoglot.core.errors import InputError
from isoglot.core.protocols import Tick
from isoglot.core.records import Dropped
from isoglot.core.store import DROPPED, count_rows, read_shard, shard_paths, write_shard
from isoglot.execute.progress import Bar

_R = TypeVar("_R")
Input = tuple[Path, type]
"""A stage's folder of shards, and the record class of their rows."""
IsFinal = Callable[[Path], bool]
"""False for a shard that making it again may improve, such as one that lacks answers."""


class ShardCounts(NamedTuple):
    """The content of an output folder, with the shards of earlier runs."""

    num_shards: int
    num_kept_shards: int
    """Shards that an earlier run had written."""
    num_rows: int
    num_dropped: int

    @property
    def kept_and_dropped(self) -> dict[str, int]:
        """The counts of a stage that drops rows."""
        return {"kept": self.num_rows, "dropped": self.num_dropped}


class ShardSize(NamedTuple):
    """The content of one output shard."""

    num_rows: int
    num_dropped: int


def map_shards(
    function: Callable[..., list[_R] | tuple[list[_R], list[Dropped]]],
    inputs: Sequence[Input],
    out: Path,
    output: type[_R],
    *,
    load: Callable[[], Any] | None = None,
    bar: Bar | None = None,
    ticks: bool = False,
    num_at_once: int = 1,
    is_final: IsFinal | None = None,
) -> ShardCounts:
    """Make the missing shards of a stage, and again those that are not `is_final`.

    `num_at_once` shards are in memory, made by threads: more than one for a server, which else
    would have little to do while the last answers of a shard are written.

    `function` gets the rows of the same part of each input, in the order of `inputs`, then the
    result of `load`, if it is given, then the bar as its `Tick`, if it `ticks`; it returns the rows
    to write, or these and the dropped ones (to `out/dropped`). `load` is called once, and not at
    all if no shard is missing. The bar is set after each shard to the share of the rows of the
    first input so far. The caller marks the stage as done.

    Raises:
        InputError: an input without shards, parts that do not match, an unreadable input.
    """
    task = ShardTask(function, inputs, out, output, load, is_final)
    shown = ShardBar(bar, task)
    if shown.missing:
        arguments = shown.load(ticks)
        if num_at_once == 1:
            for part in shown.missing:
                shown.add(part, task.make(part, arguments))
        else:
            _make_by_threads(task, shown, arguments, num_at_once)
    return shown.counts


class ShardBar:
    """The bar of a stage, with the shards that are made; a stage may have none.

    Raises as `ShardTask.parts`.
    """

    def __init__(self, bar: Bar | None, task: "ShardTask") -> None:
        self.bar = bar or Bar("", 0)
        self._task = task
        parts = task.parts()
        self._rows = {part: task.num_rows(part) for part in parts}
        self._sizes = {part: size for part in parts if (size := task.size(part)) is not None}
        self._num_kept = len(self._sizes)
        self.missing = [part for part in parts if part not in self._sizes]
        self.bar.skip(self._done())

    def load(self, ticks: bool) -> list[Any]:
        """Return the arguments of the stage after the rows, with its model loaded."""
        if self._task.load:
            self.bar.loading()
        arguments = self._task.loaded(self.bar if ticks else None)
        self.bar(0, "")
        return arguments

    def add(self, part: str, size: ShardSize, *, at_work: bool = False) -> None:
        """Count a shard that was made; set the bar to the share that is, unless others are
        `at_work`, whose ticks are further."""
        self._sizes[part] = size
        if not at_work:
            self.mark()

    def mark(self) -> None:
        """Set the bar to the share that is made."""
        self.bar.reach(self._done())

    @property
    def counts(self) -> ShardCounts:
        """The content of the output folder."""
        num_rows, num_dropped = (sum(nums) for nums in zip(*self._sizes.values(), strict=True))
        return ShardCounts(len(self._rows), self._num_kept, num_rows, num_dropped)

    def _done(self) -> int:
        """The share of the rows that are made, in the unit of the bar."""
        total = sum(self._rows.values())
        return self.bar.total * sum(self._rows[part] for part in self._sizes) // (total or 1)


def _make_by_threads(
    task: "ShardTask", shown: ShardBar, arguments: Sequence[Any], num_at_once: int
) -> None:
    pool = ThreadPoolExecutor(num_at_once)
    try:
        futures = {pool.submit(task.make, part, arguments): part for part in shown.missing}
        for num, future in enumerate(as_completed(futures), 1):
            shown.add(futures[future], future.result(), at_work=num < len(futures))
    except Exception:
        pool.shutdown(cancel_futures=True)  # those at work are kept
        raise
    finally:  # interrupted: those at work end with their server
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class ShardTask:
    """The work on each shard and the folders of the shards, for any executor."""

    function: Callable[..., Any]
    inputs: Sequence[Input]
    out: Path
    output: type
    load: Callable[[], Any] | None = None
    is_final: IsFinal | None = None

    def parts(self) -> list[str]:
        """List the names of the shards, which every input has; raises as `map_shards` does."""
        first, *others = (folder for folder, _ in self.inputs)
        names = [path.name for path in shard_paths(first)]
        if not names:
            raise InputError(f"no shards in {first}: run the stage that writes them first")
        for folder in others:
            if odd := {path.name for path in shard_paths(folder)} ^ set(names):
                raise InputError(
                    f"{folder} and {first} do not have the same shards ({min(odd)} is in one of "
                    "them only): delete the one that is incomplete and run again"
                )
        if odd := {path.name for path in shard_paths(self.out)} - set(names):
            raise InputError(
                f"{self.out} has {min(odd)} and {first} has not: delete {self.out} and run again"
            )
        return names

    def num_rows(self, part: str) -> int:
        """Count the rows of a part of the first input."""
        folder, kind = self.inputs[0]
        return count_rows(folder / part, kind)

    def size(self, part: str) -> ShardSize | None:
        """Return the size of a part that is made; None if it is missing, damaged or not final."""
        if not (self.out / part).exists():
            return None
        dropped = self.out / DROPPED / part
        try:
            if self.is_final is not None and not self.is_final(self.out / part):
                return None
            num_dropped = count_rows(dropped, Dropped) if dropped.exists() else 0
            return ShardSize(count_rows(self.out / part, self.output), num_dropped)
        except InputError:
            return None

    def loaded(self, tick: Tick | None) -> list[Any]:
        """Load the arguments of `function` after the rows."""
        return [*([self.load()] if self.load else []), *([tick] if tick else [])]

    def make(self, part: str, arguments: Sequence[Any]) -> ShardSize:
        """Read, run and write one part, whole or not at all."""
        rows: list[list[Any]] = [read_shard(folder / part, kind) for folder, kind in self.inputs]
        result = self.function(*rows, *arguments)
        kept, dropped = result if isinstance(result, tuple) else (result, None)
        if dropped is not None:  # first: a part is made when its own shard is there
            write_shard(self.out / DROPPED / part, dropped, Dropped)
        write_shard(self.out / part, kept, self.output)
        return ShardSize(len(kept), len(dropped or ()))
