"""Sources of users' rows: files, a data set of the hub, or a list.

Prompts, demonstrations and preferences are read from the same sources (`own_rows.py`).
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256
from isoglot.core.forms import RowColumns
from isoglot.core.hub import is_commit, read_hub_rows
from isoglot.core.records import content_id
from isoglot.core.rows import Place, Row, find_files, glob_of, is_rows_file, read_rows
from isoglot.core.section import Section

_LANGUAGE = "{language}"
_HUB_ID = re.compile(r"(?P<path>[\w.-]+/[\w.-]+)(:(?P<name>[^@]+))?(@(?P<revision>.+))?")


class RowsConfig(Section):
    """Rows of the user's: their columns, and those of them that are read."""

    columns: RowColumns = RowColumns()
    """Names of the columns, where they are not those that are recognised."""
    language: str | None = None
    """Language of every prompt, in place of a language column."""
    family: tuple[str, ...] = ()
    """Columns that are equal in all languages of a prompt; left out, a column `family`, or else
    each text is a family."""
    id: tuple[str, ...] = ()
    """Columns that identify a prompt, for completions from files; left out, language and text."""
    where: Mapping[str, tuple[str | int, ...]] = Field(default_factory=dict)
    """Keep only the rows whose column has one of these values."""
    skip_refused: bool = False
    """Leave out, and count, the rows that make no example; by default the first one is an error."""

    @model_validator(mode="after")
    def _one_language(self) -> Self:
        if self.language is not None and self.columns.language is not None:
            raise InputError(
                "expected `language` (for all rows) or `columns.language`, came both; give one"
            )
        return self


class FileRowsConfig(RowsConfig):
    """Files of JSONL, JSON, CSV, TSV (each also `.gz`) or Parquet."""

    kind: Literal["file"] = "file"
    path: str
    """A file, a folder, or a glob of files, which are read in the order of their names. In
    `data/{language}.jsonl` the name of a file is the language of its rows."""
    how_to_get: str = ""
    """The way to bring the files, for the error where there are none."""

    @property
    def title(self) -> str:
        """The source in a few words."""
        return self.path

    @model_validator(mode="after")
    def _language_of_file(self) -> Self:
        if _LANGUAGE in self.path and (self.language or self.columns.language):
            raise InputError(
                f"expected the language by {_LANGUAGE} in `path`, by `language` or by "
                "`columns.language`, came two of them; give one"
            )
        return self


class HubRowsConfig(RowsConfig):
    """A data set of the Hugging Face Hub, at one commit."""

    kind: Literal["hub"]
    path: str
    """`owner/name`."""
    name: str | None = None
    """The configuration, where the set has several."""
    split: str = "train"
    """The split of the configuration."""
    revision: str = "main"
    """Branch, tag or commit. A run resolves a branch once, and its record has the commit."""
    files: str | None = None
    """Files of the repository to read, a name or a glob, where it names no configurations."""

    @field_validator("path")
    @classmethod
    def _hub_id(cls, path: str) -> str:
        if re.fullmatch(r"[\w.-]+/[\w.-]+", path) is None or is_rows_file(path):
            raise InputError(
                f"expected owner/name of a set of the hub, came {path!r}; files are a source of "
                f"kind file: {{kind: file, path: {path}}}"
            )
        return path

    @property
    def title(self) -> str:
        """The source in a few words."""
        revision = self.revision[:12] if is_commit(self.revision) else self.revision
        return f"{self.path}{f':{self.name}' if self.name else ''}@{revision}"


class ListRowsConfig(RowsConfig):
    """Rows in the recipe itself, or of a Python program."""

    kind: Literal["list"]
    rows: tuple[str | dict[str, Any], ...]
    """An object of columns for each row; a text alone is a prompt."""

    @property
    def title(self) -> str:
        """The source in a few words."""
        return f"a list of {len(self.rows)} rows"


RowSource = Annotated[FileRowsConfig | HubRowsConfig | ListRowsConfig, Field(discriminator="kind")]
"""A source of users' rows, by its `kind`."""


class SourceRow(NamedTuple):
    """A row, its place, and the language that its file's name gives."""

    place: Place
    row: Row
    language: str | None = None


def source_rows(source: RowSource) -> Iterator[SourceRow]:
    """Read the rows of a source in their order.

    Raises:
        InputError: files that are missing or damaged, or a set of the hub that cannot be read.
    """
    if isinstance(source, FileRowsConfig):
        for file, tag in _files(source):
            for place, row in read_rows(file):
                yield SourceRow(place, row, tag)
        return
    if isinstance(source, HubRowsConfig):
        rows: Any = read_hub_rows(
            source.path,
            source.name,
            split=source.split,
            revision=source.revision,
            files=source.files,
        ).rows
    else:
        rows = ({"prompt": row} if isinstance(row, str) else row for row in source.rows)
    where = Path(source.title)
    for num, row in enumerate(rows, start=1):
        yield SourceRow(Place(where, num), row)


def source_revision(source: RowSource) -> str:
    """Identify the content of a source: a hash, or the revision of a set of the hub.

    Raises:
        InputError: there are no files.
    """
    if isinstance(source, HubRowsConfig):
        return source.revision
    if isinstance(source, ListRowsConfig):
        return content_id(json.dumps(source.rows, sort_keys=True, ensure_ascii=False))
    return content_id(*(file_sha256(file) for file, _ in _files(source)))


def parse_source(text: str, split: str = "train") -> RowSource:
    """Parse a source named in one word: a file, a folder, a glob, or a set of the hub.

    A set is `owner/name`, with `:configuration` and `@revision` where they are needed.
    """
    there = Path(text).expanduser().exists() or is_rows_file(text) or any(c in text for c in "*{[")
    if not there and (match := _HUB_ID.fullmatch(text)):
        given = {key: value for key, value in match.groupdict().items() if value}
        return HubRowsConfig(kind="hub", split=split, **given)
    return FileRowsConfig(path=text)


def _files(source: FileRowsConfig) -> list[tuple[Path, str | None]]:
    """List the files of a source, each with the language that its name gives."""
    try:
        files = find_files(source.path.replace(_LANGUAGE, "*"))
    except InputError:
        if not source.how_to_get:
            raise
        raise InputError(
            f"expected the files {source.path}, came none; {source.how_to_get}"
        ) from None
    if _LANGUAGE not in source.path:
        return [(file, None) for file in files]
    pattern = fnmatch.translate(glob_of(source.path).replace(_LANGUAGE, "LANGUAGE"))
    named = re.compile(pattern.replace("LANGUAGE", r"(?P<language>[^/]+)"))
    matches = [(file, named.match(str(file))) for file in files]
    return [(file, match["language"]) for file, match in matches if match]
