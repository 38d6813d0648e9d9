"""The plan of a recipe, for a terminal."""

import json
from collections.abc import Callable

from isoglot.report.cells import Column
from isoglot.report.results.plan import Amount, RecipePlan
from isoglot.report.table import Table, TableRow


def plan_json(plan: RecipePlan) -> str:
    """The whole plan, unrounded."""
    return json.dumps(plan.model_dump(mode="json"), indent=2, ensure_ascii=False)


def plan_table(plan: RecipePlan) -> Table:
    """A row for each stage and model, of one round; `≤` before an upper bound."""
    is_priced = any(work.usd is None or work.usd.most for work in plan.works)
    columns = [Column("stage"), Column("model", is_text=True), Column("×"), Column("how many")]
    columns += [Column(name) for name in ("tokens in", "tokens out", "hours")]
    rows = [
        TableRow(
            work.stage,
            [
                (work.model or "").rsplit("/", 1)[-1],
                str(work.times),
                f"{'' if work.is_exact else '≤ '}{work.num:,} {work.unit}",
                _tokens(work.tokens_in),
                _tokens(work.tokens_out),
                _span(work.hours) if work.on_device else "",
                *(["?" if work.usd is None else _span(work.usd)] * is_priced),
            ],
        )
        for work in plan.works
    ]
    title = f"{plan.recipe}: one round, × how many; hours of {plan.device}; typical–at most"
    return Table(title, [*columns, *[Column("USD")] * is_priced], rows)


def totals_line(plan: RecipePlan) -> str:
    """The totals of the whole run."""
    totals = plan.totals
    counts = ", ".join(f"{num:,} {unit}" for unit, num in totals.num.items())
    hours, usd = _span(totals.hours) or 0, _span(totals.usd) or 0
    whole = "" if totals.usd_is_whole else " and what is not priced"
    return (
        f"In {plan.rounds} round(s), at most: {counts}.\n"
        f"Tokens in {_tokens(totals.tokens_in) or 0}, out {_tokens(totals.tokens_out) or 0}; "
        f"{hours} hours of {plan.device}; {usd} USD{whole}."
    )


def assumed_lines(plan: RecipePlan) -> list[str]:
    """The assumptions behind the figures, one line each."""
    assumed = plan.assumed
    lines = [
        *plan.notes,
        f"a typical completion has {assumed.typical_share:g} of max_new_tokens (assumed); the "
        "second figure of a column is that of completions that all reach it",
    ]
    if assumed.usd_per_hour is None and any(work.on_device for work in plan.works):
        lines.append("the hours are not priced; give --usd-per-hour")
    if plan.judge_calls:
        lines.append(
            f"{plan.judge_calls:,} calls of a judge for each comparison of two policies "
            "(`isoglot judge`); no part of the totals"
        )
    for rate in assumed.rates:
        lines.append(
            f"{rate.work}, up to {rate.billions:g} billion weights on {rate.device}: "
            f"{rate.tokens_per_second:,g} tokens a second ({rate.source})"
        )
    return lines


def _tokens(amount: Amount) -> str:
    return _span(amount, _short)


def _span(amount: Amount, write: Callable[[float], str] | None = None) -> str:
    """`1.2–3.4`, one figure where both are equal, nothing for zero."""
    if not amount.most:
        return ""
    typical, most = map(write or _figure, (amount.typical, amount.most))
    return typical if typical == most else f"{typical}–{most}"


def _short(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            amount = value / size
            return f"{amount:.3g}{unit}" if amount < 999.5 else f"{amount:,.0f}{unit}"
    return f"{value:.0f}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"
