"""Sources of rows named in one word, or given as a list, with settings as `key=value`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.row_sources import ListRowsConfig, RowSource, parse_source
from isoglot.core.section import validated
from isoglot.recipe.overrides import set_all

Rows = Sequence[str | Mapping[str, Any]]
"""Rows of a Python program: an object of columns for each, or a text that is a prompt."""


def named_source(
    source: str | Path | Rows,
    settings: Sequence[str] | Mapping[str, Any] = (),
    *,
    split: str = "train",
) -> RowSource:
    """Return a source of rows, with some of its keys set.

    A text is parsed as `core.row_sources.parse_source` does. Raises InputError for an unknown key,
    or a value out of its range.
    """
    kind: Any = ListRowsConfig
    if isinstance(source, str | Path):
        parsed = parse_source(str(source), split)
        kind, values = type(parsed), parsed.model_dump(exclude_unset=True) | {"kind": parsed.kind}
    else:
        rows = [row if isinstance(row, str) else dict(row) for row in source]
        values = {"kind": "list", "rows": rows}
    set_all(values, settings)
    return validated(kind, values, str(source)[:80])
