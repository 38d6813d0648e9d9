"""The page of a judged comparison: which model wins in each language, and how surely."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from isoglot.report.cards.judged import verdict_cards
from isoglot.report.cells import bounds, number
from isoglot.report.charts.outcomes import wins_and_losses
from isoglot.report.page import Page, PageSection, Tile, read_facts, write_page
from isoglot.report.pages.judge_tables import (
    CONTROLLED,
    RATES,
    TRUST,
    judge_tables,
    languages_of_comparison,
    rows_by_metric,
    scale_of_metric,
)
from isoglot.report.results.judging import JudgedComparison, JudgedResult, RatingResult, Ratings
from isoglot.report.results.names import language_name, metric_name
from isoglot.report.results.rows import MEAN


def write_judge_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from a judge's verdicts on two models; return its path.

    The page makes no network request; what the folder does not have is named on the page.

    Raises:
        InputError: `FOLDER/results.json` is absent or cannot be read.
    """
    comparison = JudgedComparison.read_from(folder)
    a, b = comparison.names
    notes: list[str] = []
    rates = rows_by_metric(comparison, RATES[:1]).get("win_rate", {})
    counted = [row for tag, row in rates.items() if tag != MEAN]
    page = Page(
        title=f"{a} against {b}",
        headline=judge_sentence(comparison),
        sections=_sections(comparison),
        cards=verdict_cards(folder, notes),
        tiles=[
            Tile.of(f"{metric_name(metric)}, mean", rows[MEAN].interval, scale_of_metric(metric))
            for metric, rows in rows_by_metric(comparison, (*RATES, *TRUST)).items()
            if MEAN in rows and rows[MEAN].value is not None
        ],
        fine=[
            judge_facts(
                comparison,
                counted,
                "pairs without a readable verdict: counted, and never a tie",
                "pairs not judged, because an answer had failed",
            ),
            "A pair is judged in both orders; a win is a win in both, and two orders that differ "
            "are a tie. Win-rate: wins of A and half of the ties, over pairs with a verdict; "
            "where the judge gives probabilities, their mean; outcomes make the discrete one. "
            "Intervals are 95 %.",
        ],
        notices=notes,
        results=[(a, row) for row in comparison.results],
        order=[MEAN, *languages_of_comparison(comparison)],
        facts=read_facts(folder / "judge.json"),
        facts_name="judge.json",
    )
    return write_page(folder / "report.html", page)


def judge_facts(
    results: JudgedComparison | Ratings,
    rows: Iterable[JudgedResult | RatingResult],
    invalid: str,
    unanswered: str,
) -> str:
    """Judge, seed and cost, then the counts of `invalid` and `unanswered` examples, if any."""
    cost = "cost unknown" if results.cost_usd is None else f"cost {results.cost_usd:.2f} USD"
    counts = [(row.invalid or 0, row.unanswered or 0) for row in rows]
    totals = [sum(each) for each in zip(*counts, strict=True)] or [0, 0]
    lost = [f"{num} {text}" for num, text in zip(totals, (invalid, unanswered), strict=True) if num]
    return " · ".join([f"Judge: {results.judge}", f"seed {results.seed}", cost, *lost])


def place_of(tags: Sequence[str]) -> str:
    """`over 3 languages`, or `in Swahili`."""
    return f"over {len(tags)} languages" if len(tags) > 1 else f"in {language_name(tags[0])}"


def judge_sentence(comparison: JudgedComparison) -> str:
    """Say which model wins in one sentence, unless the interval leaves that open."""
    found = rows_by_metric(comparison, RATES[:1]).get("win_rate", {})
    tags = languages_of_comparison(comparison)
    row = found.get(MEAN) or (found.get(tags[0]) if len(tags) == 1 else None)
    if row is None or row.value is None:
        return "No win-rate is known: no pair has a verdict that could be read."
    a, b = comparison.names
    rate = f"win-rate {number(row.value)} % ({bounds(row.interval)})"
    place = place_of(tags)
    if row.low is not None and row.high is not None and row.low <= 0.5 <= row.high:
        return f"{a} and {b} cannot be told apart {place}: {rate} of {a}."
    return f"{a if row.value > 0.5 else b} wins {place}: {rate} of {a}."


def _sections(comparison: JudgedComparison) -> list[PageSection]:
    found = rows_by_metric(comparison, (*RATES, *TRUST))
    rates, controlled = (found.get(metric, {}) for metric in RATES[:2])
    order = [tag for tag in languages_of_comparison(comparison) if tag in rates]
    (a, b), tables = comparison.names, judge_tables(comparison)
    return [
        PageSection(
            "wins",
            "Wins, ties and losses by language",
            "Shares of the pairs with a verdict; to the right the win-rate with its 95 % interval, "
            "and the win-rate that would be if both answers were equally long. The dotted line is "
            f"a draw. {CONTROLLED}.",
            [wins_and_losses(a, b, rates, controlled, order)] if order else [],
            tables[:1] if rates else [],
            missing="No pair has a verdict yet.",
        ),
        PageSection(
            "trust",
            "How far to trust the judge",
            "Swap consistency: how often both orders say the same. Position and verbosity bias: "
            "how much more often than half the answer shown first, or the longer one, wins, in "
            "points. Agreement: with a second judge, where there is one (Krippendorff's alpha, 1 "
            "at most, 0 by chance).",
            tables=tables[-1:] if found.keys() & {*TRUST} else [],
            missing="The results say nothing about the judge.",
        ),
    ]
