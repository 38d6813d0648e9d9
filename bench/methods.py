"""The table of a study of methods in Markdown: the change that each brings, with its interval.

Run: python bench/methods.py runs/methods-lab
"""

import sys
from pathlib import Path

from isoglot.report.results.study import Study, StudyScore

COLUMNS = {
    "weak languages": ("accuracy", "weak"),
    "LC&Acc, weak": ("lc_accuracy", "weak"),
    "dominant": ("accuracy", "dominant"),
    "never trained": ("accuracy", "unseen"),
    "off target, weak": ("off_target_rate", "weak"),
    "worst language": ("accuracy", "worst"),
}


def main() -> None:
    """Print a row for M0 and for each cell, the largest gain of the weak languages first."""
    study = Study.read_from(Path(sys.argv[1]))
    scores = {(row.cell, row.metric, row.group): row for row in study.scores}
    tokens = {cell.cell: cell.tokens for cell in study.cells}
    names = sorted(
        (name for name in tokens if (name, "accuracy", "weak") in scores),
        key=lambda name: -scores[name, "accuracy", "weak"].value,
    )
    print("| | " + " | ".join(COLUMNS) + " | tokens |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for name in ("M0", *names):
        cells = [shown(scores[name, *column]) for column in COLUMNS.values()]
        used = tokens.get(name)
        print(f"| {name} | " + " | ".join(cells) + f" | {f'{used:,.0f}' if used else '–'} |")


def shown(row: StudyScore) -> str:
    """Return the value of a metric in percent, and its change to M0 in points."""
    value = f"{100 * row.value:.1f}"
    if row.change is None:
        return value
    low, high = (f"{100 * bound:+.1f}" for bound in (row.change_low, row.change_high))
    return f"{value} ({100 * row.change:+.1f}, {low} to {high})".replace("-", "−")


if __name__ == "__main__":
    main()
