"""`metrics.jsonl`: every number of a run in one file, a line for each moment that was measured."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isoglot.core.store import write_whole
from isoglot.report.results.summary import RunSummary
from isoglot.train.log import read_log

METRICS_FILE = "metrics.jsonl"


def write_metrics(run: Path, summary: RunSummary) -> list[dict[str, Any]]:
    """Write the metrics of a run, and return the lines that the file did not have.

    A line of a training has `round`, `step` and its log, with `LANGUAGE/COLUMN` for what is known
    by language; a line of an evaluation has `round`, `task` and `LANGUAGE/METRIC`.
    """
    path = run / METRICS_FILE
    before = set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set()
    lines = [json.dumps(line) for line in _lines(run, summary)]
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
    return [json.loads(line) for line in lines if line not in before]


def flat(languages: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the known values of each language as `LANGUAGE/COLUMN`."""
    return {
        f"{tag}/{column}": value
        for tag, values in languages.items()
        for column, value in values.items()
        if value is not None
    }


def _lines(run: Path, summary: RunSummary) -> Iterator[dict[str, Any]]:
    for entry in summary.rounds:
        by_task: dict[str, dict[str, float]] = {}
        for row in entry.results:
            if row.value is not None:
                by_task.setdefault(row.task, {})[f"{row.language}/{row.metric}"] = row.value
        for task, values in by_task.items():
            yield {"round": entry.round, "task": task, **values}
        for line in read_log(run / f"round-{entry.round}/train/log.jsonl"):
            languages = flat(line.pop("languages"))
            yield {"round": entry.round, **line, **languages}
