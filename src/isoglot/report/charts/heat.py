"""The heat map: a value for each row and column, such as language and model."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from isoglot.report.cells import PERCENT, Scale
from isoglot.report.charts.canvas import Chart, finished, label, new_figure
from isoglot.report.charts.intervals import hover
from isoglot.report.results.names import column_names, language_name
from isoglot.report.results.rows import Interval

if TYPE_CHECKING:
    import plotly.graph_objects as go


def heat_map(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[str, str], Interval],
    *,
    more_is: Literal["better", "worse"] = "worse",
    scale: Scale = PERCENT,
    even_at: float | None = None,
    marked: Collection[tuple[str, str]] = (),
    named: Callable[[str], str] = language_name,
) -> Chart:
    """A value for each (row, column); unknown cells stay empty.

    `even_at` is the value in the middle of the ramp of colours, which else begins at 0; `marked`
    cells have a dot behind their value.
    """
    grid = [[cells.get((row, column)) for column in columns] for row in rows]
    values = [
        [scale.factor * cell.value if cell and cell.value is not None else None for cell in line]
        for line in grid
    ]
    low, high = 0.0, float(scale.factor)
    if even_at is not None:
        even = scale.factor * even_at
        known = [value for line in values for value in line if value is not None]
        reach = max([0.1 * scale.factor, *(abs(value - even) for value in known)])
        low, high = even - reach, even + reach
    figure = new_figure(130 + 30 * len(rows), margin={"l": 8, "r": 90, "t": 8, "b": 8})
    hues = "g" if more_is == "better" else "h"
    figure.add_heatmap(
        z=values,
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        text=[
            [
                ("" if value is None else f"{value:.{scale.digits - 1}f}")
                + (" ●" if (row, column) in marked else "")
                for column, value in zip(columns, line, strict=True)
            ]
            for row, line in zip(rows, values, strict=True)
        ],
        texttemplate="%{text}",
        hovertext=[
            [
                "not measured" if cell is None else hover(f"{column}, {named(row)}", cell, scale)
                for column, cell in zip(columns, line, strict=True)
            ]
            for row, line in zip(rows, grid, strict=True)
        ],
        hoverinfo="text",
        zmin=low,
        zmax=high,
        xgap=2,
        ygap=2,
        showscale=False,
        colorscale=[[i / 4, f"var(--{hues}{i})"] for i in range(5)],
    )
    _name_axes(figure, [named(row) for row in rows], columns)
    return Chart(title, finished(figure), (), 140 + 46 * len(columns))


def _name_axes(figure: "go.Figure", rows: Sequence[str], columns: Sequence[str]) -> None:
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=list(map(label, rows)),
        autorange="reversed",
        showgrid=False,
    )
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=list(map(label, column_names(columns))),
        side="top",
        tickangle=-40,
        showgrid=False,
    )
