"""The base of all charts: colours, the style of figures, text that plotly cannot misread."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Colours are the page's CSS variables, so that one figure serves light and dark; page.js looks
# them up. The variables are chosen to stay apart under the common colour blindnesses.
INK, MUTED, GRID, SURFACE, LINE = (
    f"var(--{n})" for n in ("ink", "muted", "grid", "surface", "line")
)
PALETTE = tuple(f"var(--c{i})" for i in range(8))
ROUND_COLOURS = tuple(f"var(--r{i})" for i in range(5))
GROUP_COLOURS = {
    "dominant": "var(--dominant)",
    "trained": "var(--trained)",
    "never trained": "var(--never)",
}

TIER_COLOURS = {"high": PALETTE[0], "mid": PALETTE[2], "low": PALETTE[1], "": MUTED}
"""Colours of resource tiers; the empty tier is that of an unknown language."""

LegendItem = tuple[str, str]
"""Label and colour."""


Figure: TypeAlias = Mapping[str, Any]
"""A plot as plotly's JSON."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot of the page: its figure as plotly's JSON, and the legend that HTML shows above."""

    title: str
    figure: Figure
    legend: Sequence[LegendItem] = field(default_factory=tuple)
    min_width_px: int = 0
    """Below this the plot scrolls sideways instead of shrinking."""
    is_wide: bool = False
    """True when the plot needs the width of the page for itself."""


def label(text: object) -> str:
    """A text that plotly shows verbatim: it reads `<b>`, `<a href>` and entities in any text."""
    return html.escape(str(text))


def round_colour(index: int) -> str:
    """The colour of a policy: the later, the stronger."""
    return ROUND_COLOURS[min(index, len(ROUND_COLOURS) - 1)]


def new_figure(height: int, **layout: Any) -> "go.Figure":
    """An empty figure in the page's style; `height` in pixels."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": GRID,
        "linecolor": LINE,
        "zeroline": False,
        "fixedrange": True,  # a finger that scrolls the page must not zoom a plot
        "automargin": True,
        "ticks": "",
        "title": {"font": {"color": MUTED, "size": 12}},
    }
    figure = go.Figure(layout={"template": {}})
    figure.update_layout(
        height=height,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        margin={"l": 8, "r": 12, "t": 8, "b": 36},
        hoverlabel={"bgcolor": SURFACE, "bordercolor": LINE, "font": {"color": INK}},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        xaxis=axis,
        yaxis=axis,
    )
    figure.update_layout(**layout)
    return figure


def finished(figure: "go.Figure") -> Figure:
    """The figure as plain JSON values."""
    content: Figure = json.loads(figure.to_json())
    return content
