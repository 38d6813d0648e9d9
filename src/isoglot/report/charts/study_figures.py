"""The plots of a study: its claims, win-rates by cell and language, transfer, data size."""

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.report.charts.canvas import (
    GROUP_COLOURS,
    MUTED,
    PALETTE,
    TIER_COLOURS,
    Chart,
    Rows,
    finished,
    label,
    new_figure,
)
from isoglot.report.charts.figures import error_bars, heat_map, hover, shortened
from isoglot.report.results.measures import Row, language_name, number
from isoglot.report.study_table import GROUPS, SCORE_GROUPS, difference, rows_of

ANSWER_COLOURS = {"yes": "var(--c2)", "no": "var(--c1)", "undecided": MUTED}
_EVEN = 50.0
_LOG_FROM = 4  # times that the largest size is the smallest: from there on the axis is logarithmic


def rate_of(row: Row | None, rate: str = "win_rate") -> dict[str, Any]:
    """A row with one of its rates as `value`, `low` and `high`."""
    row = row or {}
    ends = {"value": "", "low": "_low", "high": "_high"}
    return {
        **row,
        **{name: row.get(f"{rate}{end}") for name, end in ends.items()},
        "unknown": row.get("invalid"),
    }


def claims(study: Mapping[str, Any]) -> Chart:
    """A dot with its interval per claim and judge about the line of no difference."""
    found = list(study["findings"])
    names = [
        f"{i + 1}. {shortened(row['claim'], 40)}"
        + (f" ({row['judge']})" if len(study["judges"]) > 1 else "")
        for i, row in enumerate(found)
    ]
    rows = Rows(names, lane_px=18)
    figure = rows.figure("points", lambda name: "")  # noqa: ARG005
    figure.add_vline(x=0, line={"color": MUTED, "width": 1.2})
    for answer, colour in ANSWER_COLOURS.items():
        there = [
            (name, row)
            for name, row in zip(names, found, strict=True)
            if row["answer"] == answer and number(row) is not None
        ]
        figure.add_scatter(
            x=[100 * (number(row) or 0.0) for _, row in there],
            y=[rows.y(name) for name, _ in there],
            error_x=error_bars([row for _, row in there], color=colour, thickness=2.2),
            mode="markers",
            marker={"color": colour, "size": 11},
            hovertext=[label(f"{row['claim']}: {answer}, {difference(row)}") for _, row in there],
            hoverinfo="text",
            cliponaxis=False,
        )
    return Chart("Differences of win-rates", finished(figure), list(ANSWER_COLOURS.items()), 480)


def by_cell(cells: Sequence[Row], judge: str) -> Chart:
    """Bars with intervals per cell: the mean over trained languages and over unseen ones."""
    groups = {"trained": GROUP_COLOURS["trained"], "unseen": GROUP_COLOURS["never trained"]}
    found = {
        (cell["cell"], group): rate_of(rows_of(cell, judge).get(group))
        for cell in cells
        for group in groups
    }
    figure = _bars("win-rate", [cell["cell"] for cell in cells], groups, found)
    _mark_even(figure)
    legend = [(GROUPS[group], colour) for group, colour in groups.items()]
    return Chart("Win-rate by cell", finished(figure), legend, 480)


def by_tier(title: str, scores: Sequence[Row]) -> Chart:
    """Bars with intervals per cell, M0 first: a metric's mean over languages and over each tier."""
    tiers = {f"tier:{tier}": TIER_COLOURS[tier] for tier in ("high", "mid", "low")}
    groups = {"mean": MUTED, **tiers}
    found = {(row["cell"], row["group"]): row for row in scores}
    present = {name: c for name, c in groups.items() if any(key[1] == name for key in found)}
    names = list(dict.fromkeys(row["cell"] for row in scores))
    legend = [(SCORE_GROUPS[name], colour) for name, colour in present.items()]
    return Chart(title, finished(_bars("", names, present, found)), legend, 480)


def _bars(
    axis: str,
    names: Sequence[str],
    groups: Mapping[str, str],
    found: Mapping[tuple[str, str], Row],
) -> Any:
    """A bar with its interval for each name and, below one another, group; in percent."""
    rows = Rows(names, len(groups), 14)
    figure = rows.figure(axis, lambda name: "")  # noqa: ARG005
    for lane, (group, colour) in enumerate(groups.items()):
        there = [name for name in names if number(found.get((name, group))) is not None]
        known = [found[name, group] for name in there]
        figure.add_bar(
            x=[100 * (number(row) or 0.0) for row in known],
            y=[rows.y(name, lane) for name in there],
            width=rows.step * 0.9,
            orientation="h",
            marker={"color": colour, "line": {"width": 0}, "opacity": 0.8},
            error_x=error_bars(known, color="var(--ink)", thickness=1.6),
            hovertext=[
                hover(f"{name}, {group}", row) for name, row in zip(there, known, strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(ticksuffix=" %", rangemode="tozero")
    return figure


def transfer(cells: Sequence[Row], judge: str, tags: Sequence[str]) -> Chart:
    """The win-rate of each cell (column) in each language (row), trained ones marked."""
    names = [cell["cell"] for cell in cells]
    found = {
        (tag, cell["cell"]): rate_of(row)
        for cell in cells
        for tag, row in rows_of(cell, judge).items()
        if tag in tags
    }
    chart = heat_map("Win-rate, %", tags, names, found, hues="g")
    plot = chart.figure["data"][0]
    values = [value for line in plot["z"] for value in line if value is not None]
    reach = max([10.0, *(abs(value - _EVEN) for value in values)])
    plot |= {"zmin": _EVEN - reach, "zmax": _EVEN + reach}  # the middle of the ramp is a draw
    for line, tag in enumerate(tags):
        for column, cell in enumerate(cells):
            if tag in cell["languages"]:
                plot["text"][line][column] += " ●"
    return chart


def by_language(cells: Sequence[Row], judge: str, tags: Sequence[str]) -> Chart:
    """A row per language, a dot with its interval per cell; full where the cell trained on it."""
    rows = Rows(tags, len(cells), 11)
    figure = rows.figure("win-rate", lambda tag: "")  # noqa: ARG005
    colours = [PALETTE[i % len(PALETTE)] for i in range(len(cells))]
    for lane, (cell, colour) in enumerate(zip(cells, colours, strict=True)):
        found = {tag: rate_of(row) for tag, row in rows_of(cell, judge).items()}
        there = [tag for tag in tags if number(found.get(tag)) is not None]
        figure.add_scatter(
            x=[100 * (number(found[tag]) or 0.0) for tag in there],
            y=[rows.y(tag, lane) for tag in there],
            error_x=error_bars([found[tag] for tag in there], color=colour),
            mode="markers",
            marker={
                "color": colour,
                "size": 8,
                "symbol": [
                    "circle" if tag in cell["languages"] else "circle-open" for tag in there
                ],
                "line": {"width": 2, "color": colour},
            },
            hovertext=[hover(f"{cell['cell']}, {language_name(t)}", found[t]) for t in there],
            hoverinfo="text",
            cliponaxis=False,
        )
    _mark_even(figure)
    figure.update_xaxes(ticksuffix=" %")
    legend = [(cell["cell"], colour) for cell, colour in zip(cells, colours, strict=True)]
    return Chart("Win-rate by language", finished(figure), legend, 480, is_wide=True)


def over_size(cells: Sequence[Row], judge: str) -> list[Chart]:
    """Win-rate over data size, of trained and of unseen languages; none where there is one size."""
    sizes = [cell["size"] for cell in cells if cell["size"]]
    if len(set(sizes)) < 2:
        return []
    curves = _curves([cell for cell in cells if cell["size"]])
    charts = []
    for group in ("trained", "unseen"):
        figure = new_figure(360, margin={"l": 8, "r": 16, "t": 12, "b": 44})
        legend = []
        for i, (name, members) in enumerate(curves.items()):
            colour = PALETTE[i % len(PALETTE)]
            points = [
                (cell, row)
                for cell in sorted(members, key=lambda cell: cell["size"])
                if number(row := rate_of(rows_of(cell, judge).get(group))) is not None
            ]
            legend.append((name, colour))
            figure.add_scatter(
                x=[cell["size"] for cell, _ in points],
                y=[100 * (number(row) or 0.0) for _, row in points],
                error_y=error_bars([row for _, row in points], color=colour),
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"color": colour, "size": 9},
                hovertext=[hover(cell["cell"], row) for cell, row in points],
                hoverinfo="text",
            )
        is_log = max(sizes) >= _LOG_FROM * min(sizes)
        ticks = sorted(set(sizes))
        figure.update_xaxes(
            type="log" if is_log else "linear", tickvals=ticks, ticktext=[f"{s:g}" for s in ticks],
            title={"text": "data size"},
        )  # fmt: skip
        figure.update_yaxes(ticksuffix=" %")
        figure.add_hline(y=_EVEN, line={"color": MUTED, "width": 1.2, "dash": "dot"})
        charts.append(Chart(f"{GROUPS[group]}".capitalize(), finished(figure), legend))
    return charts


def _curves(cells: Sequence[Row]) -> dict[str, list[Row]]:
    """Cells that differ in their size alone: the same languages, and the same on the other axes."""
    varying = {
        axis
        for one in cells
        for other in cells
        for axis in one["values"]
        if one["size"] != other["size"]
        and [a for a in one["values"] if one["values"][a] != other["values"][a]] == [axis]
    }
    curves: dict[tuple[Any, ...], list[Row]] = {}
    for cell in cells:
        rest = tuple(value for axis, value in cell["values"].items() if axis not in varying)
        curves.setdefault((*rest, tuple(sorted(cell["languages"]))), []).append(cell)
    return {", ".join([*key[:-1], _said(key[-1])]): members for key, members in curves.items()}


def _said(tags: Sequence[str]) -> str:
    return " ".join(tags) if len(tags) < 4 else f"{len(tags)} languages"


def _mark_even(figure: Any) -> None:
    figure.add_vline(x=_EVEN, line={"color": MUTED, "width": 1.2, "dash": "dot"})
