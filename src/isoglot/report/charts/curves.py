"""The plots of a training: how good the policy was at each check, and which one was saved."""

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.report.charts.canvas import MUTED, PALETTE, Chart, finished, label, new_figure
from isoglot.report.results.measures import Summary, rounds

_SAVED, _ALL = PALETTE[1], PALETTE[0]


def choices(summary: Summary) -> list[Chart]:
    """A plot for each round whose policy was chosen by its reward: steps against mean reward."""
    return [
        _curve(f"Round {entry['round']}: M{entry['round']} to M{entry['round'] + 1}", choice)
        for entry in rounds(summary)
        if (choice := entry.get("choice")) and choice.get("curve")
    ]


def _curve(title: str, choice: Mapping[str, Any]) -> Chart:
    lines, chosen = choice["curve"], choice.get("chosen_step")
    tags = sorted({tag for line in lines for tag in line.get("languages") or {}})
    figure = new_figure(260, margin={"l": 8, "r": 16, "t": 12, "b": 44})
    for tag in tags:
        rows = [(line.get("languages") or {}).get(tag, {}) for line in lines]
        _add(figure, lines, [row.get("reward") for row in rows], tag, MUTED, 1)
    _add(figure, lines, [line["value"] for line in lines], "all", _ALL, 3)
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": _SAVED, "width": 2, "dash": "dot"})
    figure.update_xaxes(title={"text": "step", "standoff": 8}, showgrid=False)
    saved = f"saved: step {chosen}" if chosen is not None else "saved: the last step"
    each = [("each language", MUTED)] if tags else []
    return Chart(title, finished(figure), [("mean reward", _ALL), *each, (saved, _SAVED)])


def _add(
    figure: Any,
    lines: Sequence[Mapping[str, Any]],
    values: Sequence[float | None],
    name: str,
    colour: str,
    width: int,
) -> None:
    figure.add_scatter(
        x=[line["step"] for line in lines],
        y=list(values),  # a check without a reward leaves a gap
        mode="lines+markers" if width > 1 else "lines",
        line={"color": colour, "width": width},
        marker={"color": colour, "size": 8},
        opacity=1 if width > 1 else 0.6,
        hovertext=[
            label(f"{name}, step {line['step']}: {'unknown' if v is None else f'{v:.3f}'}")
            for line, v in zip(lines, values, strict=True)
        ],
        hoverinfo="text",
    )
