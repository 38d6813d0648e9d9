"""Print the time that each stage of a run took beside the hours of its plan.

    isoglot plan RECIPE --device cpu --throughput rates.toml --json > plan.json
    python bench/real/stages.py RUN plan.json

Seconds of a stage that was resumed are those of its last attempt. A stage without a model is in no
plan.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

ROW = "{:40} {:>10} {:>10} {:>10} {:>7}"


def main() -> None:
    """Print a line for each stage that is done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("plan", type=Path)
    args = parser.parse_args()
    planned: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for work in json.loads(args.plan.read_text())["works"]:
        for place, name in enumerate(("typical", "most")):
            planned[work["stage"]][place] += work["hours"][name] * 3600  # of one of its `times`
    print(ROW.format("stage", "seconds", "typical", "at most", "ratio"))
    for path in sorted(
        args.run.glob("round-*/**/done.json"), key=lambda path: path.stat().st_mtime
    ):
        name = str(path.parent.relative_to(args.run))
        seconds = json.loads(path.read_text())["seconds"]
        typical, most = planned.get(name.partition("/")[2], (0.0, 0.0))
        ratio = f"{seconds / typical:.1f}" if typical else ""
        print(ROW.format(name, f"{seconds:.0f}", f"{typical:.0f}", f"{most:.0f}", ratio))


if __name__ == "__main__":
    main()
