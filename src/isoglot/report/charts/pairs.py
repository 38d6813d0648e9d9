"""The charts of preference pairs: how many were kept, how long they are, how often right."""

from collections import Counter
from collections.abc import Mapping

from isoglot.report.cells import AMOUNT
from isoglot.report.charts.canvas import PALETTE, Chart, finished, label
from isoglot.report.charts.intervals import Axis, Bands, StackedCounts, band_figure, interval_chart
from isoglot.report.charts.rounds import rates_by_round
from isoglot.report.results.names import language_name
from isoglot.report.results.progress import Progress
from isoglot.report.results.rows import Interval
from isoglot.report.results.summary import Lengths

_KEPT = "kept"
_SIDES = {"chosen": "var(--trained)", "rejected": "var(--never)"}


def kept_and_dropped(progress: Progress) -> Chart | None:
    """Stacked bars per language and round: kept, then dropped by reason; None without pairs."""
    found = {index: pairs.by_language for index, pairs in progress.pairs.items()}
    if not found:
        return None
    tags = [tag for tag in progress.languages if any(tag in part for part in found.values())]
    cells = [(tag, lane) for lane, part in enumerate(found.values()) for tag in tags if tag in part]
    rows = {(tag, lane): part[tag] for lane, part in enumerate(found.values()) for tag in part}
    dropped = Counter[str]()
    for row in rows.values():
        dropped.update(row.dropped)
    reasons = sorted(dropped, key=lambda reason: (-dropped[reason], reason))
    series = []
    for place, reason in enumerate([_KEPT, *reasons]):
        fate = _KEPT if reason == _KEPT else f"dropped: {reason}"
        counts = {
            cell: rows[cell].kept if reason == _KEPT else rows[cell].dropped.get(reason, 0)
            for cell in cells
        }
        hovers = {
            (tag, lane): f"{language_name(tag)}, round {list(found)[lane]}: {count} {fate}"
            for (tag, lane), count in counts.items()
        }
        colour, pattern = PALETTE[place % len(PALETTE)], place // len(PALETTE)
        series.append(StackedCounts(reason.replace("_", " "), colour, counts, hovers, pattern))
    return interval_chart(
        "Pairs kept and dropped",
        tags,
        series,
        Axis("pairs", AMOUNT),
        group_of=progress.group,
        lane_labels=_lane_labels(found),
        lane_px=17,
    )


def _lane_labels(found: Mapping[int, object]) -> list[str]:
    """Rounds are named where there is more than one."""
    return [f"· round {index}" for index in found] if len(found) > 1 else []


def lengths(progress: Progress) -> Chart | None:
    """Characters of chosen and rejected: median, middle 60 %, middle 80 %; None without lengths."""
    parts = {
        i: {
            t: row for t, row in pairs.by_language.items() if row.chosen_chars or row.rejected_chars
        }
        for i, pairs in progress.pairs.items()
    }
    found = {index: part for index, part in parts.items() if part}
    if not found:
        return None
    tags = [tag for tag in progress.languages if any(tag in part for part in found.values())]
    bands = Bands(tags, len(found), 24)
    title = "characters: median, middle 60 % (thick), middle 80 % (thin)"
    figure = band_figure(bands, title, progress.group, lane_labels=_lane_labels(found))
    for offset, (side, colour) in zip((-0.2, 0.2), _SIDES.items(), strict=True):
        cells: list[tuple[str, int, float, Lengths]] = [
            (tag, index, bands.y(tag, lane) + offset * bands.step, chars)
            for lane, (index, part) in enumerate(found.items())
            for tag in tags
            if tag in part and (chars := getattr(part[tag], f"{side}_chars"))
        ]
        for first, last, width in ((1, 9, 1.5), (2, 8, 5)):
            figure.add_scatter(
                x=[v for *_, c in cells for v in (c.deciles[first], c.deciles[last], None)],
                y=[v for _, _, y, _ in cells for v in (y, y, None)],
                mode="lines",
                line={"color": colour, "width": width},
                opacity=0.75,
                hoverinfo="skip",
            )
        figure.add_scatter(
            x=[chars.deciles[5] for *_, chars in cells],
            y=[y for _, _, y, _ in cells],
            mode="markers",
            marker={"color": colour, "size": 10, "line": {"color": "var(--surface)", "width": 1.5}},
            hovertext=[
                label(
                    f"{language_name(tag)}, round {index}, {side}: median {chars.deciles[5]:.0f}, "
                    f"mean {'?' if chars.mean is None else f'{chars.mean:.0f}'} characters"
                )
                for tag, index, _, chars in cells
            ],
            hoverinfo="text",
        )
    figure.update_xaxes(rangemode="tozero")
    return Chart("Lengths of chosen and rejected", finished(figure), list(_SIDES.items()))


def reward_accuracies(progress: Progress) -> Chart | None:
    """Share of pairs in which the oracle prefers chosen, per language and round; None without."""
    found: dict[str, dict[int, Interval]] = {}
    for index, pairs in progress.pairs.items():
        for tag, row in pairs.by_language.items():
            if row.reward_accuracy and row.reward_accuracy.value is not None:
                found.setdefault(tag, {})[index] = row.reward_accuracy.interval
    if not found:
        return None
    lows = [each.low or 0.0 for by_round in found.values() for each in by_round.values()]
    axis = Axis(
        "pairs in which the oracle prefers chosen",
        line_at=0.5,
        limits=(max(0.0, min(0.45, *lows) - 0.01), 1.005),
    )
    return rates_by_round(progress, found, "Reward accuracy", axis, "round ")
