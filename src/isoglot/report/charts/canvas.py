"""What all figures share: colours by name, a row per language, text that plotly cannot misread."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from isoglot.report.results.measures import language_name

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
"""By the resource tier of a language; empty where the table of languages has no such row."""

LegendItem = tuple[str, str]
"""Label and colour."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot of the page: its figure as plotly's JSON, and the legend that HTML shows above."""

    title: str
    figure: Mapping[str, Any]
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


def round_legend(indices: Sequence[int]) -> list[LegendItem]:
    """A legend of policies M0, M1, …"""
    return [(f"M{index}", round_colour(index)) for index in indices]


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


def finished(figure: "go.Figure") -> dict[str, Any]:
    """The figure as plain JSON values."""
    content: dict[str, Any] = json.loads(figure.to_json())
    content["layout"].pop("template", None)
    return content


@dataclass(frozen=True, slots=True)
class Rows:
    """A horizontal band for each language, with a lane for each series in it."""

    languages: Sequence[str]
    num_lanes: int = 1
    lane_px: int = 12
    lane_labels: Sequence[str] = ()
    marks: Mapping[str, str] = field(default_factory=dict)
    """What stands after the name of some languages."""

    def y(self, language: str, lane: int = 0) -> float:
        """The height of a lane, in bands from the top."""
        return self.languages.index(language) + (lane - (self.num_lanes - 1) / 2) * self.step

    @property
    def step(self) -> float:
        return 0.74 / self.num_lanes

    @property
    def height(self) -> int:
        """Height of the plot in pixels."""
        return 56 + len(self.languages) * max(24, self.lane_px * self.num_lanes + 8)

    def figure(self, x_title: str, group_of: Callable[[str], str]) -> "go.Figure":
        """An empty figure of these rows, with a rule between the groups of languages."""
        figure = new_figure(self.height)
        figure.update_xaxes(title={"text": label(x_title), "standoff": 8}, side="bottom")
        names = [label(language_name(tag) + self.marks.get(tag, "")) for tag in self.languages]
        values, texts = [float(i) for i in range(len(names))], names
        if self.lane_labels:
            values = [self.y(tag, lane) for tag in self.languages for lane in range(self.num_lanes)]
            texts = [
                f"{'' if lane else name} {text}".strip()
                for name in names
                for lane, text in enumerate(self.lane_labels)
            ]
        last = len(self.languages) - 0.5
        figure.update_yaxes(
            tickvals=values, ticktext=texts, range=[last, -0.5], showgrid=False, ticklabelstandoff=6
        )
        groups = [group_of(language) for language in self.languages]
        for i in range(1, len(groups)):
            if groups[i] != groups[i - 1]:
                figure.add_shape(
                    type="line", x0=0, x1=1, xref="paper", y0=i - 0.5, y1=i - 0.5,
                    line={"color": LINE, "width": 1},
                )  # fmt: skip
        return figure
