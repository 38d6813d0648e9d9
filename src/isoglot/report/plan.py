"""The plan of a recipe, for the console."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def plan_json(plan: Mapping[str, Any]) -> str:
    """The whole plan, unrounded."""
    return json.dumps(plan, indent=2, ensure_ascii=False)


def print_plan(plan: Mapping[str, Any], console: "Console") -> None:
    """The table, the totals, and what they rest on."""
    console.print(plan_table(plan))
    console.print(totals_line(plan))
    for line in assumed_lines(plan):
        console.print(f"· {line}", markup=False)


def plan_table(plan: Mapping[str, Any]) -> "Table":
    """A row for each stage and model, of one round; `≤` before what is an upper bound."""
    from rich.box import SIMPLE
    from rich.table import Table

    title = f"{plan['recipe']}: one round, × how many; hours of {plan['device']}; typical–at most"
    table = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    longest = max(len(row["stage"]) for row in plan["works"])
    table.add_column("stage", overflow="fold", min_width=min(17, longest))
    table.add_column("model", overflow="fold", min_width=8)
    is_priced = any(row["usd"] is None or row["usd"]["most"] for row in plan["works"])
    for name in ("×", "how many", "tokens in", "tokens out", "hours", *(["USD"] * is_priced)):
        table.add_column(name, justify="right", no_wrap=True)
    for row in plan["works"]:
        num = f"{'' if row['is_exact'] else '≤ '}{row['num']:,} {row['unit']}"
        usd = "?" if row["usd"] is None else _span(row["usd"])
        table.add_row(
            row["stage"],
            (row["model"] or "").rsplit("/", 1)[-1],
            str(row["times"]),
            num,
            _tokens(row["tokens_in"]),
            _tokens(row["tokens_out"]),
            _span(row["hours"]) if row["on_device"] else "",
            *([usd] * is_priced),
        )
    return table


def totals_line(plan: Mapping[str, Any]) -> str:
    """What the whole run comes to."""
    totals = plan["totals"]
    counts = ", ".join(f"{num:,} {unit}" for unit, num in totals["num"].items())
    hours, usd = _span(totals["hours"]) or 0, _span(totals["usd"]) or 0
    whole = "" if totals["usd_is_whole"] else " and what is not priced"
    return (
        f"In {plan['rounds']} round(s), at most: {counts}.\n"
        f"Tokens in {_tokens(totals['tokens_in']) or 0}, out {_tokens(totals['tokens_out']) or 0}; "
        f"{hours} hours of {plan['device']}; {usd} USD{whole}."
    )


def assumed_lines(plan: Mapping[str, Any]) -> list[str]:
    """What the figures rest on, one line each."""
    assumed = plan["assumed"]
    lines = [
        *plan["notes"],
        f"a typical completion has {assumed['typical_share']:g} of max_new_tokens (assumed); the "
        "second figure of a column is that of completions that all reach it",
    ]
    if assumed["usd_per_hour"] is None and any(row["on_device"] for row in plan["works"]):
        lines.append("the hours are not priced; give --usd-per-hour")
    if plan["judge_calls"]:
        lines.append(
            f"{plan['judge_calls']:,} calls of a judge for each comparison of two policies "
            "(`isoglot judge`); no part of the totals"
        )
    for rate in assumed["rates"]:
        lines.append(
            f"{rate['work']}, up to {rate['billions']:g} billion weights on {rate['device']}: "
            f"{rate['tokens_per_second']:,g} tokens a second ({rate['source']})"
        )
    return lines


def _tokens(span: Mapping[str, float]) -> str:
    return _span(span, short=True)


def _span(span: Mapping[str, float], *, short: bool = False) -> str:
    """`1.2–3.4`, one figure where both are equal, nothing for zero."""
    if not span["most"]:
        return ""
    write = _short if short else _figure
    typical, most = write(span["typical"]), write(span["most"])
    return typical if typical == most else f"{typical}–{most}"


def _short(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return (
                f"{value / size:.3g}{unit}"
                if value < 999.5 * size
                else f"{value / size:,.0f}{unit}"
            )
    return f"{value:.0f}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
