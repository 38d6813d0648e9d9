"""What a run of a study cost: seconds and tokens of each stage, counted where it was made."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from isoglot.core.store import read_done
from isoglot.report.results.summary import RunSummary


def costs_of(run: Path) -> dict[str, Any]:
    """Seconds of the stages that a run made, and of those that it took from its siblings.

    A stage is summed over rounds and tasks; of one that was interrupted, the part that ended it
    counts. Tokens are those that stages counted: none are guessed.
    """
    made: dict[str, float] = defaultdict(float)
    shared: dict[str, float] = defaultdict(float)
    tokens: dict[str, int] = defaultdict(int)
    for name in RunSummary.read_from(run).seconds:
        stage = name.split("/")[1]
        done = read_done(run / name) or {}
        taken = "taken_from" in done
        (shared if taken else made)[stage] += done.get("seconds", 0.0)
        for key, count in done.get("counts", {}).items():
            if not taken and key.endswith("tokens") and isinstance(count, int):
                tokens[stage] += count
    return {
        "seconds": {stage: round(value, 2) for stage, value in made.items()},
        "shared_seconds": {stage: round(value, 2) for stage, value in shared.items()},
        "tokens": dict(tokens),
        "total_seconds": round(sum(made.values()), 2),
    }
