"""Rows of a benchmark as they are published, from files or from a revision on the hub.

Rows become examples in the benchmark's own file; here nothing is renamed or left out.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.benchmarks.benchmark import Benchmark, Source
from isoglot.core.cells import cell_id, cell_text, is_missing
from isoglot.core.errors import InputError, RefusedRow
from isoglot.core.hub import read_hub_rows
from isoglot.core.languages import language
from isoglot.core.rows import Row, is_rows_file, read_lines, read_rows

_LANGUAGE_COLUMNS = ("lang", "language")


class MissingRows(InputError):
    """The published files have no rows in a language."""


class LoadedSplit(NamedTuple):
    """Rows of one split in one language, and their identity."""

    rows: list[Row]
    content_id: str
    """First 16 hexadecimal digits of the SHA-256 of the rows, without the column that names the
    language: the same for the same rows, wherever they were read."""
    revision: str
    """Commit on the hub; empty for files."""


class RowReader:
    """Reads splits of a benchmark in one language; a `ReadSplit`.

    `loaded` keeps the splits that were read, for the signature.
    """

    def __init__(
        self, benchmark: Benchmark, tag: str, *, data: Path | None = None, revision: str = ""
    ) -> None:
        self.loaded: dict[str, LoadedSplit] = {}
        self._benchmark, self._tag, self._data = benchmark, tag, data
        self._revision = revision or benchmark.source.revision

    def __call__(self, split: str) -> Sequence[Row]:
        """Return the rows of `test` or `train`; `test@en` are those of another language."""
        if split not in self.loaded:
            name, _, other = split.partition("@")
            source = self._benchmark.source
            published = {"test": source.split, "train": source.train_split}.get(name, name)
            self.loaded[split] = read_split(
                self._benchmark.name,
                source,
                other or self._tag,
                published,
                self._data,
                self._revision or None,
            )
            self._revision = self._revision or self.loaded[split].revision
        return self.loaded[split].rows


def read_split(
    benchmark: str,
    source: Source,
    tag: str,
    split: str,
    data: Path | None = None,
    revision: str | None = None,
) -> LoadedSplit:
    """Read a published split in one language, from files in `data` or, without it, from the hub.

    `data` is a file, the benchmark's folder, or a folder that holds one of the benchmark's name.

    Raises:
        InputError: the benchmark has no such language, or no such rows are there.
    """
    if tag not in source.languages:
        raise InputError(
            f"{benchmark}: expected a language among {', '.join(source.languages)}, came {tag!r}; "
            "leave it out"
        )
    wanted = _Wanted(benchmark, source, tag, split)
    if data is None:
        rows, commit = _from_hub(wanted, revision)
    else:
        rows, commit = _from_files(wanted, Path(data).expanduser()), ""
    if not rows:
        raise InputError(
            f"{wanted}: expected rows in split {split!r}, came none; {source.how_to_get}"
        )
    return LoadedSplit(rows, _content_id(rows), commit)


def cell(row: Row, *columns: str) -> Any:
    """Return the first value of these columns; raises InputError if the row has none."""
    for column in columns:
        if not is_missing(row.get(column)):
            return row[column]
    raise RefusedRow(
        f"row {str(dict(row))[:80]!r}: expected a column {' or '.join(map(repr, columns))} with a "
        f"value, came {', '.join(map(str, row))}; give the set as it is published"
    )


def text_cell(row: Row, *columns: str) -> str:
    """Return `cell` as text without the blanks around it."""
    value = cell(row, *columns)
    try:
        return cell_text(value, columns[0]).strip()
    except RefusedRow as error:
        raise RefusedRow(f"row {str(dict(row))[:80]!r}: {error}") from error


def position(row: Row, place: int, *columns: str) -> str:
    """Return the language-independent name of a row: one of the columns, or else its place."""
    found = ((row[name], name) for name in columns if not is_missing(row.get(name)))
    return next((cell_id(value, name) for value, name in found), str(place))


class _Wanted(NamedTuple):
    """A split in a language; as text `BENCHMARK[TAG]`."""

    benchmark: str
    source: Source
    tag: str
    split: str

    @property
    def code(self) -> str:
        """The language as the set writes it; empty for a set that names no language."""
        return self.source.languages[self.tag]

    def __str__(self) -> str:
        return f"{self.benchmark}[{self.tag}]"

    def fill(self, template: str, split: str) -> str:
        """Fill in the placeholders that `sources.toml` documents."""
        name = language(self.tag).english_name.split(" (")[0]
        return template.format(
            **{"code": self.code, "CODE": self.code.upper(), "co-de": self.code.replace("_", "-")},
            **{"Name": name, "name": name.lower(), "split": split},
        )


def _content_id(rows: Iterable[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        columns = {str(k): v for k, v in row.items() if k not in _LANGUAGE_COLUMNS}
        line = json.dumps(columns, ensure_ascii=False, sort_keys=True, default=str)
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()[:16]


def _from_hub(wanted: _Wanted, revision: str | None) -> tuple[list[Row], str]:
    source = wanted.source
    if not source.hub:
        raise InputError(
            f"{wanted.benchmark}: expected the folder of its files, for it is not on the hub, came "
            f"none; {source.how_to_get}"
        )
    config, part = (wanted.fill(text, wanted.split) for text in (source.config, wanted.split))
    try:
        rows, commit = read_hub_rows(source.hub, config, split=part, revision=revision)
    except InputError as error:
        raise InputError(f"{wanted}: {error}; {source.how_to_get}") from error
    return _of_language(list(rows), wanted, must=False), commit


def _from_files(wanted: _Wanted, data: Path) -> list[Row]:
    source, split = wanted.source, wanted.split
    if data.is_file():
        parsed = _parsed(data, source.columns, data.stat().st_mtime_ns)
        return _of_language(list(parsed), wanted, must=True)
    folder = _folder(data, wanted.benchmark)
    names = dict.fromkeys((source.split_in_files.get(split, split), split))
    tried: dict[str, None] = {}
    for template, name in product(source.files, names):
        pattern = wanted.fill(template, name)
        # A file of all splits has a column of them.
        holds_all = split != source.split and "{split}" not in template
        if not holds_all:
            tried[pattern] = None
        paths = sorted(folder.glob(pattern))
        rows: list[Row] = []
        for path in paths:
            parsed = _parsed(path, source.columns, path.stat().st_mtime_ns)
            if "*" in pattern:  # the path has facts that the rows lack
                parsed = tuple({**row, "file": str(path.relative_to(folder))} for row in parsed)
            rows += [row for row in parsed if not holds_all or row.get("split") in names]
        if not paths or (holds_all and not rows):
            continue
        own_file = any(name in template.lower() for name in ("{code}", "{name}"))
        return _of_language(rows, wanted, must=not own_file)
    raise MissingRows(
        f"{wanted}: expected {' or '.join(tried) or 'a file of its own'} in {folder} for split "
        f"{split!r}, came none of them; {source.how_to_get}"
    )


def _folder(data: Path, benchmark: str) -> Path:
    """Return the benchmark's own folder: `data`, or the one in it that has its name."""
    if not data.is_dir():
        raise InputError(
            f"{benchmark}: expected a file or a folder, came {data}, which is not there; "
            "correct the path of the data"
        )
    named = sorted(data.glob(f"{benchmark}*/"))
    return next((path for path in named if path.name == benchmark), named[0] if named else data)


# A file may hold all languages, and is read for one after the other.
@lru_cache(maxsize=2)
def _parsed(path: Path, columns: tuple[str, ...], _modified: int) -> tuple[Row, ...]:
    if is_rows_file(path.name):
        return tuple(row for _, row in read_rows(path, columns))
    # One text in each line; a blank one keeps its place, for the lines are parallel.
    return tuple({"text": line, "line": num} for num, line in enumerate(read_lines(path)))


def _of_language(rows: list[Row], wanted: _Wanted, *, must: bool) -> list[Row]:
    """Select the rows of the language by the column that names it, which `must` requires."""
    code = wanted.code
    if not rows or not code:
        return rows
    column = next((name for name in _LANGUAGE_COLUMNS if name in rows[0]), None)
    if column is None:
        if must:
            raise InputError(
                f"{wanted}: expected a column `lang` in a file of several languages, came "
                f"{', '.join(map(str, rows[0]))}; add it, or one file for each language"
            )
        return rows
    chosen = [row for row in rows if row[column] == code]
    if not chosen and "script" in rows[0]:
        chosen = [row for row in rows if f"{row[column]}_{row['script']}" == code]
    if not chosen and must:
        known = sorted({str(row[column]) for row in rows})
        raise MissingRows(
            f"{wanted}: expected rows with {column} {code!r}, came {', '.join(known[:40])}; leave "
            "the language out, or add its rows"
        )
    return chosen or rows
