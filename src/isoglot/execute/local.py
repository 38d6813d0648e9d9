"""A stage over its shards in this process: what is there is kept, what is missing is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from isoglot.core.errors import InputError
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

    @property
    def kept_and_dropped(self) -> dict[str, int]:
        """The counts of a stage that drops rows."""
        return {"kept": self.num_rows, "dropped": self.num_dropped}


class Written(NamedTuple):
    """What stands in one output shard."""

    num_rows: int
    num_dropped: int


def map_shards(
    function: Callable[..., list[R] | tuple[list[R], list[Dropped]]],
    inputs: Sequence[Input],
    out: Path,
    output: type[R],
    *,
    load: Callable[[], Any] | None = None,
    tick: Callable[[int, str], None] | None = None,
    reached: Callable[[int], None] = lambda num: None,  # noqa: ARG005
) -> Counts:
    """Run a stage on every shard whose output does not stand yet; one shard is in memory at a time.

    `function` gets the rows of the same part of each input, in the order of `inputs`, then what
    `load` gave, then `tick`, each where there is one; it returns the rows to write, or these and
    the dropped ones (to `out/dropped`). `load` is called once, and not at all when every shard
    stands. `reached` is told after each shard how many rows of the first input lie behind it.
    Marking the stage done is the caller's.

    Raises:
        InputError: an input without shards, parts that do not match, an unreadable input.
    """
    stage = Stage(function, inputs, out, output, load)
    given: list[Any] | None = None
    num_behind = num_kept = num_rows = num_dropped = 0
    parts = stage.parts()
    for part in parts:
        num_behind += stage.num_rows(part)
        written = stage.standing(part)
        if written is not None:
            num_kept += 1
        else:
            if given is None:
                given = [*stage.loaded(), *([tick] if tick else [])]
            written = stage.make(part, given)
        num_rows += written.num_rows
        num_dropped += written.num_dropped
        reached(num_behind)
    return Counts(len(parts), num_kept, num_rows, num_dropped)


@dataclass(frozen=True, slots=True)
class Stage:
    """What is done to each shard, and where the shards lie: all that an executor needs to know."""

    function: Callable[..., Any]
    inputs: Sequence[Input]
    out: Path
    output: type
    load: Callable[[], Any] | None = None

    def parts(self) -> list[str]:
        """The names of the shards, which every input has; raises as `map_shards` does."""
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
        """Rows of a part of the first input."""
        folder, kind = self.inputs[0]
        return count_rows(folder / part, kind)

    def standing(self, part: str) -> Written | None:
        """What an earlier run wrote of a part; None where it must be made."""
        if not (self.out / part).exists():
            return None
        dropped = self.out / DROPPED / part
        try:
            num_dropped = count_rows(dropped, Dropped) if dropped.exists() else 0
            return Written(count_rows(self.out / part, self.output), num_dropped)
        except InputError:
            return None  # damaged after it was written: it is made again from its input

    def loaded(self) -> list[Any]:
        """What `function` needs beside rows."""
        return [self.load()] if self.load else []

    def make(self, part: str, given: Sequence[Any]) -> Written:
        """Read, run, write one part, whole or not at all."""
        rows: list[list[Any]] = [read_shard(folder / part, kind) for folder, kind in self.inputs]
        result = self.function(*rows, *given)
        kept, dropped = result if isinstance(result, tuple) else (result, None)
        if dropped is not None:  # first, so that a part says that both are there
            write_shard(self.out / DROPPED / part, dropped, Dropped)
        write_shard(self.out / part, kept, self.output)
        return Written(len(kept), len(dropped or ()))
