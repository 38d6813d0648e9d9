"""The plan of a recipe, for a terminal."""

import json
from collections.abc import Callable, Sequence

from isoglot.report.cells import Column
from isoglot.report.pages.plan_memory import model_letters
from isoglot.report.results.plan import Amount, PlannedWork, RecipePlan
from isoglot.report.table import Table, TableRow


def plan_json(plan: RecipePlan) -> str:
    """The whole plan, unrounded."""
    return json.dumps(plan.model_dump(mode="json"), indent=2, ensure_ascii=False)


def plan_table(plan: RecipePlan) -> Table:
    """A row for each stage and model, of all rounds; `≤` before an upper bound."""
    is_priced = any(work.usd is None or work.usd.most for work in plan.works)
    letters = model_letters(plan)
    columns = [Column("stage"), Column(""), Column("number")]
    columns += [Column(name) for name in ("tokens in", "tokens out", "hours")]
    rows = [
        TableRow(
            _stage(work, plan.works),
            [
                letters.get(work.model or "", ""),
                f"{'' if work.is_exact else '≤'}{work.num * work.times:,}",
                _tokens(work.tokens_in.times(work.times)),
                _tokens(work.tokens_out.times(work.times)),
                _span(work.hours.times(work.times)) if work.on_device else "",
                *([_price(work)] * is_priced),
            ],
        )
        for work in plan.works
    ]
    rounds = f"{plan.rounds} round{'s' * (plan.rounds > 1)}"
    title = f"{plan.recipe}, {rounds}: typical–at most, hours of {plan.device}"
    return Table(title, [*columns, *[Column("USD")] * is_priced], rows)


def model_lines(plan: RecipePlan) -> list[str]:
    """The models by their letters, one line each."""
    return [f"{letter}  {name}" for name, letter in model_letters(plan).items()]


def totals_line(plan: RecipePlan) -> str:
    """The totals of the whole run."""
    totals = plan.totals
    counts = ", ".join(f"{num:,} {unit}" for unit, num in totals.num.items())
    hours, usd = _span(totals.hours) or 0, _span(totals.usd) or 0
    whole = "" if totals.usd_is_whole else " and what is not priced"
    return (
        f"At most: {counts}.\n"
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
            f"{_figure(rate.tokens_per_second)} tokens a second ({rate.source})"
        )
    return lines


def _stage(work: PlannedWork, works: Sequence[PlannedWork]) -> str:
    """The name of the stage, with the unit where the stage has several."""
    units = {each.unit for each in works if each.stage == work.stage}
    stage = work.stage.replace("/", " ")
    return f"{stage}: {work.unit}" if len(units) > 1 else stage


def _price(work: PlannedWork) -> str:
    return "?" if work.usd is None else _span(work.usd.times(work.times), _usd)


def _tokens(amount: Amount) -> str:
    return _span(amount, _short)


def _span(amount: Amount, write: Callable[[float], str] | None = None) -> str:
    """`1.2–3.4`, one figure where both are equal, nothing for zero."""
    if not amount.most:
        return ""
    typical, most = map(write or _figure, (amount.typical, amount.most))
    return typical if typical == most else f"{typical}–{most}"


def _usd(value: float) -> str:
    return _short(value) if value >= 9_950 else _figure(value)


def _short(value: float) -> str:
    """Two digits and a letter for thousands, millions, billions."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= 0.95 * size:
            amount = value / size
            return f"{amount:.1f}{unit}" if amount < 9.95 else f"{amount:,.0f}{unit}"
    return f"{value:.0f}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
