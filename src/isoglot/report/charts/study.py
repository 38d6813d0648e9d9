"""The charts of a study: its claims, win rates by cell and language, transfer, data size."""

from collections.abc import Mapping, Sequence

from isoglot.report.cells import POINTS, value_and_bounds
from isoglot.report.charts.canvas import (
    GROUP_COLOURS,
    MUTED,
    PALETTE,
    TIER_COLOURS,
    Chart,
)
from isoglot.report.charts.curves import rates_over_amounts
from isoglot.report.charts.heat import heat_map
from isoglot.report.charts.intervals import Axis, Series, interval_chart
from isoglot.report.results.names import shortened
from isoglot.report.results.rows import Interval
from isoglot.report.results.study import (
    SCORE_GROUPS,
    STUDY_GROUPS,
    StudyCell,
    StudyFinding,
    StudyScore,
)

_ANSWER_COLOURS = {"yes": "var(--c2)", "no": "var(--c1)", "undecided": MUTED}
_EVEN = 0.5
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
    return interval_chart(
        "Win-rate by language",
        tags,
        series,
        Axis("win-rate", line_at=_EVEN),
        lane_px=11,
        is_wide=True,
        min_width_px=_MIN_WIDTH_PX,
    )


def size_curves(cells: Sequence[StudyCell], judge: str) -> list[Chart]:
    """Win rate over data size, of trained and of unseen languages; none where there is one size.

    A group without languages has no chart.
    """
    sizes = {cell.cell: cell.size for cell in cells if cell.size}
    if len(set(sizes.values())) < 2:
        return []
    curves = _curves([cell for cell in cells if cell.size])
    charts = []
    for group in ("trained", "unseen"):
        lines = {
            name: {
                sizes[cell.cell]: (cell.cell, row.interval)
                for cell in members
                if (row := cell.rates(judge).get(group))
            }
            for name, members in curves
        }
        if any(lines.values()):
            charts.append(rates_over_amounts(STUDY_GROUPS[group].capitalize(), lines, _EVEN))
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
