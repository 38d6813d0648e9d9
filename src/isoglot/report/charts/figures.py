"""The plots of results: the rounds, off-target rates, changes, and the audit's heat map."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from isoglot.report.charts.canvas import (
    GROUP_COLOURS,
    MUTED,
    PALETTE,
    Chart,
    Rows,
    finished,
    label,
    new_figure,
    round_colour,
)
from isoglot.report.results.measures import (
    PERCENT,
    Change,
    Measure,
    Row,
    Scale,
    Summary,
    changes,
    group,
    language_name,
    languages,
    number,
    series,
    without_revisions,
)
from isoglot.report.tables import interval, percent, signed

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LABEL_PX = 16
_NAME_CHARS = 14
CROWDED = 10
"""More lines than this in one plot need the whole width of the page."""
_SYMBOLS = ("circle", "square", "diamond", "triangle-up")


def hover(name: str, row: Row | Mapping[str, Any], scale: Scale = PERCENT) -> str:
    """`name: value (low to high), n`, as text that plotly shows verbatim."""
    value, low, high = (percent(number(row, key), scale) for key in ("value", "low", "high"))
    unit = " %" * (scale is PERCENT)
    unknown = f", {row['unknown']} unknown" if row.get("unknown") else ""
    return label(f"{name}: {value}{unit} ({low} to {high}), n = {row.get('n', '?')}{unknown}")


def error_bars(rows: Sequence[Row], scale: Scale = PERCENT, **style: Any) -> dict[str, Any]:
    """Plotly's error bars from the rows' 95 % bounds; no bar where one is unknown."""
    sides: dict[str, list[float]] = {"low": [], "high": []}
    for row in rows:
        value = number(row) or 0.0
        for side, lengths in sides.items():
            bound = number(row, side)
            lengths.append(0.0 if bound is None else scale.factor * abs(bound - value))
    return {
        "type": "data",
        "symmetric": False,
        "array": sides["high"],
        "arrayminus": sides["low"],
        "width": 0,
        "thickness": 1.4,
        **style,
    }


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


def over_rounds(summary: Summary, measure: Measure) -> list[Chart]:
    """A line per language with intervals: one plot of trained languages, one of the others.

    Both have one scale, so that they can be compared.
    """
    found = series(summary, measure)
    order = [tag for tag in languages(summary) if tag in found]
    panels = {
        "Trained languages": [t for t in order if group(summary, t) != "never trained"],
        "Languages never trained on": [t for t in order if group(summary, t) == "never trained"],
    }
    bounds = [
        100 * bound
        for rows in found.values()
        for row in rows.values()
        for key in ("value", "low", "high")
        if (bound := number(row, key)) is not None
    ]
    scale = (max(0.0, min(bounds) - 2), min(100.0, max(bounds) + 2))
    is_wide = max(len(tags) for tags in panels.values()) > CROWDED
    return [
        _panel(summary, title, {tag: found[tag] for tag in tags}, scale, is_wide)
        for title, tags in panels.items()
        if tags
    ]


def _panel(
    summary: Summary,
    title: str,
    found: Mapping[str, Mapping[int, Row]],
    scale: tuple[float, float],
    is_wide: bool,
) -> Chart:
    indices = sorted({index for rows in found.values() for index in rows})
    is_crowded = len(found) > CROWDED
    longest = max(len(shortened(language_name(tag), _NAME_CHARS)) for tag in found)
    height = 26 * len(found) if is_crowded else 440
    figure = new_figure(height, margin={"l": 8, "r": 48 + 7 * longest, "t": 12, "b": 30})
    figure.update_yaxes(range=scale, ticksuffix=" %")
    half = 0.3 if is_crowded else 0.1
    figure.update_xaxes(
        tickvals=indices,
        ticktext=[f"M{i}" for i in indices],
        range=[indices[0] - half - 0.1, indices[-1] + half + 0.15],
        showgrid=False,
    )
    _add_lines(figure, summary, found, min(0.03, 2 * half / len(found)))
    _add_line_labels(figure, summary, found, height)
    return Chart(title, finished(figure), is_wide=is_wide)


def _line_colour(summary: Summary, tag: str, position: int) -> str:
    is_dominant = group(summary, tag) == "dominant"
    return GROUP_COLOURS["dominant"] if is_dominant else PALETTE[position % len(PALETTE)]


def _add_lines(
    figure: "go.Figure", summary: Summary, found: Mapping[str, Mapping[int, Row]], dodge: float
) -> None:
    """`dodge` sets neighbours apart, in rounds, so that their intervals do not cover each other."""
    for position, (tag, by_round) in enumerate(found.items()):
        rows = [by_round[i] for i in sorted(by_round)]
        colour = _line_colour(summary, tag, position)
        shift = (position - (len(found) - 1) / 2) * dodge
        figure.add_scatter(
            x=[i + shift for i in sorted(by_round)],
            y=[100 * (number(row) or 0.0) for row in rows],
            error_y=error_bars(rows, color=colour),
            mode="lines+markers",
            line={"color": colour, "width": 3.5 if group(summary, tag) == "dominant" else 2},
            marker={"color": colour, "size": 8, "symbol": _SYMBOLS[position // 8 % len(_SYMBOLS)]},
            hovertext=[hover(f"{language_name(tag)}, M{i}", by_round[i]) for i in sorted(by_round)],
            hoverinfo="text",
        )


def _add_line_labels(
    figure: "go.Figure", summary: Summary, found: Mapping[str, Mapping[int, Row]], height: int
) -> None:
    """Each language's name at the right end of its line: nothing to look up in a legend."""
    low, high = figure.layout.yaxis.range
    gap = (high - low) * _LABEL_PX / (height - 42)
    ends = {tag: 100 * (number(rows[max(rows)]) or 0.0) for tag, rows in found.items()}
    tags = sorted(ends, key=lambda tag: ends[tag])
    places = spread([ends[tag] for tag in tags], gap)
    right = figure.layout.xaxis.range[1]
    for tag, place in zip(tags, places, strict=True):
        position = list(found).index(tag)
        colour = _line_colour(summary, tag, position)
        start = figure.data[position].x[-1]
        figure.add_shape(
            type="line",
            x0=start,
            x1=right,
            y0=ends[tag],
            y1=place,
            line={"color": colour, "width": 0.8},
            opacity=0.45,
            layer="below",
        )
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=4, y=place, yref="y", yanchor="middle",
            text=f"{label(shortened(language_name(tag), _NAME_CHARS))} {ends[tag]:.1f}",
            showarrow=False, font={"color": colour, "size": 12.5},
        )  # fmt: skip


def rates_by_round(
    summary: Summary,
    found: Mapping[str, Mapping[int, Row]],
    title: str,
    x_title: str,
    names: str = "M",
) -> Chart:
    """A row per language, a dot with its interval per round: for rates that lie close together."""
    indices = sorted({i for rows in found.values() for i in rows})
    rows = Rows([tag for tag in languages(summary) if tag in found], len(indices))
    figure = rows.figure(x_title, partial(group, summary))
    for lane, index in enumerate(indices):
        tags = [tag for tag in rows.languages if index in found[tag]]
        values = [found[tag][index] for tag in tags]
        colour = round_colour(index)
        figure.add_scatter(
            x=[100 * (number(row) or 0.0) for row in values],
            y=[rows.y(tag, lane) for tag in tags],
            error_x=error_bars(values, color=colour),
            mode="markers",
            marker={"color": colour, "size": 9, "symbol": "circle-open" if index == 0 else "circle",
                    "line": {"width": 2, "color": colour}},
            hovertext=[hover(f"{language_name(t)}, {names}{index}", found[t][index]) for t in tags],
            hoverinfo="text",
            cliponaxis=False,
        )  # fmt: skip
    figure.update_xaxes(ticksuffix=" %")
    legend = [(f"{names}{index}", round_colour(index)) for index in indices]
    return Chart(title, finished(figure), legend)


def off_target_rates(summary: Summary, measure: Measure) -> Chart:
    """How often an answer is in another language than the one asked for, per language and round."""
    chart = rates_by_round(
        summary,
        series(summary, measure),
        f"Off-target rate on {measure.task}",
        "answers in another language",
    )
    chart.figure["layout"]["xaxis"]["rangemode"] = "tozero"
    return chart


def change_per_language(summary: Summary, measure: Measure) -> Chart | None:
    """Last policy minus M0 with its interval, best of each group first; None without."""
    return differences(
        f"{measure.title}: change",
        "points, last policy minus M0",
        changes(summary, measure),
        partial(group, summary),
        GROUP_COLOURS,
    )


def differences(
    title: str,
    x_title: str,
    found: Mapping[str, Change],
    group_of: Callable[[str], str],
    colours: Mapping[str, str],
) -> Chart | None:
    """A dot with its interval per language about the line of zero; None of nothing.

    Groups stand in the order of `colours`, the best of each first.
    """
    if not found:
        return None
    rank = list(colours)
    order = sorted(found, key=lambda t: (rank.index(group_of(t)), -found[t].value))
    rows = Rows(order, lane_px=18)
    figure = rows.figure(x_title, group_of)
    figure.add_vline(x=0, line={"color": MUTED, "width": 1.2})
    present = [name for name in rank if any(group_of(tag) == name for tag in order)]
    for name in present:
        tags = [tag for tag in order if group_of(tag) == name]
        colour = colours[name]
        figure.add_scatter(
            x=[100 * found[tag].value for tag in tags],
            y=[rows.y(tag) for tag in tags],
            error_x=error_bars([_as_row(found[tag]) for tag in tags], color=colour, thickness=2.2),
            mode="markers",
            marker={"color": colour, "size": 12},
            hovertext=[
                label(f"{language_name(t)}: {signed(found[t].value)} ({interval(found[t])})")
                for t in tags
            ],
            hoverinfo="text",
            cliponaxis=False,
        )
    return Chart(title, finished(figure), [(name, colours[name]) for name in present])


def _as_row(change: Change) -> Row:
    return {"value": change.value, "low": change.low, "high": change.high}


def audit_heat_map(rows: Sequence[Row]) -> Chart:
    """Off-target rate of each sampler (column) and language (row); unknown cells stay empty."""
    samplers = list(dict.fromkeys(row["sampler"] for row in rows))
    cells = {
        (row["language"], row["sampler"]): {**row, "value": row.get("off_target_rate")}
        for row in rows
    }
    tags = sorted({tag for tag, _ in cells}, key=language_name)
    return heat_map("Off-target rate, %", tags, samplers, cells)


def heat_map(
    title: str,
    tags: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[str, str], Row],
    *,
    hues: str = "h",
    scale: Scale = PERCENT,
) -> Chart:
    """A value for each language (row) and model (column); unknown cells stay empty.

    `hues` names the ramp of the style sheet: `h` where more is worse, `g` where more is better.
    """
    grid = [[cells.get((tag, name)) for name in columns] for tag in tags]
    values = [
        [None if (v := number(cell)) is None else scale.factor * v for cell in line]
        for line in grid
    ]
    figure = new_figure(130 + 30 * len(tags), margin={"l": 8, "r": 90, "t": 8, "b": 8})
    figure.add_heatmap(
        z=values,
        x=list(range(len(columns))),
        y=list(range(len(tags))),
        text=[["" if v is None else f"{v:.{scale.digits - 1}f}" for v in line] for line in values],
        texttemplate="%{text}",
        hovertext=[
            [_heat_hover(cell, name, tag, scale) for name, cell in zip(columns, line, strict=True)]
            for tag, line in zip(tags, grid, strict=True)
        ],
        hoverinfo="text",
        zmin=0,
        zmax=scale.factor,
        xgap=2,
        ygap=2,
        showscale=False,
        colorscale=[[i / 4, f"var(--{hues}{i})"] for i in range(5)],
    )
    figure.update_yaxes(
        tickvals=list(range(len(tags))), ticktext=[label(language_name(t)) for t in tags],
        autorange="reversed", showgrid=False,
    )  # fmt: skip
    names = [label(shortened(name)) for name in without_revisions(columns)]
    figure.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=names,
        side="top", tickangle=-40, showgrid=False,
    )  # fmt: skip
    return Chart(title, finished(figure), (), 140 + 46 * len(columns))


def shortened(name: str, limit: int = 24) -> str:
    """A name cut to so many characters."""
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def _heat_hover(cell: Row | None, name: str, tag: str, scale: Scale) -> str:
    return "not asked" if cell is None else hover(f"{name}, {language_name(tag)}", cell, scale)
