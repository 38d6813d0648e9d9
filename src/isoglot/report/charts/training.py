"""The log of a training as lines over steps: the loss, and what each language did."""

from collections.abc import Mapping, Sequence

from isoglot.report.charts.canvas import (
    INK,
    MUTED,
    PALETTE,
    Chart,
    LegendItem,
    finished,
    label,
    new_figure,
)
from isoglot.report.results.names import language_name
from isoglot.report.results.summary import RoundSummary

_COLUMNS = {
    "reward_margin": "Reward margin",
    "reward": "Reward",
    "logp_chosen_per_token": "Log-probability of a chosen token",
    "logp_rejected_per_token": "Log-probability of a rejected token",
    "kl": "KL from the reference",
    "off_target": "Answers in another language",
    "thought_off_target": "Thoughts in another language",
    "accuracy": "Pairs that the model ranks right",
    "num_tokens": "Tokens of an answer",
}
"""Column of the log → title, in the order of the page."""

_MARGIN = {"l": 8, "r": 16, "t": 12, "b": 44}


def training_charts(entry: RoundSummary) -> list[Chart]:
    """The loss of a round's training, then each quantity of its log by language."""
    lines = entry.training
    if not lines:
        return []
    where = f"M{entry.round} to M{entry.round + 1}"
    steps = [line.step for line in lines]
    charts = [_chart(f"Loss, {where}", steps, {"loss": [line.loss for line in lines]}, {})]
    tags = sorted({tag for line in lines for tag in line.languages}, key=language_name)
    for column, title in _COLUMNS.items():
        curves = {tag: [line.languages.get(tag, {}).get(column) for line in lines] for tag in tags}
        if any(value is not None for values in curves.values() for value in values):
            charts.append(_chart(f"{title}, {where}", steps, curves, _colours(tags)))
    return charts


def _colours(tags: Sequence[str]) -> dict[str, str]:
    """A colour for each language; many share a muted one."""
    if len(tags) > len(PALETTE):
        return dict.fromkeys(tags, MUTED)
    return dict(zip(tags, PALETTE, strict=False))


def _chart(
    title: str,
    steps: Sequence[int],
    curves: Mapping[str, Sequence[float | None]],
    colours: Mapping[str, str],
) -> Chart:
    figure = new_figure(260, margin=_MARGIN)
    for name, values in curves.items():
        figure.add_scatter(
            x=list(steps),
            y=list(values),
            connectgaps=True,  # not every line has rows of every language
            mode="lines+markers" if len(steps) < 30 else "lines",
            line={"color": colours.get(name, INK), "width": 2},
            marker={"color": colours.get(name, INK), "size": 5},
            hovertext=[
                label(f"{name}, step {step}: {'unknown' if v is None else f'{v:.4g}'}")
                for step, v in zip(steps, values, strict=True)
            ],
            hoverinfo="text",
        )
    figure.update_xaxes(title={"text": "step", "standoff": 8}, showgrid=False)
    return Chart(title, finished(figure), _legend(colours))


def _legend(colours: Mapping[str, str]) -> list[LegendItem]:
    if len(colours) > 1 and len(set(colours.values())) == 1:
        return [(f"each of {len(colours)} languages", MUTED)]
    return [(f"{language_name(tag)} ({tag})", colour) for tag, colour in colours.items()]
