"""The chart of a comparison: wins, ties and losses by language, and the win rates next to them."""

from collections.abc import Mapping, Sequence

from isoglot.report.cells import Scale
from isoglot.report.charts.canvas import Chart
from isoglot.report.charts.intervals import Axis, Series, StackedCounts, interval_chart
from isoglot.report.results.judging import JudgedResult
from isoglot.report.results.names import language_name, tier
from isoglot.report.results.rows import intervals

_COLOURS = {"wins": "var(--trained)", "ties": "var(--line)", "losses": "var(--never)"}
_SHARE = Scale(1, 1, "%")


def wins_and_losses(
    a: str,
    b: str,
    rates: Mapping[str, JudgedResult],
    controlled: Mapping[str, JudgedResult],
    order: Sequence[str],
) -> Chart:
    """Shares of wins, ties and losses of A per language; to the right the win rates.

    Shares are of the pairs with a verdict.
    """
    tags = [tag for tag in order if tag in rates or tag in controlled]
    counts = {
        outcome: {tag: getattr(rates[tag], outcome) or 0 for tag in tags if tag in rates}
        for outcome in _COLOURS
    }
    totals = {tag: sum(of[tag] for of in counts.values()) for tag in tags if tag in rates}
    known = [tag for tag in tags if totals.get(tag)]
    names = {"wins": f"{a} wins", "ties": "tie", "losses": f"{b} wins"}
    series: list[Series | StackedCounts] = [
        StackedCounts(
            names[outcome],
            colour,
            {(tag, 0): 100 * counts[outcome][tag] / totals[tag] for tag in known},
            {
                (tag, 0): f"{language_name(tag)}: {counts[outcome][tag]} {outcome} of {a}"
                for tag in known
            },
            spans_lanes=True,
        )
        for outcome, colour in _COLOURS.items()
    ]
    name = "win-rate"
    series.append(Series(name, "var(--r2)", intervals(rates), is_second=True, hover_name=name))
    if controlled:
        name, points = "length-controlled", intervals(controlled)
        series.append(
            Series(name, "var(--c6)", points, 1, hollow=tags, is_second=True, hover_name=name)
        )
    return interval_chart(
        "Wins, ties and losses",
        tags,
        series,
        Axis("wins, ties, losses", _SHARE, limits=(0, 100)),
        second=Axis("win-rate", line_at=0.5, limits=(0, 1)),
        share=0.52,
        group_of=tier,
        lane_px=13,
        unknown=[tag for tag in tags if tag not in known],
    )
