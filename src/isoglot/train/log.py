"""The lines of a log: means over what is known, language by language; resuming."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, float | None]
"""What the log keeps of an example; None where it has no such value."""


def means(rows: Sequence[Row], may_lack: Sequence[str] = ()) -> dict[str, float | None]:
    """The mean of every column over the rows that have it, and `n`, how many rows there are.

    Of a column that rows `may_lack` (None) it is counted how many do: `num_without_COLUMN`.
    """
    found: dict[str, float | None] = {}
    for key in rows[0]:
        known = [value for row in rows if (value := row[key]) is not None]
        found[key] = sum(known) / len(known) if known else None
        if key in may_lack:
            found[f"num_without_{key}"] = len(rows) - len(known)
    return found | {"n": len(rows)}


def by_language(
    rows: Sequence[tuple[str, Row]], may_lack: Sequence[str] = ()
) -> dict[str, dict[str, float | None]]:
    """Means of the rows of each language, in the order of the tags."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for language, row in rows:
        grouped[language].append(row)
    return {language: means(grouped[language], may_lack) for language in sorted(grouped)}


def forget_lines_after(log: Path, checkpoint: str | None) -> None:
    """Steps after the checkpoint are trained again, and logged again."""
    if not log.exists():
        return
    step = int(checkpoint.rsplit("-", 1)[1]) if checkpoint else 0
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    log.write_text("".join(kept), encoding="utf-8")


def last_line(log: Path) -> dict[str, Any]:
    """The newest line."""
    return json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
