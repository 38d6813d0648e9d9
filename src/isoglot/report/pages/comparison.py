"""Runs side by side, as a page and as a table: models across, languages down."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isoglot.report.cards.browser import Browser
from isoglot.report.charts.canvas import MUTED, PALETTE, Chart, Rows, finished, label
from isoglot.report.charts.figures import error_bars, heat_map, shortened
from isoglot.report.old_page import (
    Grid,
    Line,
    Page,
    Section,
    Tile,
    render_page,
    write_page,
)
from isoglot.report.results.measures import (
    GRADES,
    OFF_TARGET,
    Change,
    Measure,
    Row,
    in_sentence,
    language_name,
    number,
    scale_of,
)
from isoglot.report.results.old_evaluation import by_language, groups_of, tier
from isoglot.report.results.paired import MEAN, changes_between
from isoglot.report.results.runs import Comparison, Run, compare_runs
from isoglot.report.tables import UNKNOWN, bounds, interval, percent, signed

if TYPE_CHECKING:
    from rich.table import Table

Changes = Mapping[str, Mapping[str, Change]]
"""Name of a run → language, or `mean` → its change from the first run."""


def write_comparison(folders: Sequence[Path], out: Path) -> Path:
    """Write `OUT/report.html` on evaluations (or runs) that measured the same; return its path.

    InputError where they differ in tasks, languages, the way of measuring or prompts.
    """
    comparison = compare_runs(folders)
    return write_page(out / "report.html", render_page(_page(comparison)))


def _page(comparison: Comparison) -> Page:
    first = comparison.names[0]
    changes = {
        measure: changes_of(comparison, measure)
        for measure in comparison.measures
        if measure.metric != OFF_TARGET
    }
    notices = [
        f"The prompts of {task} are not in every folder: only their number was compared."
        for task in comparison.unchecked
    ]
    folders = "; ".join(f"{run.name}: {run.folder}" for run in comparison.runs)
    return Page(
        title=f"{len(comparison.runs)} models side by side",
        sentence=_sentence(comparison, changes),
        sections=[
            section
            for i, measure in enumerate(comparison.measures)
            for section in _sections(comparison, i, measure, changes.get(measure, {}))
        ],
        browser=Browser(
            "Prompts and answers",
            "",
            "The prompts and answers of each model are in its own report.html.",
            "answers",
        ),
        tiles=_tiles(changes),
        fine=[
            f"All are compared with {first}, on the same prompts. Changes are in points, "
            "or in grades where a judge gave them, with 95 % intervals; those of the mean draw "
            "prompts, in all languages at once.",
            folders,
        ],
        notices=notices,
        rows=[(run.name, row) for run in comparison.runs for row in run.rows],
        order=comparison.languages,
    )


def changes_of(comparison: Comparison, measure: Measure) -> Changes:
    """What each run but the first changed."""
    first, *others = comparison.runs
    return {run.name: changes_between(first, run, measure) for run in others}


def _sentence(comparison: Comparison, changes: Mapping[Measure, Changes]) -> str:
    tasks = list(dict.fromkeys(measure.task for measure in comparison.measures))
    num = len(comparison.languages)
    text = f"{', '.join(comparison.names)} on {', '.join(tasks)} in {num} languages"
    measure = next(iter(changes), None)
    if measure is None:
        return f"{text}."
    scale = scale_of(measure.metric)
    means = [
        f"{name} {signed(part[MEAN].value, scale)} {scale.step} on average"
        for name, part in changes[measure].items()
        if MEAN in part
    ]
    if not means:
        return f"{text}."
    return f"{text}. {measure.title}, from {comparison.names[0]}: {'; '.join(means)}."


def _tiles(changes: Mapping[Measure, Changes]) -> list[Tile]:
    tiles = [
        Tile(
            f"{shortened(name)}: {in_sentence(measure.title)}, mean of {part[MEAN].num_languages}",
            signed(part[MEAN].value, scale_of(measure.metric)),
            interval(part[MEAN], scale_of(measure.metric)) or "interval unknown",
        )
        for measure, parts in changes.items()
        for name, part in parts.items()
        if MEAN in part
    ]
    return tiles if len(tiles) <= 6 else []


def _found(comparison: Comparison, measure: Measure) -> dict[str, dict[str, Row]]:
    return {run.name: by_language(run.rows, measure) for run in comparison.runs}


def _sections(comparison: Comparison, i: int, measure: Measure, changes: Changes) -> list[Section]:
    found = _found(comparison, measure)
    tags = [tag for tag in comparison.languages if any(tag in part for part in found.values())]
    cells = {(tag, name): part[tag] for name, part in found.items() for tag in part}
    is_rate, scale = measure.metric == OFF_TARGET, scale_of(measure.metric)
    sections = [
        Section(
            f"values-{i}",
            f"{measure.title}, by model and language",
            f"In {'grades from 1 to 10' if scale is GRADES else 'percent'}; a model is a column; "
            "a cell without a value is empty. "
            + ("Lower is better." if is_rate else "The stronger the colour, the higher."),
            "No results.",
            [heat_map(f"{measure.title}, {scale.unit}", tags, comparison.names, cells,
                      hues="h" if is_rate else "g", scale=scale)],
            _grid(comparison, measure, tags, changes),
        )
    ]  # fmt: skip
    if chart := _difference_plot(comparison, measure, tags, changes):
        sections.append(
            Section(
                f"change-{i}",
                f"{measure.title}: difference to {comparison.names[0]}",
                f"In {scale.step}, with 95 % intervals. An interval that reaches zero means "
                "that these runs cannot tell the difference from none.",
                "",
                [chart],
            )
        )
    return sections


def _difference_plot(
    comparison: Comparison, measure: Measure, tags: Sequence[str], changes: Changes
) -> Chart | None:
    """A row per language, a dot with its interval per run but the first; None without any."""
    names = [name for name in comparison.names[1:] if changes.get(name)]
    if not names:
        return None
    rows, scale = Rows(tags, len(names), 14), scale_of(measure.metric)
    figure = rows.figure(f"{scale.step}, minus {shortened(comparison.names[0])}", tier)
    figure.add_vline(x=0, line={"color": MUTED, "width": 1.2})
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(names)}
    for lane, name in enumerate(names):
        present = [tag for tag in tags if tag in changes[name]]
        values = [changes[name][tag] for tag in present]
        figure.add_scatter(
            x=[scale.factor * change.value for change in values],
            y=[rows.y(tag, lane) for tag in present],
            error_x=error_bars(
                [{"value": c.value, "low": c.low, "high": c.high} for c in values],
                scale, color=colours[name], thickness=2,
            ),
            mode="markers",
            marker={"color": colours[name], "size": 9},
            hovertext=[
                label(f"{name}, {language_name(t)}: {signed(c.value, scale)} "
                      f"({interval(c, scale)})")
                for t, c in zip(present, values, strict=True)
            ],
            hoverinfo="text",
            cliponaxis=False,
        )  # fmt: skip
    legend = [(name, colours[name]) for name in names]
    return Chart(f"{measure.title}: difference", finished(figure), legend)


def _grid(comparison: Comparison, measure: Measure, tags: Sequence[str], changes: Changes) -> Grid:
    """The mean of the languages that all runs have a value in, then every language."""
    found = _found(comparison, measure)
    shared = [tag for tag in tags if all(number(p.get(tag)) is not None for p in found.values())]
    means = {run.name: _mean_row(run, measure, shared) for run in comparison.runs}
    columns, scale = ["Language"], scale_of(measure.metric)
    for name in found:
        columns += [f"{shortened(name)}, {scale.unit}", "95 % interval"]
        columns += ["Change", "95 % interval"] * (name in changes)
    columns.append("n (unknown)")

    def cells(tag: str, count: str) -> list[str]:
        line: list[str] = []
        for name, part in found.items():
            row = means[name] if tag == MEAN else part.get(tag)
            line += [percent(_value(part, tag, shared), scale), bounds(row, scale)]
            if name in changes:
                change = changes[name].get(tag)
                line += [
                    signed(change.value if change else None, scale),
                    interval(change, scale) or UNKNOWN,
                ]
        return [*line, count]

    lines = [Line(f"Mean of {len(shared)}", cells(MEAN, ""), is_group=True)] * bool(shared)
    lines += [Line(language_name(tag), cells(tag, _count(found, tag)), tag) for tag in tags]
    return Grid(columns, lines, is_open=len(lines) <= 40)


def _mean_row(run: Run, measure: Measure, shared: Sequence[str]) -> Row | None:
    """The run's own mean, where it is over the same languages."""
    means = [row for row in groups_of(run.results, measure) if row["group"] == MEAN]
    return next((row for row in means if set(row.get("languages") or ()) == set(shared)), None)


def _value(part: Mapping[str, Row], tag: str, shared: Sequence[str]) -> float | None:
    if tag != MEAN:
        return number(part.get(tag))
    return sum(number(part[one]) or 0.0 for one in shared) / len(shared)


def _count(found: Mapping[str, Mapping[str, Row]], tag: str) -> str:
    """`250 (3)`, once where all runs agree."""
    rows = [part.get(tag, {}) for part in found.values()]
    shown = [f"{row.get('n', UNKNOWN)} ({row.get('unknown', UNKNOWN)})" for row in rows]
    return shown[0] if len(set(shown)) == 1 else " / ".join(shown)


def comparison_table(comparison: Comparison, measure: Measure) -> "Table":
    """One measure: languages as rows, a column per run; the others with their change."""
    from rich.table import Table
    from rich.text import Text

    found = _found(comparison, measure)
    changes = {} if measure.metric == OFF_TARGET else changes_of(comparison, measure)
    scale = scale_of(measure.metric)
    table = Table(
        title=Text(f"{measure.title}, {scale.unit}"),
        caption=Text(f"in brackets: {scale.step} from {comparison.names[0]}, coloured beyond 95 %"),
        padding=(0, 1, 0, 0),
    )
    table.add_column("language")
    for name in comparison.names:
        table.add_column(Text(shortened(name)), justify="right")
    shared = [
        tag
        for tag in comparison.languages
        if all(number(part.get(tag)) is not None for part in found.values())
    ]
    for tag in [*comparison.languages, *[MEAN] * bool(shared)]:
        if tag == MEAN:
            table.add_section()
        cells = []
        for name, part in found.items():
            text = Text(percent(_value(part, tag, shared), scale))
            if change := changes.get(name, {}).get(tag):
                style = "green" if change.value > 0 else "red"
                text.append(f" ({signed(change.value, scale)})", style * change.is_beyond_interval)
            cells.append(text)
        head = f"mean of {len(shared)}" if tag == MEAN else f"{language_name(tag)} ({tag})"
        table.add_row(Text(head), *cells)
    return table
