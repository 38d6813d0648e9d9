"""The chart of values by language: dots or bars with 95 % intervals, in one or two plots.

A row of the chart is a language, or anything else with a name, such as a cell of a study; rows
stand in the order given. A `Series` has a point for each row that has a value; series with another
`lane` stand below one another in a row. `StackedCounts` are bars stacked from left to right. Series
with `is_second` go to a second plot of the same rows, to the right. Values are rates; the axis'
scale turns them into percent, points or grades.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from isoglot.report.cells import PERCENT, POINTS, Scale, number
from isoglot.report.charts.canvas import INK, LINE, MUTED, Chart, finished, label, new_figure
from isoglot.report.results.names import language_name
from isoglot.report.results.rows import Interval

if TYPE_CHECKING:
    import plotly.graph_objects as go

_GAP = 0.03
_TWO_PLOTS_PX = 560
_SHAPES = ("", "/", ".", "x")


@dataclass(frozen=True, slots=True)
class Axis:
    """The horizontal axis of a plot."""

    title: str = ""
    scale: Scale = PERCENT
    line_at: float | None = None
    """Value of no difference, or of chance: a rule stands there."""
    from_zero: bool = False
    limits: tuple[float, float] | None = None
    """First and last value; None lets the points decide."""
    tick: float | None = None
    """Distance of the ticks, in the scale's unit."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points of one colour: for each row that has a value, a dot or a bar with its interval."""

    name: str
    """Shown in the legend."""
    colour: str
    points: Mapping[str, Interval]
    lane: int = 0
    shape: Literal["dot", "bar"] = "dot"
    hollow: Collection[str] = ()
    """Rows whose dot is a ring."""
    is_second: bool = False
    hover_name: str = ""
    """Named by tooltips after the row, if not empty."""
    hovers: Mapping[str, str] = field(default_factory=dict)
    """TableRow → tooltip, in place of row, value, interval and counts."""


@dataclass(frozen=True, slots=True)
class StackedCounts:
    """Bars of one colour, stacked on those before them; values as they are drawn."""

    name: str
    colour: str
    values: Mapping[tuple[str, int], float]
    """(row, lane) → length, in the unit of the axis."""
    hovers: Mapping[tuple[str, int], str]
    pattern: int = 0
    """Tells colours apart that are used twice."""
    spans_lanes: bool = False
    """True for bars as high as a row, whatever lanes the series next to them have."""


@dataclass(frozen=True, slots=True)
class Bands:
    """A horizontal band for each row, with lanes in it; place 0 is the first row's middle."""

    rows: Sequence[str]
    num_lanes: int = 1
    lane_px: int = 14

    @property
    def step(self) -> float:
        """Height of a lane; that of a band is 1."""
        return 0.74 / self.num_lanes

    @property
    def height_px(self) -> int:
        return 56 + len(self.rows) * max(24, self.lane_px * self.num_lanes + 8)

    def y(self, row: str, lane: int = 0) -> float:
        """The place of a lane."""
        return self.rows.index(row) + (lane - (self.num_lanes - 1) / 2) * self.step


def interval_chart(
    title: str,
    rows: Sequence[str],
    series: Sequence[Series | StackedCounts],
    axis: Axis,
    *,
    second: Axis | None = None,
    share: float = 0.7,
    group_of: Callable[[str], str] = lambda _: "",
    named: Callable[[str], str] = language_name,
    marks: Mapping[str, str] | None = None,
    lane_labels: Sequence[str] = (),
    lane_px: int = 14,
    unknown: Collection[str] = (),
    is_wide: bool = False,
    min_width_px: int = 0,
) -> Chart:
    """Draw series by row.

    `share` is the part of the width that the first of two plots takes. A rule stands between rows
    of another `group_of`; `marks` follow the names of rows; `lane_labels` name the lanes on the
    axis; the `unknown` rows say that they have no value.
    """
    lanes = {each.lane for each in series if isinstance(each, Series)}
    lanes |= {lane for each in series if isinstance(each, StackedCounts) for _, lane in each.values}
    bands = Bands(rows, 1 + max(lanes, default=0), lane_px)
    figure = band_figure(bands, axis.title, group_of, named, marks or {}, lane_labels)
    start: dict[tuple[str, int], float] = {}
    for each in series:
        if isinstance(each, StackedCounts):
            _add_counts(figure, bands, each, start)
        else:
            scale = second.scale if second and each.is_second else axis.scale
            _add_series(figure, bands, each, scale, named)
    for row in unknown:
        figure.add_annotation(
            x=axis.scale.factor * axis.limits[0] if axis.limits else 0,
            y=bands.rows.index(row),
            xanchor="left",
            xshift=4,
            text="no value",
            showarrow=False,
            font={"color": MUTED, "size": 11.5},
        )
    if second:
        base = figure.layout.xaxis.to_plotly_json() | {"domain": [share + _GAP, 1]}
        figure.update_layout(xaxis={"domain": [0, share - _GAP]}, xaxis2=base)
        figure.update_layout(xaxis2=_settings(second))
    figure.update_layout(barmode="overlay", xaxis=_settings(axis))
    for xref, one in (("x", axis), ("x2", second)):
        if one and one.line_at is not None:
            x = one.scale.factor * one.line_at
            line = {"color": MUTED, "width": 1.2, **({"dash": "dot"} if one.line_at else {})}
            place = {"x0": x, "x1": x, "xref": xref, "y0": 0, "y1": 1, "yref": "paper"}
            figure.add_shape(type="line", **place, line=line)
    legend = dict.fromkeys((each.name, each.colour) for each in series if each.name)
    width = max(min_width_px, _TWO_PLOTS_PX if second else 0)
    return Chart(title, finished(figure), list(legend), width, is_wide)


def differences(
    title: str,
    x_title: str,
    found: Mapping[str, Interval],
    group_of: Mapping[str, str],
    colours: Mapping[str, str],
    scale: Scale = POINTS,
) -> Chart | None:
    """A dot per row about the line of zero, coloured by group; None of nothing.

    Groups stand in the order of `colours`, the best of each first.
    """
    if not found:
        return None
    rank = list(colours)
    order = sorted(found, key=lambda t: (rank.index(group_of[t]), -(found[t].value or 0.0)))
    series = [
        Series(name, colour, {row: found[row] for row in order if group_of[row] == name})
        for name, colour in colours.items()
        if name in {group_of[row] for row in order}
    ]
    axis = Axis(x_title, scale, line_at=0)
    return interval_chart(title, order, series, axis, group_of=group_of.__getitem__, lane_px=18)


def hover(name: str, point: Interval, scale: Scale = PERCENT) -> str:
    """`name: value (low to high), n`, as text that plotly shows verbatim."""
    value, low, high = (number(each, scale) for each in (point.value, point.low, point.high))
    unit = " %" if scale.unit == "%" else ""
    shown = f"{name}: {value}{unit} ({low} to {high})"
    if point.n is not None:
        shown += f", n = {point.n}"
    return label(shown + (f", {point.unknown} unknown" if point.unknown else ""))


def error_bars(
    points: Sequence[Interval], scale: Scale = PERCENT, **style: Any
) -> dict[str, object]:
    """Plotly's error bars from 95 % bounds; no bar where one is unknown."""
    up, down = (
        [
            0.0 if end is None or point.value is None else scale.factor * abs(end - point.value)
            for point, end in zip(points, ends, strict=True)
        ]
        for ends in ([point.high for point in points], [point.low for point in points])
    )
    base = {"type": "data", "symmetric": False, "width": 0, "thickness": 1.6}
    return {**base, "array": up, "arrayminus": down, **style}


def band_figure(
    bands: Bands,
    x_title: str,
    group_of: Callable[[str], str] = lambda _: "",
    named: Callable[[str], str] = language_name,
    marks: Mapping[str, str] | None = None,
    lane_labels: Sequence[str] = (),
) -> "go.Figure":
    """An empty figure of bands, with a rule between groups of rows."""
    figure = new_figure(bands.height_px)
    figure.update_xaxes(title={"text": label(x_title), "standoff": 8}, side="bottom")
    texts = [label(named(row) + (marks or {}).get(row, "")) for row in bands.rows]
    values = [float(i) for i in range(len(texts))]
    if lane_labels:
        values = [bands.y(row, lane) for row in bands.rows for lane in range(bands.num_lanes)]
        parts = [
            (text if i == 0 else "", lane) for text in texts for i, lane in enumerate(lane_labels)
        ]
        texts = [f"{text} {lane}".strip() for text, lane in parts]
    figure.update_yaxes(
        tickvals=values,
        ticktext=texts,
        range=[len(bands.rows) - 0.5, -0.5],
        showgrid=False,
        ticklabelstandoff=6,
    )
    groups = [group_of(row) for row in bands.rows]
    for i in range(1, len(groups)):
        if groups[i] != groups[i - 1]:
            place = {"x0": 0, "x1": 1, "xref": "paper", "y0": i - 0.5, "y1": i - 0.5}
            figure.add_shape(type="line", line={"color": LINE, "width": 1}, **place)
    return figure


def _add_series(
    figure: "go.Figure", bands: Bands, series: Series, scale: Scale, named: Callable[[str], str]
) -> None:
    points = series.points
    found = {r: points[r] for r in bands.rows if r in points and points[r].value is not None}
    if not found:
        return
    suffix = f", {series.hover_name}" if series.hover_name else ""
    shared = {
        "x": [scale.factor * (point.value or 0.0) for point in found.values()],
        "y": [bands.y(row, series.lane) for row in found],
        "xaxis": "x2" if series.is_second else "x",
        "hovertext": [
            label(series.hovers[row])
            if row in series.hovers
            else hover(f"{named(row)}{suffix}", point, scale)
            for row, point in found.items()
        ],
        "hoverinfo": "text",
    }
    values, colour = list(found.values()), series.colour
    if series.shape == "bar":
        figure.add_bar(
            **shared,
            width=0.66 if bands.num_lanes == 1 else 0.9 * bands.step,
            orientation="h",
            marker={"color": colour, "line": {"width": 0}, "opacity": 0.8},
            error_x=error_bars(values, scale, color=INK, width=3),
        )
        return
    is_alone = bands.num_lanes == 1 and not series.is_second
    symbols = ["circle-open" if row in series.hollow else "circle" for row in found]
    figure.add_scatter(
        **shared,
        mode="markers",
        error_x=error_bars(values, scale, color=colour, thickness=2.2 if is_alone else 1.6),
        marker={
            "color": colour,
            "size": 11 if is_alone else 9,
            "symbol": symbols,
            "line": {"width": 2 if series.hollow else 1, "color": colour},
        },
        cliponaxis=False,
    )


def _add_counts(
    figure: "go.Figure", bands: Bands, counts: StackedCounts, start: dict[tuple[str, int], float]
) -> None:
    """Add bars that begin where those in `start` end, and move it on."""
    bands = Bands(bands.rows) if counts.spans_lanes else bands
    present = [key for key in counts.values if key[0] in bands.rows]
    figure.add_bar(
        x=[counts.values[key] for key in present],
        y=[bands.y(*key) for key in present],
        base=[start.get(key, 0.0) for key in present],
        width=0.66 if bands.num_lanes == 1 else 0.84 * bands.step,
        orientation="h",
        marker={
            "color": counts.colour,
            "line": {"width": 0},
            "pattern": {"shape": _SHAPES[counts.pattern % len(_SHAPES)]},
        },
        hovertext=[label(counts.hovers[key]) for key in present],
        hoverinfo="text",
    )
    for key in present:
        start[key] = start.get(key, 0.0) + counts.values[key]


def _settings(axis: Axis) -> dict[str, object]:
    title = {"text": label(axis.title), "font": {"color": MUTED, "size": 12}}
    settings: dict[str, object] = {"title": title}
    if axis.scale.unit == "%":
        settings["ticksuffix"] = " %"
    if axis.from_zero:
        settings["rangemode"] = "tozero"
    if axis.limits:
        settings["range"] = [axis.scale.factor * end for end in axis.limits]
    if axis.tick:
        settings["dtick"] = axis.tick
    return settings
