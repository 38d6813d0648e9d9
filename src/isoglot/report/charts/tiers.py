"""Bars by language, coloured by resource tier."""

from collections.abc import Mapping, Sequence

from isoglot.report.charts.canvas import TIER_COLOURS, Chart
from isoglot.report.charts.intervals import Axis, Series, interval_chart
from isoglot.report.results.names import TIERS, tier, tier_name
from isoglot.report.results.rows import Interval, ResultRow, intervals

TRAINED = " ●"
"""Mark of languages that were trained on."""


def tier_series(points: Mapping[str, Interval]) -> list[Series]:
    """A series of bars for each resource tier that has points."""
    tags = {name: [tag for tag in points if tier(tag) == name] for name in TIERS}
    return [
        Series(tier_name(name), TIER_COLOURS[name], {t: points[t] for t in found}, shape="bar")
        for name, found in tags.items()
        if found
    ]


def values_by_tier(
    title: str,
    found: Mapping[str, ResultRow],
    off_target: Mapping[str, ResultRow],
    order: Sequence[str],
) -> Chart:
    """A bar with its interval per language; off-target rates in a plot to the right.

    A language whose value is unknown has its row and no bar.
    """
    tags = [tag for tag in order if tag in found or tag in off_target]
    points = {tag: found[tag].interval for tag in tags if tag in found}
    series = tier_series(points)
    rates = Series(
        "", "var(--never)", intervals(off_target), is_second=True, hover_name="off-target"
    )
    return interval_chart(
        title,
        tags,
        [*series, rates] if off_target else series,
        Axis(title if off_target else "", from_zero=True),
        second=Axis("off-target", from_zero=True) if off_target else None,
        group_of=tier,
        marks={tag: TRAINED for tag in tags if tag in found and found[tag].trained},
        lane_px=16,
        unknown=[tag for tag, point in points.items() if point.value is None],
    )
