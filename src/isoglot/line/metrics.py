"""`metrics.jsonl`: every number of a run in one file, a line for each moment that was measured."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.store import write_whole
from isoglot.report.results.summary import RunSummary
from isoglot.train.log import flat, read_log
from isoglot.train.trackers import track

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


def track_evaluations(trackers: Sequence[str], run: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Log the lines of evaluations to trackers, by round; a training logs its own as it goes."""
    moments = []
    for line in lines:
        if "task" in line:
            values = {k: v for k, v in line.items() if k not in ("round", "task")}
            prefix = f"evaluate/{line['task']}"
            moments.append((line["round"], {f"{prefix}/{k}": v for k, v in values.items()}))
    if trackers and moments:
        track(trackers, run, moments)


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
