"""Lines over an amount: the reward at each check of a training, a rate at each size of the data."""

from collections.abc import Mapping, Sequence

from isoglot.report.charts.canvas import MUTED, PALETTE, Chart, finished, label, new_figure
from isoglot.report.charts.intervals import error_bars, hover
from isoglot.report.results.rows import Interval
from isoglot.report.results.summary import CheckpointChoice, RunSummary

_SAVED, _ALL = PALETTE[1], PALETTE[0]
_MARGIN = {"l": 8, "r": 16, "t": 12, "b": 44}
_LOG_FROM = 4  # times that the largest amount is the smallest: the axis is logarithmic then


def checkpoint_choices(summary: RunSummary) -> list[Chart]:
    """A plot for each round whose checkpoint was selected: steps against mean reward."""
    return [
        _choice(f"Round {entry.round}: M{entry.round} to M{entry.round + 1}", entry.choice)
        for entry in summary.rounds
        if entry.choice and entry.choice.curve
    ]


def _choice(title: str, choice: CheckpointChoice) -> Chart:
    tags = sorted({tag for check in choice.curve for tag in check.languages})
    figure = new_figure(260, margin=_MARGIN)

    def add(name: str, values: Sequence[float | None], colour: str, is_main: bool) -> None:
        figure.add_scatter(
            x=[check.step for check in choice.curve],
            y=values,  # a check without a reward leaves a gap
            mode="lines+markers" if is_main else "lines",
            line={"color": colour, "width": 3 if is_main else 1},
            marker={"color": colour, "size": 8},
            opacity=1 if is_main else 0.6,
            hovertext=[
                label(f"{name}, step {check.step}: {'unknown' if v is None else f'{v:.3f}'}")
                for check, v in zip(choice.curve, values, strict=True)
            ],
            hoverinfo="text",
        )

    for tag in tags:
        by_check = [check.languages.get(tag) for check in choice.curve]
        add(tag, [each.reward if each else None for each in by_check], MUTED, is_main=False)
    add("all", [check.value for check in choice.curve], _ALL, is_main=True)
    saved = "the last step"
    if choice.chosen_step is not None:
        saved = f"step {choice.chosen_step}"
        figure.add_vline(x=choice.chosen_step, line={"color": _SAVED, "width": 2, "dash": "dot"})
    figure.update_xaxes(title={"text": "step", "standoff": 8}, showgrid=False)
    each = [("each language", MUTED)] if tags else []
    legend = [("mean reward", _ALL), *each, (f"saved: {saved}", _SAVED)]
    return Chart(title, finished(figure), legend)


def rates_over_amounts(
    title: str, curves: Mapping[str, Mapping[float, tuple[str, Interval]]], line_at: float
) -> Chart:
    """A line with intervals for each curve: data size → what a tooltip calls the point, its rate.

    The axis of sizes is logarithmic where they differ much.
    """
    figure = new_figure(360, margin=_MARGIN)
    legend = []
    for place, (name, curve) in enumerate(curves.items()):
        colour = PALETTE[place % len(PALETTE)]
        legend.append((name, colour))
        points = {x: at for x, at in sorted(curve.items()) if at[1].value is not None}
        intervals = [interval for _, interval in points.values()]
        figure.add_scatter(
            x=list(points),
            y=[100 * (interval.value or 0.0) for interval in intervals],
            error_y=error_bars(intervals, color=colour),
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"color": colour, "size": 9},
            hovertext=[hover(*at) for at in points.values()],
            hoverinfo="text",
        )
    amounts = sorted({x for curve in curves.values() for x in curve})
    figure.update_xaxes(
        type="log" if amounts[-1] >= _LOG_FROM * amounts[0] else "linear",
        tickvals=amounts,
        ticktext=[f"{x:g}" for x in amounts],
        title={"text": "data size"},
    )
    figure.update_yaxes(ticksuffix=" %")
    figure.add_hline(y=100 * line_at, line={"color": MUTED, "width": 1.2, "dash": "dot"})
    return Chart(title, finished(figure), legend)
