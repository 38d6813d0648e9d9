"""A study on the console: who wins against M0, what that says of the claims, and what it cost."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isoglot.report.results.measures import Row, number
from isoglot.report.tables import UNKNOWN, percent, signed

if TYPE_CHECKING:
    from rich.table import Table

GROUPS = {"all": "all languages", "trained": "trained", "unseen": "unseen"}
"""What stands in place of a language on a row of means."""

SCORE_GROUPS = {
    "mean": "all languages",
    "tier:high": "high tier",
    "tier:mid": "mid tier",
    "tier:low": "low tier",
    "trained": "trained last",
    "unseen": "not trained last",
    "worst": "worst language",
    "democratisation": "democratisation",
}
"""What the groups of `scores` are called."""

ANSWER_STYLES = {"yes": "green", "no": "red", "undecided": "yellow"}


def study_tables(study: Mapping[str, Any]) -> "list[Table]":
    """The tables of `study.json`, in the order in which they are read."""
    tables = [_cells(study, judge) for judge in study["judges"]]
    if study["findings"]:
        tables.append(_findings(study))
    return tables


def win_rate(row: Row | None, rate: str = "win_rate") -> str:
    """`57.3 (55.1 to 59.0)` in percent."""
    value, low, high = (number(row, f"{rate}{end}") for end in ("", "_low", "_high"))
    if value is None:
        return UNKNOWN
    return f"{percent(value)} ({percent(low)} to {percent(high)})"


def score(row: Row | None) -> str:
    """`27.8 (+3.8: +2.0 to +5.6)`: a value in percent, and its change to M0 in points."""
    value, change, low, high = (
        number(row, key) for key in ("value", "change", "change_low", "change_high")
    )
    if change is None:
        return percent(value)
    return f"{percent(value)} ({signed(change)}: {signed(low)} to {signed(high)})"


def rows_of(cell: Mapping[str, Any], judge: str) -> dict[str, Row]:
    """Language or group → its row."""
    return {row["language"]: row for row in cell["win_rates"] if row["judge"] == judge}


def counts(row: Row | None) -> str:
    """Wins, ties and losses, and what no judge could tell."""
    if row is None:
        return UNKNOWN
    invalid = f" ({row['invalid']} invalid)" if row["invalid"] else ""
    return f"{row['wins']} / {row['ties']} / {row['losses']}{invalid}"


def seconds_of(cell: Mapping[str, Any]) -> float:
    """What all runs of a cell took together, without what they took from others."""
    return sum(run.get("total_seconds") or 0.0 for run in cell["runs"])


def difference(row: Row) -> str:
    """`+2.3 (+0.4 to +4.1)` in points."""
    value, low, high = (number(row, key) for key in ("value", "low", "high"))
    return UNKNOWN if value is None else f"{signed(value)} ({signed(low)} to {signed(high)})"


def selected(selector: Mapping[str, Sequence[str]]) -> str:
    """`data ML-all, method dpo`."""
    return ", ".join(f"{axis} {' or '.join(values)}" for axis, values in selector.items())


def over(finding: Row) -> str:
    """Where a finding takes its win-rates."""
    groups = [finding["languages"], finding.get("more_than_in")]
    return " more than ".join(
        GROUPS[group] if isinstance(group, str) else " ".join(group) for group in groups if group
    )


def _cells(study: Mapping[str, Any], judge: str) -> "Table":
    from rich.table import Table
    from rich.text import Text

    seeds = len(study["seeds"])
    table = Table(
        title=Text(f"{study['name']}: win-rate against M0 on {study['task']} by {judge}, %"),
        caption=Text(
            f"means over languages, ties as half a win; in brackets 95 % intervals over {seeds} "
            f"seed{'s' if seeds > 1 else ''} and the questions"
        ),
        padding=(0, 1, 0, 0),
    )
    heads = ("cell", "trained", "unseen", "decided only", "wins / ties / losses", "s")
    for i, name in enumerate(heads):
        table.add_column(Text(name), justify="left" if i == 0 else "right")
    for cell in study["cells"]:
        rows = rows_of(cell, judge)
        errors = [f"seed {run['seed']}: {run['error']}" for run in cell["runs"] if run["error"]]
        head = Text(cell["cell"])
        if errors:
            head.append(f"\nfailed: {errors[0]}", "red")
        table.add_row(
            head,
            Text(win_rate(rows.get("trained"))),
            Text(win_rate(rows.get("unseen"))),
            Text(win_rate(rows.get("all"), "decided_win_rate")),
            Text(counts(rows.get("all"))),
            Text(f"{seconds_of(cell):.0f}"),
        )
    return table


def _findings(study: Mapping[str, Any]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text("Findings: difference of win-rates, points"),
        caption=Text(
            "yes: the whole 95 % interval is above 0 (or minus the margin); no: none of it is"
        ),
        padding=(0, 1, 0, 0),
    )
    for name in ("claim", "languages", "judge", "difference", "answer"):
        table.add_column(Text(name), justify="right" if name == "difference" else "left")
    for row in study["findings"]:
        answer = Text(row["answer"], ANSWER_STYLES[row["answer"]])
        where = Text(over(row))
        table.add_row(Text(row["claim"]), where, Text(row["judge"]), Text(difference(row)), answer)
    return table
