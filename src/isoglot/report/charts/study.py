"""The charts of a study: its claims, win rates by cell and language, transfer, data size."""

from collections.abc import Mapping, Sequence

from isoglot.report.charts.canvas import (
    GROUP_COLOURS,
    MUTED,
    PALETTE,
    TIER_COLOURS,
    Chart,
    LegendItem,
    finished,
    new_figure,
)
from isoglot.report.charts.heat import heat_map
from isoglot.report.charts.intervals import Axis, Series, error_bars, hover, interval_chart
from isoglot.report.results.names import language_name, shortened
from isoglot.report.results.rows import Interval
from isoglot.report.results.study import (
    SCORE_GROUPS,
    STUDY_GROUPS,
    StudyCell,
    StudyFinding,
    StudyScore,
)
from isoglot.report.table import POINTS, value_and_bounds

_ANSWER_COLOURS = {"yes": "var(--c2)", "no": "var(--c1)", "undecided": MUTED}
_EVEN = 0.5
_LOG_FROM = 4  # times that the largest size is the smallest: from there on the axis is logarithmic
_MIN_WIDTH_PX = 480


def claim_chart(findings: Sequence[StudyFinding]) -> Chart:
    """A dot with its interval per claim and judge about the line of no difference."""
    has_judges = len({row.judge for row in findings}) > 1
    found = {
        f"{i}. {shortened(row.claim, 40)}" + (f" ({row.judge})" if has_judges else ""): row
        for i, row in enumerate(findings, 1)
    }
    series = []
    for answer, colour in _ANSWER_COLOURS.items():
        rows = {name: row for name, row in found.items() if row.answer == answer}
        hovers = {
            name: f"{row.claim}: {answer}, {value_and_bounds(row.interval, POINTS)}"
            for name, row in rows.items()
        }
        points = {name: row.interval for name, row in rows.items()}
        series.append(Series(answer, colour, points, hovers=hovers))
    return interval_chart(
        "Differences of win-rates",
        list(found),
        series,
        Axis("points", POINTS, line_at=0),
        named=str,
        lane_px=18,
        min_width_px=_MIN_WIDTH_PX,
    )


def win_rate_bars(cells: Sequence[StudyCell], judge: str) -> Chart:
    """Bars with intervals per cell: the mean over trained languages and over unseen ones."""
    points = {
        (cell.cell, group): row.interval
        for cell in cells
        for group, row in cell.rates(judge).items()
    }
    colours = {"trained": GROUP_COLOURS["trained"], "unseen": GROUP_COLOURS["never trained"]}
    axis = Axis("win-rate", line_at=_EVEN, from_zero=True)
    names = [cell.cell for cell in cells]
    return _bars("Win-rate by cell", names, colours, STUDY_GROUPS, points, axis)


def score_bars(title: str, scores: Sequence[StudyScore]) -> Chart:
    """Bars with intervals per cell, M0 first: a metric's mean over languages and over each tier."""
    points = {(row.cell, row.group): row.interval for row in scores}
    tiers = {f"tier:{tier}": TIER_COLOURS[tier] for tier in ("high", "mid", "low")}
    names = list(dict.fromkeys(row.cell for row in scores))
    axis = Axis(from_zero=True)
    return _bars(title, names, {"mean": MUTED, **tiers}, SCORE_GROUPS, points, axis)


def _bars(
    title: str,
    names: Sequence[str],
    colours: Mapping[str, str],
    group_names: Mapping[str, str],
    points: Mapping[tuple[str, str], Interval],
    axis: Axis,
) -> Chart:
    """A bar with its interval for each name and, below one another, group."""
    groups = [group for group in colours if any(key[1] == group for key in points)]
    series = [
        Series(
            group_names[group],
            colours[group],
            {name: points[name, group] for name in names if (name, group) in points},
            lane,
            "bar",
            hover_name=group,
        )
        for lane, group in enumerate(groups)
    ]
    return interval_chart(title, names, series, axis, named=str, min_width_px=_MIN_WIDTH_PX)


def transfer_map(cells: Sequence[StudyCell], judge: str, tags: Sequence[str]) -> Chart:
    """The win rate of each cell (column) in each language (row), trained ones marked."""
    return heat_map(
        "Win-rate, %",
        tags,
        [cell.cell for cell in cells],
        {
            (tag, cell.cell): row.interval
            for cell in cells
            for tag, row in cell.rates(judge).items()
        },
        more_is="better",
        even_at=_EVEN,
        marked={(tag, cell.cell) for cell in cells for tag in cell.languages},
    )


def language_dots(cells: Sequence[StudyCell], judge: str, tags: Sequence[str]) -> Chart:
    """A row per language, a dot with its interval per cell; full where the cell trained on it."""
    series = [
        Series(
            cell.cell,
            PALETTE[lane % len(PALETTE)],
            {tag: row.interval for tag, row in cell.rates(judge).items()},
            lane,
            hollow=[tag for tag in tags if tag not in cell.languages],
            hover_name=cell.cell,
        )
        for lane, cell in enumerate(cells)
    ]
    axis = Axis("win-rate", line_at=_EVEN)
    return interval_chart(
        "Win-rate by language",
        tags,
        series,
        axis,
        named=language_name,
        lane_px=11,
        is_wide=True,
        min_width_px=_MIN_WIDTH_PX,
    )


def size_curves(cells: Sequence[StudyCell], judge: str) -> list[Chart]:
    """Win rate over data size, of trained and of unseen languages; none where there is one size."""
    sizes = {cell.cell: cell.size for cell in cells if cell.size}
    ticks = sorted(set(sizes.values()))
    if len(ticks) < 2:
        return []
    curves = _curves([cell for cell in cells if cell.size])
    charts = []
    for group in ("trained", "unseen"):
        figure = new_figure(360, margin={"l": 8, "r": 16, "t": 12, "b": 44})
        legend: list[LegendItem] = []
        for i, (name, members) in enumerate(curves):
            legend.append((name, PALETTE[i % len(PALETTE)]))
            points = {}
            for cell in sorted(members, key=lambda cell: sizes[cell.cell]):
                row = cell.rates(judge).get(group)
                if row and row.win_rate is not None:
                    points[cell.cell] = row.interval
            figure.add_scatter(
                x=[sizes[cell] for cell in points],
                y=[100 * (point.value or 0.0) for point in points.values()],
                error_y=error_bars(list(points.values()), color=legend[-1][1]),
                mode="lines+markers",
                line={"color": legend[-1][1], "width": 2},
                marker={"color": legend[-1][1], "size": 9},
                hovertext=[hover(cell, point) for cell, point in points.items()],
                hoverinfo="text",
            )
        figure.update_xaxes(
            type="log" if ticks[-1] >= _LOG_FROM * ticks[0] else "linear",
            tickvals=ticks,
            ticktext=[f"{size:g}" for size in ticks],
            title={"text": "data size"},
        )
        figure.update_yaxes(ticksuffix=" %")
        figure.add_hline(y=100 * _EVEN, line={"color": MUTED, "width": 1.2, "dash": "dot"})
        charts.append(Chart(STUDY_GROUPS[group].capitalize(), finished(figure), legend))
    return charts


def _curves(cells: Sequence[StudyCell]) -> list[tuple[str, list[StudyCell]]]:
    """Cells that differ in their size alone: the same languages, and the same on the other axes."""
    varying = {
        axis
        for one in cells
        for other in cells
        for axis in one.values
        if one.size != other.size
        and [a for a in one.values if one.values[a] != other.values[a]] == [axis]
    }
    curves: dict[tuple[str, ...], list[StudyCell]] = {}
    for cell in cells:
        rest = [value for axis, value in cell.values.items() if axis not in varying]
        curves.setdefault((*rest, " ".join(sorted(cell.languages))), []).append(cell)
    named = []
    for (*rest, languages), members in curves.items():
        num = len(members[0].languages)
        named.append((", ".join([*rest, languages if num < 4 else f"{num} languages"]), members))
    return named
