"""The preferences that a user names to be right about: published sets, runs, folders, files."""

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoglot.core.errors import InputError
from isoglot.core.records import Preference, content_id
from isoglot.core.store import read_shard, shard_path, shard_paths, shards_of, write_shard
from isoglot.rewards.preference_sets import PREFERENCE_SETS, read_preference_set

_FAMILIES_PER_SHARD = 100


@dataclass(frozen=True, slots=True)
class PairSet:
    """Preferences in shards."""

    name: str
    """What the user calls it."""
    pairs: Path
    """The folder of its shards."""
    prompts: Path | None
    """That of the prompts with their gold, where a run has them beside its pairs."""
    revision: str
    """What identifies the content."""
    num_pairs: int
    languages: frozenset[str]


def pair_set(name: str, data: Path | None, out: Path) -> PairSet:
    """A published set of the folder `data`, a run, a folder of shards, or a .parquet file.

    What does not lie in shards is copied into shards in `out`.

    Raises:
        InputError: there is no such set, it has no pairs, or a column is missing.
    """
    if name in PREFERENCE_SETS:
        if data is None:
            raise InputError(
                f"{name}: expected the folder of the published sets, got none; give --data DIR"
            )
        return _described(name, _copied(read_preference_set(name, data), out))
    if Path(name).is_file():
        return _described(name, _copied(_read(Path(name)), out))
    folders = [Path(name), Path(name) / "round-0" / "filter"]
    there = [folder for folder in folders if shard_paths(folder)]
    if not there:
        raise InputError(
            f"expected a set of preferences ({', '.join(PREFERENCE_SETS)}), a run, a folder of "
            f"part-*.parquet or a .parquet file, got {name!r}; correct its name"
        )
    return _described(name, there[0])


def folder_of(word: str) -> str:
    """What a user named, as the name of a folder."""
    return re.sub(r"[^\w.-]+", "-", word).strip("-.") or "here"


def _copied(rows: Sequence[Preference], folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)  # of fewer rows than before, shards would stay
    for index, shard in enumerate(shards_of(rows, _FAMILIES_PER_SHARD)):
        write_shard(shard_path(folder, index), shard, Preference)
    return folder


def _described(name: str, folder: Path) -> PairSet:
    """One shard is in memory at a time."""
    paths, tags, num_pairs, digests = shard_paths(folder), set(), 0, []
    for path in paths:
        rows = _read(path)
        num_pairs += len(rows)
        tags |= {row.answer_language for row in rows}
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    if not num_pairs:
        raise InputError(f"{name}: expected pairs, got none; leave the set out")
    beside = folder.parent / "prompts"
    has_prompts = [path.name for path in shard_paths(beside)] == [path.name for path in paths]
    prompts = beside if has_prompts else None
    return PairSet(name, folder, prompts, content_id(*digests), num_pairs, frozenset(tags))


def _read(path: Path) -> list[Preference]:
    """The rows of a file that is not ours to delete."""
    try:
        return read_shard(path, Preference)
    except ValueError as error:
        problem = str(error).partition(": delete")[0]
        raise InputError(
            f"expected preferences as `isoglot run` writes them into round-0/filter, got a file of "
            f"another kind: {problem}; give such files, or a set that is published"
        ) from error
