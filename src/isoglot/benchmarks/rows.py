"""Reading the rows of a benchmark as they are published: from files or from the hub, by revision.

Rows become examples in the benchmark's own file; here nothing is renamed or left out.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.benchmarks.benchmark import Benchmark, Source
from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.rows import Row, is_rows_file, read_lines, read_rows

_LANGUAGE_COLUMNS = ("lang", "language")
_CONVERTED = "refs/convert/parquet"
_COMMIT = re.compile(r"[0-9a-f]{40}")


class Loaded(NamedTuple):
    """The rows of one split in one language, and what tells them from others."""

    rows: list[Row]
    content_id: str
    """First 16 hexadecimal digits of the SHA-256 of the rows, without the column that names the
    language: the same rows have the same id wherever they were read from."""
    revision: str
    """Commit on the hub; empty for files."""


class RowReader:
    """`Rows` of one language of a benchmark; `loaded` keeps what was read, for the signature."""

    def __init__(
        self, benchmark: Benchmark, tag: str, *, data: Path | None = None, revision: str = ""
    ) -> None:
        self.loaded: dict[str, Loaded] = {}
        self._benchmark, self._tag, self._data = benchmark, tag, data
        self._revision = revision

    def __call__(self, split: str) -> Sequence[Row]:
        """Rows of `test` or `train`; `test@en` are those of another language."""
        if split not in self.loaded:
            name, _, other = split.partition("@")
            tag = other or self._tag
            self.loaded[split] = read_split(
                self._benchmark.name,
                self._benchmark.source,
                tag,
                _code(self._benchmark, tag),
                self._published(name),
                self._data,
                self._revision or None,
            )
            self._revision = self._revision or self.loaded[split].revision
        return self.loaded[split].rows

    def _published(self, name: str) -> str:
        source = self._benchmark.source
        if name == "train" and not source.train_split:
            raise InputError(
                f"{self._benchmark.name}: expected no worked examples, for none are published, "
                "came shots; ask with 0 shots"
            )
        return {"test": source.split, "train": source.train_split}.get(name, name)


def read_split(
    benchmark: str,
    source: Source,
    tag: str,
    code: str,
    split: str,
    data: Path | None = None,
    revision: str | None = None,
) -> Loaded:
    """The rows of one split in one language, from files in `data` or, without it, from the hub.

    `data` is a file, the benchmark's folder, or a folder in which one is named as the benchmark.
    `tag` is the language's BCP-47 tag and `code` its name in the set; an empty code is a set that
    does not say its one language. Raises InputError where there is nothing of the kind.
    """
    if data is None:
        rows, commit = _from_hub(benchmark, source, tag, code, split, revision)
    else:
        rows, commit = _from_files(benchmark, source, tag, code, split, Path(data).expanduser()), ""
    if not rows:
        raise InputError(
            f"{benchmark}[{tag}]: expected rows in split {split!r}, came none; "
            f"{_how_to_get(source)}"
        )
    return Loaded(rows, _content_id(rows), commit)


def cell(row: Row, *columns: str) -> Any:
    """The first of these columns that the row has with a value in it."""
    for column in columns:
        if row.get(column) is not None:
            return row[column]
    raise InputError(
        f"expected a column {' or '.join(map(repr, columns))} with a value, came "
        f"{', '.join(map(str, row))}; give the set as it is published"
    )


def position(row: Row, place: int, *columns: str) -> str:
    """What a row is in every language: one of the columns, else its place among the rows."""
    return next((str(row[name]) for name in columns if row.get(name) is not None), str(place))


def _code(benchmark: Benchmark, tag: str) -> str:
    if tag not in benchmark.languages:
        raise InputError(
            f"{benchmark.name}: expected a language among {', '.join(benchmark.languages)}, came "
            f"{tag!r}; leave it out"
        )
    return benchmark.languages[tag]


def _content_id(rows: Iterable[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        columns = {str(k): v for k, v in row.items() if k not in _LANGUAGE_COLUMNS}
        line = json.dumps(columns, ensure_ascii=False, sort_keys=True, default=str)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]


def _how_to_get(source: Source) -> str:
    hub = f"it is {source.hub} on the hub" if source.hub else "it is not on the hub"
    return source.how_to_get or hub


# From the hub


def _from_hub(
    benchmark: str, source: Source, tag: str, code: str, split: str, revision: str | None
) -> tuple[list[Row], str]:
    if not source.hub:
        raise InputError(
            f"{benchmark}: expected the folder of its files, for it is not on the hub, came none; "
            f"{_how_to_get(source)}"
        )
    try:
        from datasets import load_dataset
        from datasets.exceptions import DatasetsError
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise InputError(
            f"{benchmark}: expected the package `datasets` to read the hub, came none; "
            "pip install 'isoglot[train]', or give the folder of its files"
        ) from error
    names = _placeholders(tag, code, split)
    config, part = source.config.format(**names), split.format(**names)
    # The bases of the hub's error are its HTTP library's, which changes with its version.
    failures = (OSError, ValueError, RuntimeError, DatasetsError, *HfHubHTTPError.__bases__)
    try:
        commit = _commit(source.hub, revision)
        try:
            table = load_dataset(source.hub, config, split=part, revision=commit)
        except (RuntimeError, ValueError) as error:
            # `datasets` runs no scripts; the hub converts such sets to Parquet on a branch, which
            # names no configurations: its folders do.
            has_script, is_converted = "script" in str(error), "BuilderConfig" in str(error)
            if not (is_converted if revision else has_script):
                raise
            commit = _commit(source.hub, revision or _CONVERTED)
            files = {part: f"{config}/{part}/*.parquet"}
            table = load_dataset(source.hub, data_files=files, split=part, revision=commit)
        # Where the hub keeps files back, `datasets` takes those of another commit from its cache.
        if not all(commit in file["filename"] for file in table.cache_files):
            raise InputError(f"commit {commit} cannot be read, another one is in the cache")
    except failures as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{benchmark}[{tag}]: expected {source.hub} at {revision or 'its newest commit'} from "
            f"the hub, came an error ({reason:.160}); {_how_to_get(source)}"
        ) from error
    return _of_language(list(table), tag, code, benchmark, must=False), commit


def _commit(hub: str, revision: str | None) -> str:
    """Where a branch or tag of a data set stands now; a commit is itself, and asks nobody."""
    from huggingface_hub import HfApi

    if revision and _COMMIT.fullmatch(revision):
        return revision
    return HfApi().dataset_info(hub, revision=revision).sha or ""


# From files


def _from_files(
    benchmark: str, source: Source, tag: str, code: str, split: str, data: Path
) -> list[Row]:
    if data.is_file():
        return _of_language(list(_parsed_file(data, source)), tag, code, benchmark, must=True)
    folder = _folder(data, benchmark)
    names = dict.fromkeys((source.split_in_files.get(split, split), split))
    tried: dict[str, None] = {}
    for template, name in product(source.files, names):
        pattern = template.format(**_placeholders(tag, code, name))
        # A file of all splits says in each row which one it belongs to.
        holds_all = split != source.split and "{split}" not in template
        if not holds_all:
            tried[pattern] = None
        paths = sorted(folder.glob(pattern))
        rows: list[Row] = []
        for path in paths:
            parsed = _parsed_file(path, source)
            if "*" in pattern:  # the path says what the rows do not
                parsed = tuple({**row, "file": str(path.relative_to(folder))} for row in parsed)
            rows += [row for row in parsed if not holds_all or row.get("split") in names]
        if not paths or (holds_all and not rows):
            continue
        own_file = any(name in template.lower() for name in ("{code}", "{name}"))
        return _of_language(rows, tag, code, benchmark, must=not own_file)
    raise InputError(
        f"{benchmark}[{tag}]: expected {' or '.join(tried) or 'a file of its own'} in {folder} for "
        f"split {split!r}, came none of them; {_how_to_get(source)}"
    )


def _folder(data: Path, benchmark: str) -> Path:
    """The benchmark's own folder: `data`, or the one in it that has its name."""
    if not data.is_dir():
        raise InputError(
            f"{benchmark}: expected a file or a folder, came {data}, which is not there; "
            "correct the path of the data"
        )
    named = sorted(data.glob(f"{benchmark}*/"))
    return next((path for path in named if path.name == benchmark), named[0] if named else data)


def _placeholders(tag: str, code: str, split: str) -> dict[str, str]:
    """What stands for `{code}`, `{CODE}`, `{name}`, `{Name}` and `{split}` in names of files."""
    name = language(tag).english_name.split(" (")[0]
    return {
        "code": code,
        "CODE": code.upper(),
        "Name": name,
        "name": name.lower(),
        "split": split,
    }


def _parsed_file(path: Path, source: Source) -> tuple[Row, ...]:
    return _parsed(path, path.stat().st_mtime_ns, source.columns)


# A file may hold all languages, and is read for one after the other.
@lru_cache(maxsize=2)
def _parsed(path: Path, _modified: int, columns: tuple[str, ...]) -> tuple[Row, ...]:
    if is_rows_file(path.name):
        return tuple(row for _, row in read_rows(path, columns))
    # One text in each line; a blank one keeps its place, for the lines are parallel.
    return tuple({"text": line, "line": num} for num, line in enumerate(read_lines(path)))


def _of_language(rows: list[Row], tag: str, code: str, benchmark: str, *, must: bool) -> list[Row]:
    """The rows of the language where a column names it; `must`: there has to be such a column."""
    if not rows or not code:
        return rows
    column = next((name for name in _LANGUAGE_COLUMNS if name in rows[0]), None)
    if column is None:
        if must:
            raise InputError(
                f"{benchmark}[{tag}]: expected a column `lang` in a file of several languages, "
                f"came {', '.join(map(str, rows[0]))}; add it, or one file for each language"
            )
        return rows
    chosen = [row for row in rows if row[column] == code]
    if not chosen and "script" in rows[0]:
        chosen = [row for row in rows if f"{row[column]}_{row['script']}" == code]
    if not chosen and must:
        known = sorted({str(row[column]) for row in rows})
        raise InputError(
            f"{benchmark}[{tag}]: expected rows with {column} {code!r}, came "
            f"{', '.join(known[:40])}; leave the language out, or add its rows"
        )
    return chosen or rows
