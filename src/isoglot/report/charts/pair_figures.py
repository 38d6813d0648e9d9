"""The plots of preference pairs: how many were kept, how long they are, how often right."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from isoglot.report.charts.canvas import PALETTE, Chart, LegendItem, Rows, finished, label
from isoglot.report.charts.figures import rates_by_round
from isoglot.report.results.measures import (
    Row,
    Summary,
    group,
    language_name,
    languages,
    number,
    rounds,
)

KEPT = "kept"
_SHAPES = ("", "/", ".", "x")


def pairs_by_round(summary: Summary) -> dict[int, Mapping[str, Row]]:
    """Round → language → what its pairs are; rounds without pairs are left out."""
    return {
        int(entry["round"]): entry["pairs"]["by_language"]
        for entry in rounds(summary)
        if (entry.get("pairs") or {}).get("by_language")
    }


def _rows(summary: Summary, found: Mapping[int, Mapping[str, Row]], lane_px: int) -> Rows:
    """A band per language, a lane per round; lanes are named where there is more than one."""
    tags = [tag for tag in languages(summary) if any(tag in part for part in found.values())]
    return Rows(
        tags, len(found), lane_px, [f"· round {i}" for i in found] if len(found) > 1 else ()
    )


def kept_and_dropped(summary: Summary) -> Chart | None:
    """Stacked bars per language and round: kept, then dropped by reason; None without pairs."""
    found = pairs_by_round(summary)
    if not found:
        return None
    rows = _rows(summary, found, 17)
    figure = rows.figure("pairs", partial(group, summary))
    cells = [
        (tag, rows.y(tag, lane), index, part[tag])
        for lane, (index, part) in enumerate(found.items())
        for tag in rows.languages
        if tag in part
    ]
    reasons = _by_size(cell[3].get("dropped") or {} for cell in cells)
    legend: list[LegendItem] = []
    for position, reason in enumerate([KEPT, *reasons]):
        counts = [_count(cell[3], reason) for cell in cells]
        colour = PALETTE[position % len(PALETTE)]
        fate = KEPT if reason == KEPT else f"dropped: {reason}"
        figure.add_bar(
            x=counts,
            y=[cell[1] for cell in cells],
            width=0.84 * rows.step,
            orientation="h",
            marker={"color": colour, "line": {"width": 0},
                    "pattern": {"shape": _SHAPES[position // len(PALETTE) % len(_SHAPES)]}},
            hovertext=[
                label(f"{language_name(tag)}, round {index}: {count} {fate}")
                for (tag, _, index, _), count in zip(cells, counts, strict=True)
            ],
            hoverinfo="text",
        )  # fmt: skip
        legend.append((reason.replace("_", " "), colour))
    figure.update_layout(barmode="stack")
    return Chart("Pairs kept and dropped", finished(figure), legend)


def _by_size(counts: Any) -> list[str]:
    """Reasons, the most frequent first, so that the strongest colours tell the most."""
    total: dict[str, int] = {}
    for part in counts:
        for reason, count in part.items():
            total[reason] = total.get(reason, 0) + count
    return sorted(total, key=lambda reason: (-total[reason], reason))


def _count(part: Row, reason: str) -> int:
    return (
        int(part.get("kept") or 0)
        if reason == KEPT
        else int((part.get("dropped") or {}).get(reason, 0))
    )


_SIDES = (
    ("chosen_chars", "chosen", "var(--trained)"),
    ("rejected_chars", "rejected", "var(--never)"),
)


def lengths(summary: Summary) -> Chart | None:
    """Characters of chosen and rejected: median, middle 60 %, middle 80 %; None without lengths."""
    found = {
        index: {
            tag: row
            for tag, row in part.items()
            if any((row.get(key) or {}).get("deciles") for key, _, _ in _SIDES)
        }
        for index, part in pairs_by_round(summary).items()
    }
    found = {index: part for index, part in found.items() if part}
    if not found:
        return None
    rows = _rows(summary, found, 24)
    x_title = "characters: median, middle 60 % (thick), middle 80 % (thin)"
    figure = rows.figure(x_title, partial(group, summary))
    for offset, (key, name, colour) in zip((-0.2, 0.2), _SIDES, strict=True):
        cells = [
            (tag, rows.y(tag, lane) + offset * rows.step, index, part[tag][key])
            for lane, (index, part) in enumerate(found.items())
            for tag in rows.languages
            if len((part.get(tag, {}).get(key) or {}).get("deciles") or ()) == 11
        ]
        for first, last, width in ((1, 9, 1.5), (2, 8, 5)):
            figure.add_scatter(
                x=[
                    v
                    for _, _, _, c in cells
                    for v in (c["deciles"][first], c["deciles"][last], None)
                ],
                y=[v for _, y, _, _ in cells for v in (y, y, None)],
                mode="lines",
                line={"color": colour, "width": width},
                opacity=0.75,
                hoverinfo="skip",
            )
        figure.add_scatter(
            x=[c["deciles"][5] for *_, c in cells],
            y=[y for _, y, _, _ in cells],
            mode="markers",
            marker={"color": colour, "size": 10, "line": {"color": "var(--surface)", "width": 1.5}},
            hovertext=[label(_length_text(t, index, name, c)) for t, _, index, c in cells],
            hoverinfo="text",
        )
    figure.update_xaxes(rangemode="tozero")
    legend = [(name, colour) for _, name, colour in _SIDES]
    return Chart("Lengths of chosen and rejected", finished(figure), legend)


def _length_text(tag: str, index: int, name: str, chars: Row) -> str:
    mean = number(chars, "mean")
    return (
        f"{language_name(tag)}, round {index}, {name}: median {chars['deciles'][5]:.0f}, "
        f"mean {'?' if mean is None else f'{mean:.0f}'} characters"
    )


def reward_accuracies(summary: Summary) -> Chart | None:
    """How often the oracle prefers chosen to rejected, per language and round; None without."""
    found: dict[str, dict[int, Row]] = {}
    for index, part in pairs_by_round(summary).items():
        for tag, row in part.items():
            if number(row.get("reward_accuracy")) is not None:
                found.setdefault(tag, {})[index] = row["reward_accuracy"]
    if not found:
        return None
    chart = rates_by_round(
        summary, found, "Reward accuracy", "pairs in which the oracle prefers chosen", "round "
    )
    lows = [100 * (number(row, "low") or 0.0) for rows in found.values() for row in rows.values()]
    chart.figure["layout"]["xaxis"]["range"] = [max(0, min(45, *lows) - 1), 100.5]
    chart.figure["layout"].setdefault("shapes", []).append(_chance_line())
    return chart


def _chance_line() -> dict[str, Any]:
    """A reward no better than a coin lies on this line."""
    line = {"color": "var(--muted)", "width": 1.2, "dash": "dot"}
    return {"type": "line", "x0": 50, "x1": 50, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def kinds_of(pairs: Row) -> str:
    """How many pairs are of each type: `310 best_vs_worst, 95 wrong_language`."""
    return ", ".join(f"{num} {kind}" for kind, num in (pairs.get("pair_types") or {}).items())


def round_totals(summary: Summary) -> Sequence[Row]:
    """Kept, dropped and reward accuracy of each whole round, for the page's small table."""
    return [
        {
            "round": entry["round"],
            "kept": int(entry["pairs"].get("kept") or 0),
            "dropped": sum((entry["pairs"].get("dropped") or {}).values()),
            "kinds": kinds_of(entry["pairs"]),
            "reward_accuracy": entry["pairs"].get("reward_accuracy"),
        }
        for entry in rounds(summary)
        if entry.get("pairs")
    ]
