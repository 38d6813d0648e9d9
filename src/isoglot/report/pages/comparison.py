"""The page of runs next to each other: models across, languages down."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from isoglot.report.cards.card import no_cards
from isoglot.report.cells import number, scale_of, step_of
from isoglot.report.charts.canvas import PALETTE, Chart
from isoglot.report.charts.heat import heat_map
from isoglot.report.charts.intervals import Axis, Series, interval_chart
from isoglot.report.page import Page, PageSection, Tile, write_page
from isoglot.report.pages.comparison_table import (
    RunValues,
    changes_of,
    compared_of,
    comparison_table,
)
from isoglot.report.results.names import column_names, in_sentence, tier
from isoglot.report.results.rows import MEAN, Interval, Measure
from isoglot.report.results.runs import Comparison, compare_runs

Changes = Mapping[str, Mapping[str, Interval]]
"""Name of a run → language, or `mean` → its change from the first run."""

_MAX_TILES = 6


def write_comparison(folders: Sequence[Path], out: Path) -> Path:
    """Write `OUT/report.html` on evaluations (or runs) that measured the same; return its path.

    Raises:
        InputError: they differ in tasks, languages, the way of measuring or prompts.
    """
    comparison = compare_runs(folders)
    compared = {measure: compared_of(comparison, measure) for measure in comparison.measures}
    changes = {measure: changes_of(values) for measure, values in compared.items()}
    scored = {measure: part for measure, part in changes.items() if not measure.is_language_fault}
    short = dict(zip(comparison.names, column_names(comparison.names), strict=True))
    tiles = [
        Tile.of(
            f"{short[name]}: {in_sentence(measure.title)}, mean of {len(part) - 1}",
            part[MEAN],
            step_of(scale_of(measure)),
            "interval unknown",
        )
        for measure, parts in scored.items()
        for name, part in parts.items()
        if MEAN in part
    ]
    page = Page(
        title=f"{len(comparison.runs)} models side by side",
        headline=_sentence(comparison, scored),
        sections=[
            section
            for i, measure in enumerate(comparison.measures)
            for section in _sections(comparison, i, measure, compared[measure])
        ],
        cards=no_cards("The prompts and answers of each model are in its own report.html."),
        tiles=tiles if len(tiles) <= _MAX_TILES else [],
        fine=[
            f"All are compared with {comparison.names[0]}, on the same prompts. Changes are in "
            "points, or in grades where a judge gave them, with 95 % intervals; those of the mean "
            "draw prompts, in all languages at once.",
            "; ".join(f"{run.name}: {run.folder}" for run in comparison.runs),
        ],
        notices=[
            f"The prompts of {task} are not in every folder: only their number was compared."
            for task in comparison.unchecked
        ],
        results=[(run.name, row) for run in comparison.runs for row in run.rows],
        order=comparison.languages,
    )
    return write_page(out / "report.html", page)


def _sentence(comparison: Comparison, changes: Mapping[Measure, Changes]) -> str:
    tasks = list(dict.fromkeys(measure.task for measure in comparison.measures))
    num = len(comparison.languages)
    text = f"{', '.join(comparison.names)} on {', '.join(tasks)} in {num} languages"
    measure = next(iter(changes), None)
    if measure is None:
        return f"{text}."
    step = step_of(scale_of(measure))
    means = [
        f"{name} {number(part[MEAN].value, step)} {step.unit} on average"
        for name, part in changes[measure].items()
        if MEAN in part
    ]
    if not means:
        return f"{text}."
    return f"{text}. {measure.title}, from {comparison.names[0]}: {'; '.join(means)}."


def _sections(
    comparison: Comparison, i: int, measure: Measure, compared: RunValues
) -> Iterator[PageSection]:
    tags = [tag for tag in comparison.languages if any(tag in part for part in compared.values())]
    cells = {
        (tag, name): part[tag] for name, part in compared.items() for tag in tags if tag in part
    }
    scale, first = scale_of(measure), comparison.names[0]
    unit = "grades from 1 to 10" if measure.is_rating else "percent"
    is_fault = measure.is_language_fault
    better = "Lower is better." if is_fault else "The stronger the colour, the higher."
    chart = heat_map(
        f"{measure.title}, {scale.unit}",
        tags,
        comparison.names,
        cells,
        more_is="worse" if is_fault else "better",
        scale=scale,
    )
    yield PageSection(
        f"values-{i}",
        f"{measure.title}, by model and language",
        f"In {unit}; a model is a column; a cell without a value is empty. {better}",
        [chart],
        [comparison_table(comparison, measure, compared, f", {scale.unit}")],
    )
    if plot := _difference_plot(comparison, measure, tags, changes_of(compared)):
        yield PageSection(
            f"change-{i}",
            f"{measure.title}: difference to {first}",
            f"In {step_of(scale).unit}, with 95 % intervals. An interval that reaches zero means "
            "that these runs cannot tell the difference from none.",
            [plot],
        )


def _difference_plot(
    comparison: Comparison, measure: Measure, tags: Sequence[str], changes: Changes
) -> Chart | None:
    """A row per language, a dot with its interval per run but the first; None without any."""
    names = [name for name in comparison.names[1:] if changes.get(name)]
    if not names:
        return None
    series = [
        Series(name, PALETTE[i % len(PALETTE)], changes[name], lane=i, hover_name=name)
        for i, name in enumerate(names)
    ]
    step = step_of(scale_of(measure))
    title = f"{step.unit}, minus {column_names(comparison.names)[0]}"
    axis = Axis(title, step, line_at=0)
    return interval_chart(f"{measure.title}: difference", tags, series, axis, group_of=tier)
