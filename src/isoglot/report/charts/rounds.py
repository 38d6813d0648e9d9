"""The charts of results over rounds: lines by language, and rates of each round side by side."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from isoglot.report.charts.canvas import (
    GROUP_COLOURS,
    PALETTE,
    Chart,
    finished,
    label,
    new_figure,
    round_colour,
)
from isoglot.report.charts.intervals import (
    Axis,
    Series,
    differences,
    error_bars,
    hover,
    interval_chart,
)
from isoglot.report.results.names import language_name, shortened
from isoglot.report.results.progress import GROUPS, Progress
from isoglot.report.results.rows import Interval, Measure

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LABEL_PX = 16
_NAME_CHARS = 14
_CROWDED = 10
"""More lines than this in one plot need the whole width of the page."""
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")

_ByRound = Mapping[str, Mapping[int, Interval]]  # language → round → value


def over_rounds(progress: Progress, measure: Measure) -> list[Chart]:
    """A line per language with intervals: one plot of trained languages, one of the others.

    Both have one scale, so that they can be compared.
    """
    found = progress.series(measure)
    order = [tag for tag in progress.languages if tag in found]
    never = [tag for tag in order if progress.group(tag) == "never trained"]
    trained = [tag for tag in order if tag not in never]
    panels = {"Trained languages": trained, "Languages never trained on": never}
    ends = [
        100 * end
        for by_round in found.values()
        for each in by_round.values()
        for end in (each.value, each.low, each.high)
        if end is not None
    ]
    scale = (max(0.0, min(ends) - 2), min(100.0, max(ends) + 2))
    is_wide = max(map(len, panels.values())) > _CROWDED
    dominant = progress.summary.dominant_language
    return [
        _panel(title, {tag: found[tag] for tag in tags}, dominant, scale, is_wide)
        for title, tags in panels.items()
        if tags
    ]


def _panel(
    title: str, found: _ByRound, dominant: str, scale: tuple[float, float], is_wide: bool
) -> Chart:
    rounds = sorted({index for by_round in found.values() for index in by_round})
    is_crowded = len(found) > _CROWDED
    longest = max(len(shortened(language_name(tag), _NAME_CHARS)) for tag in found)
    height = 26 * len(found) if is_crowded else 440
    figure = new_figure(height, margin={"l": 8, "r": 48 + 7 * longest, "t": 12, "b": 30})
    figure.update_yaxes(range=scale, ticksuffix=" %")
    half = 0.3 if is_crowded else 0.1
    figure.update_xaxes(
        tickvals=rounds,
        ticktext=[f"M{i}" for i in rounds],
        range=[rounds[0] - half - 0.1, rounds[-1] + half + 0.15],
        showgrid=False,
    )
    colours = {
        tag: GROUP_COLOURS["dominant"] if tag == dominant else PALETTE[i % len(PALETTE)]
        for i, tag in enumerate(found)
    }
    # Neighbours are set apart, so that their intervals do not cover each other.
    step = min(0.03, 2 * half / len(found))
    for place, (tag, by_round) in enumerate(found.items()):
        points = {i: by_round[i] for i in sorted(by_round)}
        shift = (place - (len(found) - 1) / 2) * step
        symbol = _SYMBOLS[place // len(PALETTE) % len(_SYMBOLS)]
        figure.add_scatter(
            x=[i + shift for i in points],
            y=[100 * (point.value or 0.0) for point in points.values()],
            error_y=error_bars(list(points.values()), color=colours[tag], thickness=1.4),
            mode="lines+markers",
            line={"color": colours[tag], "width": 3.5 if tag == dominant else 2},
            marker={"color": colours[tag], "size": 8, "symbol": symbol},
            hovertext=[hover(f"{language_name(tag)}, M{i}", point) for i, point in points.items()],
            hoverinfo="text",
        )
    _add_line_labels(figure, found, colours, height)
    return Chart(title, finished(figure), is_wide=is_wide)


def _add_line_labels(
    figure: "go.Figure", found: _ByRound, colours: Mapping[str, str], height: int
) -> None:
    """Each language's name at the right end of its line: nothing to look up in a legend."""
    low, high = figure.layout.yaxis.range
    ends = {tag: 100 * (by[max(by)].value or 0.0) for tag, by in found.items()}
    tags = sorted(ends, key=lambda tag: ends[tag])
    places = spread([ends[tag] for tag in tags], (high - low) * _LABEL_PX / (height - 42))
    for tag, place in zip(tags, places, strict=True):
        start = figure.data[list(found).index(tag)].x[-1]
        figure.add_shape(
            type="line",
            x0=start,
            x1=figure.layout.xaxis.range[1],
            y0=ends[tag],
            y1=place,
            line={"color": colours[tag], "width": 0.8},
            opacity=0.45,
            layer="below",
        )
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="left",
            xshift=4,
            y=place,
            yref="y",
            yanchor="middle",
            text=f"{label(shortened(language_name(tag), _NAME_CHARS))} {ends[tag]:.1f}",
            showarrow=False,
            font={"color": colours[tag], "size": 12.5},
        )


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Ascending positions moved as little as need be, so that each stands `gap` from the next.

    Labels that collide form a block, which is centred on the mean of what its members wanted.
    """
    blocks: list[tuple[float, int]] = []  # sum of the wanted starts of a block, its size
    for position in wanted:
        total, size = position, 1
        while blocks and blocks[-1][0] / blocks[-1][1] + blocks[-1][1] * gap > total / size:
            before, count = blocks.pop()
            # A block wants its start; each member's wish for that start is its own, shifted back.
            total, size = before + total - size * count * gap, count + size
        blocks.append((total, size))
    return [total / size + i * gap for total, size in blocks for i in range(size)]


def rates_by_round(
    progress: Progress, found: _ByRound, title: str, axis: Axis, names: str = "M"
) -> Chart:
    """A row per language, a dot per round: for rates that lie close together."""
    rounds = sorted({index for by_round in found.values() for index in by_round})
    tags = [tag for tag in progress.languages if tag in found]
    series = [
        Series(
            f"{names}{index}",
            round_colour(index),
            {tag: found[tag][index] for tag in tags if index in found[tag]},
            lane=lane,
            hollow=tags if index == 0 else (),
            hover_name=f"{names}{index}",
        )
        for lane, index in enumerate(rounds)
    ]
    return interval_chart(title, tags, series, axis, group_of=progress.group, lane_px=12)


def changes_by_language(progress: Progress, measure: Measure) -> Chart | None:
    """Last policy minus M0 by language, best of each group first; None without."""
    return differences(
        f"{measure.title}: change",
        "points, last policy minus M0",
        progress.changes(measure),
        {tag: progress.group(tag) for tag in progress.languages},
        {group: GROUP_COLOURS[group] for group in GROUPS},
    )
