"""Lines of a training log: means over the known values, by language."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.files import write_whole

LogRow = Mapping[str, float | None]
"""Values of one example by column; None where it has none."""


def means(rows: Sequence[LogRow], may_lack: Sequence[str] = ()) -> dict[str, float | None]:
    """Return the mean of every column over the rows that have it, and `n`, the number of rows.

    For a column that rows `may_lack`, `num_without_COLUMN` counts those that do.
    """
    found: dict[str, float | None] = {}
    for key in rows[0]:
        known = [value for row in rows if (value := row[key]) is not None]
        found[key] = sum(known) / len(known) if known else None
        if key in may_lack:
            found[f"num_without_{key}"] = len(rows) - len(known)
    return found | {"n": len(rows)}


def means_by_language(
    rows: Sequence[tuple[str, LogRow]], may_lack: Sequence[str] = ()
) -> dict[str, dict[str, float | None]]:
    """Return `means` of the rows of each language, in the order of the tags."""
    grouped: dict[str, list[LogRow]] = defaultdict(list)
    for language, row in rows:
        grouped[language].append(row)
    return {language: means(grouped[language], may_lack) for language in sorted(grouped)}


def checkpoint_step(checkpoint: str | None) -> int:
    """Return the step of a checkpoint's folder, 0 without one."""
    return int(checkpoint.rsplit("-", 1)[1]) if checkpoint else 0


def forget_lines_after(log: Path, checkpoint: str | None) -> None:
    """Remove the lines of steps after the checkpoint, which are trained and logged again."""
    if not log.exists():
        return
    step = checkpoint_step(checkpoint)
    *whole, _ = log.read_text(encoding="utf-8").split("\n")  # a killed process may leave a half one
    kept = [line for line in whole if _parsed(line, log)["step"] <= step]
    write_whole(log, "".join(f"{line}\n" for line in kept).encode())


def read_log(log: Path) -> list[dict[str, Any]]:
    """Return the lines of a log; none where there is no file.

    Raises:
        InputError: a line is damaged.
    """
    if not log.exists():
        return []
    return [_parsed(line, log) for line in log.read_text(encoding="utf-8").splitlines()]


def _parsed(line: str, log: Path) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError as error:
        content = error
    if not isinstance(content, dict) or not isinstance(content.get("step"), int):
        raise InputError(
            f"{log}: expected an object with a step in each line, came {line!r:.60}: delete "
            f"{log.parent} and train again"
        )
    return content


def mean_loss(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the mean loss of all steps of a log, whose lines are means since the last one."""
    steps = [0, *(line["step"] for line in lines)]
    nums = [step - before for before, step in pairwise(steps)]
    return _mean([(line["loss"], num) for line, num in zip(lines, nums, strict=True)])


def merge_lines(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one line for several of a log: the last step, and the means over all rows of each
    language."""
    rows: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        for language, row in line["languages"].items():
            rows[language].append(row)
    return {
        "step": lines[-1]["step"],
        "loss": _mean([(line["loss"], 1) for line in lines]),
        "languages": {
            language: {
                column: _mean([(row[column], row["n"]) for row in of_language])
                for column in of_language[0]
                if column != "n"
            }
            for language, of_language in rows.items()
        },
    }


def _mean(weighted: Sequence[tuple[float | None, float]]) -> float | None:
    """The weighted mean of the known values."""
    known = [(value, weight) for value, weight in weighted if value is not None]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else None


def flat(languages: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the known values of each language as `LANGUAGE/COLUMN`."""
    return {
        f"{tag}/{column}": value
        for tag, values in languages.items()
        for column, value in values.items()
        if value is not None
    }


def append_line(log: Path, line: Mapping[str, Any]) -> None:
    """Add a line to a log."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
