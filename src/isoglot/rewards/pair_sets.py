"""Sets of preferences that a user names: published sets, runs, folders of shards, files."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256
from isoglot.core.language_sets import expand
from isoglot.core.own_rows import languages_of_rows, preference_of, read_own_rows
from isoglot.core.records import Preference, content_id
from isoglot.core.row_sources import HubRowsConfig, parse_source
from isoglot.core.store import read_shard, shard_path, shard_paths, shards_of, write_shard
from isoglot.models.load import load_identifier
from isoglot.rewards.preference_sets import PREFERENCE_SETS, read_preference_set
from isoglot.train.examples import is_shard

_FAMILIES_PER_SHARD = 100
_SPLITS = ("train.parquet", "test.parquet")
"""Files of each language in an exported data set."""


@dataclass(frozen=True, slots=True)
class PairSet:
    """Preferences in shards."""

    name: str
    """The user's name for it."""
    pairs: Path
    """The folder of its shards."""
    prompts: Path | None
    """The folder of the prompts with their gold, where a run has them next to its pairs."""
    revision: str
    """Identifies the content."""
    num_pairs: int
    languages: frozenset[str]


def pair_set(name: str, data: Path | None, out: Path) -> PairSet:
    """Return a published set of the folder `data`, a run, an exported data set, a folder of shards,
    or own rows: a file or a set of the hub, in a form that `isoglot inspect` knows.

    A set that is not in shards is copied into shards in `out`.

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
        is_own = not is_shard(Path(name), Preference)
        return _described(name, _copied(_own(name) if is_own else _read(Path(name)), out))
    for folder in (Path(name), Path(name) / "round-0" / "filter"):
        if shard_paths(folder):
            return _described(name, folder)
    if exported := [path for split in _SPLITS for path in sorted(Path(name).glob(f"*/{split}"))]:
        return _described(name, _copied([row for path in exported for row in _read(path)], out))
    if isinstance(parse_source(name), HubRowsConfig):
        return _described(name, _copied(_own(name), out))
    raise InputError(
        f"expected a set of preferences ({', '.join(PREFERENCE_SETS)}), a run, a data set that "
        f"`isoglot export` wrote, a folder of part-*.parquet, or a file, got {name!r}; correct its "
        "name"
    )


def name_as_folder(word: str) -> str:
    """Turn a user's word into the name of a folder."""
    return re.sub(r"[^\w.-]+", "-", word).strip("-.") or "here"


def _copied(rows: Sequence[Preference], folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)  # of fewer rows than before, shards would stay
    for index, shard in enumerate(shards_of(rows, _FAMILIES_PER_SHARD)):
        write_shard(shard_path(folder, index), shard, Preference)
    return folder


def _described(name: str, folder: Path) -> PairSet:
    """Describe a folder of shards, with one of them in memory at a time."""
    paths, tags, num_pairs = shard_paths(folder), set(), 0
    for path in paths:
        rows = _read(path)
        num_pairs += len(rows)
        tags |= {row.answer_language for row in rows}
    if not num_pairs:
        raise InputError(f"{name}: expected pairs, got none; leave the set out")
    prompts = folder.parent / "prompts"
    has_prompts = [path.name for path in shard_paths(prompts)] == [path.name for path in paths]
    own, revision = prompts if has_prompts else None, content_id(*map(file_sha256, paths))
    return PairSet(name, folder, own, revision, num_pairs, frozenset(tags))


def _own(name: str) -> list[Preference]:
    """Read the preferences of the user's own rows, in a file or on the hub."""
    source = parse_source(name)
    identify = load_identifier(expand(["xllms-100"])).identify
    return list(read_own_rows(source, preference_of, None, languages_of_rows(source, identify)))


def _read(path: Path) -> list[Preference]:
    """Read the rows of a file that the user owns, and which no message should say to delete."""
    try:
        return read_shard(path, Preference)
    except InputError as error:
        problem = str(error).partition(": delete")[0]
        raise InputError(
            f"expected preferences as `isoglot run` writes them into round-0/filter, got a file of "
            f"another kind: {problem}; give such files, or a set that is published"
        ) from error
