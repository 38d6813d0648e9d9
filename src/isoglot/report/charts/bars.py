"""The plots of values by language: bars with intervals, off-target rates beside, win and loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from isoglot.report.charts.canvas import MUTED, TIER_COLOURS, Chart, Rows, finished, label
from isoglot.report.charts.figures import error_bars, hover
from isoglot.report.results.measures import Row, language_name, number
from isoglot.report.results.old_evaluation import TIERS, tier, tier_name

if TYPE_CHECKING:
    import plotly.graph_objects as go

TRAINED = " ●"
OUTCOMES = {"wins": "var(--trained)", "ties": "var(--line)", "losses": "var(--never)"}
_MIN_WIDTH_PX = 560  # two plots beside each other


def values_by_language(
    title: str, found: Mapping[str, Row], off_target: Mapping[str, Row], order: Sequence[str]
) -> Chart:
    """A bar with its interval per language, coloured by resource tier; off-target rates beside.

    A language whose value is unknown has its row and no bar.
    """
    tags = [tag for tag in order if tag in found or tag in off_target]
    marks = {tag: TRAINED for tag in tags if found.get(tag, {}).get("trained")}
    rows = Rows(tags, lane_px=16, marks=marks)
    figure = rows.figure("", tier)
    for name in TIERS:
        present = [t for t in tags if tier(t) == name and number(found.get(t)) is not None]
        if not present:
            continue
        values = [found[tag] for tag in present]
        figure.add_bar(
            x=[100 * (number(row) or 0.0) for row in values],
            y=[rows.y(tag) for tag in present],
            width=0.66,
            orientation="h",
            marker={"color": TIER_COLOURS[name], "line": {"width": 0}, "opacity": 0.8},
            error_x=error_bars(values, color="var(--ink)", thickness=1.6, width=3),
            hovertext=[hover(language_name(tag), found[tag]) for tag in present],
            hoverinfo="text",
        )
    _say_unknown(figure, rows, [t for t in tags if t in found and number(found[t]) is None])
    figure.update_xaxes(ticksuffix=" %", rangemode="tozero")
    if off_target:
        _beside(figure, 0.7)
        _dots(figure, rows, off_target, "var(--never)", xaxis="x2")
        figure.update_layout(xaxis2={"rangemode": "tozero", "title": {"text": "off-target"}})
        figure.update_layout(xaxis={"title": {"text": label(title)}})
    present_tiers = [name for name in TIERS if any(tier(tag) == name for tag in tags)]
    legend = [(tier_name(name), TIER_COLOURS[name]) for name in present_tiers]
    return Chart(title, finished(figure), legend, _MIN_WIDTH_PX if off_target else 0)


def _beside(figure: "go.Figure", share: float) -> None:
    """Makes room for a second plot of the same rows, to the right of `share` of the width."""
    axis = figure.layout.xaxis.to_plotly_json()
    figure.update_layout(
        xaxis={"domain": [0, share - 0.03]}, xaxis2=axis | {"domain": [share + 0.03, 1]}
    )


def _say_unknown(figure: "go.Figure", rows: Rows, tags: Sequence[str]) -> None:
    for tag in tags:
        figure.add_annotation(
            x=0, y=rows.languages.index(tag), xanchor="left", xshift=4, text="no value",
            showarrow=False, font={"color": MUTED, "size": 11.5},
        )  # fmt: skip


def _dots(
    figure: "go.Figure",
    rows: Rows,
    found: Mapping[str, Row],
    colour: str,
    *,
    xaxis: str,
    lane: int = 0,
    is_open: bool = False,
    named: Callable[[str], str] = language_name,
) -> None:
    """A dot with its interval per language that has a value."""
    tags = [tag for tag in rows.languages if number(found.get(tag)) is not None]
    values = [found[tag] for tag in tags]
    figure.add_scatter(
        x=[100 * (number(row) or 0.0) for row in values],
        y=[rows.y(tag, lane) for tag in tags],
        xaxis=xaxis,
        error_x=error_bars(values, color=colour),
        mode="markers",
        marker={"color": colour, "size": 8, "symbol": "circle-open" if is_open else "circle",
                "line": {"width": 2 if is_open else 0, "color": colour}},
        hovertext=[hover(named(tag), found[tag]) for tag in tags],
        hoverinfo="text",
        cliponaxis=False,
    )  # fmt: skip


def wins_and_losses(
    a: str,
    b: str,
    win_rate: Mapping[str, Row],
    controlled: Mapping[str, Row],
    order: Sequence[str],
) -> Chart:
    """Shares of wins, ties and losses of A per language, and beside them the win-rates.

    Shares are of the pairs with a verdict; those without are in the table.
    """
    tags = [tag for tag in order if tag in win_rate or tag in controlled]
    rows = Rows(tags, 2 if controlled else 1, 13)
    figure = rows.figure("", tier)
    _add_outcomes(figure, rows, a, win_rate)
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(range=[0, 100], ticksuffix=" %")
    _beside(figure, 0.52)
    _dots(figure, rows, win_rate, "var(--r2)", xaxis="x2")
    if controlled:
        _dots(figure, rows, controlled, "var(--c6)", xaxis="x2", lane=1, is_open=True)
    figure.add_shape(
        type="line", x0=50, x1=50, xref="x2", y0=0, y1=1, yref="paper", layer="below",
        line={"color": MUTED, "width": 1.2, "dash": "dot"},
    )  # fmt: skip
    figure.update_layout(xaxis={"title": {"text": "wins, ties, losses"}})
    figure.update_layout(xaxis2={"title": {"text": "win-rate"}})
    legend = [
        (f"{a} wins", OUTCOMES["wins"]),
        ("tie", OUTCOMES["ties"]),
        (f"{b} wins", OUTCOMES["losses"]),
        ("win-rate", "var(--r2)"),
    ]
    if controlled:
        legend.append(("length-controlled", "var(--c6)"))
    return Chart("Wins, ties and losses", finished(figure), legend, _MIN_WIDTH_PX)


def _add_outcomes(figure: "go.Figure", rows: Rows, a: str, win_rate: Mapping[str, Row]) -> None:
    """A bar of wins, ties and losses per language; its row says so where there is no verdict."""
    start = dict.fromkeys(rows.languages, 0.0)
    for outcome, colour in OUTCOMES.items():
        shares = {tag: _share(win_rate.get(tag), outcome) for tag in rows.languages}
        present = {tag: share for tag, share in shares.items() if share is not None}
        figure.add_bar(
            x=list(present.values()),
            y=[rows.languages.index(tag) for tag in present],
            base=[start[tag] for tag in present],
            width=0.66,
            orientation="h",
            marker={"color": colour, "line": {"width": 0}},
            hovertext=[
                label(f"{language_name(tag)}: {win_rate[tag][outcome]} {outcome} of {a}")
                for tag in present
            ],
            hoverinfo="text",
        )
        for tag, share in present.items():
            start[tag] += share
    _say_unknown(figure, rows, [tag for tag, total in start.items() if not total])


def _share(row: Row | None, outcome: str) -> float | None:
    """Percent of the pairs with a verdict; None where there is none."""
    total = sum(int((row or {}).get(name) or 0) for name in OUTCOMES)
    return 100 * int((row or {}).get(outcome) or 0) / total if total else None
