"""The page of an evaluation: every language side by side, each with its interval."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from isoglot.report.cards.answers import answer_cards
from isoglot.report.cells import POINTS, bounds, number
from isoglot.report.charts.canvas import TIER_COLOURS
from isoglot.report.charts.intervals import differences
from isoglot.report.charts.tiers import TRAINED, values_by_tier
from isoglot.report.page import Page, PageSection, Tile, read_facts, write_page
from isoglot.report.pages.measures_table import measure_table
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.names import count_of, in_sentence, metric_name, tier, tier_name
from isoglot.report.results.rows import (
    MEAN,
    OFF_TARGET,
    Measure,
    cut_off_sentence,
    groups_of,
    language_order,
    measures_of,
    rows_of,
    task_names,
    unknown_sentence,
)

_NO_RESULTS = "This evaluation has no results yet."
_MAX_TILES = 5


def write_evaluation_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from the results and answers of an evaluation; return its path.

    The page makes no network request; what the folder does not have is named on the page.

    Raises:
        InputError: `FOLDER/results.json` is absent or cannot be read.
    """
    results = Evaluation.read_from(folder)
    rows, notes = results.results, list(results.notes)
    made = [f"Seed {'unknown' if results.seed is None else results.seed}"]
    if results.baseline:
        made.append(f"Changes are in points, from {results.baseline}, on the same prompts")
    if text := unknown_sentence(row for row in rows if not row.measure.is_language_fault):
        made.append(f"{text}: kept out of the values, and counted next to them")
    page = Page(
        title=results.title,
        headline=sentence(results),
        sections=_sections(results),
        cards=answer_cards(folder, task_names(rows), notes),
        tiles=_tiles(results),
        fine=[
            " · ".join(made),
            "Intervals are 95 %; those of a mean over languages draw prompts, in all languages at "
            "once, because languages share their prompts.",
        ],
        notices=notes,
        results=[(results.title, row) for row in rows],
        order=language_order(rows),
        facts=read_facts(folder / "evaluation.json"),
        facts_name="evaluation.json",
    )
    return write_page(folder / "report.html", page)


def sentence(results: Evaluation) -> str:
    """The findings of an evaluation, in one sentence."""
    rows, tasks = results.results, task_names(results.results)
    if not rows:
        return _NO_RESULTS
    named = tasks[0] if len(tasks) == 1 else count_of(len(tasks), "task")
    text = f"{named} in {count_of(len(language_order(rows)), 'language')}"
    main = next(iter(measures_of(rows)), None)
    mean = groups_of(results.groups, main).get(MEAN) if main else None
    if main is None or mean is None:
        return ". ".join(filter(None, [text, cut_off_sentence(rows)])) + "."
    metric = in_sentence(metric_name(main.metric))
    text += f": mean {metric} {number(mean.value)} % ({bounds(mean.interval)})"
    if change := mean.change_interval:
        points = f"{number(change.value, POINTS)} points"
        between = f" ({bounds(change, POINTS)})" if change.has_bounds else ""
        text += f", {points}{between} from {results.baseline}"
        if not change.is_beyond_zero:
            text += ", which is no measurable change"
    return ". ".join(filter(None, [text, cut_off_sentence(rows)])) + "."


def _tiles(results: Evaluation) -> list[Tile]:
    """The mean of each task's own measure, then the mean off-target rates, as many as fit."""
    first = {measure.task: measure for measure in reversed(measures_of(results.results))}
    wanted = [*reversed(first.values()), *(Measure(task, OFF_TARGET) for task in reversed(first))]
    found = []
    for measure in wanted:
        row = groups_of(results.groups, measure).get(MEAN)
        if row is not None and row.value is not None:
            tile = Tile.of(f"{measure.title}, mean of {len(row.languages)}", row.interval)
            if row.change is not None:
                tile = replace(tile, note=f"{tile.note}; {number(row.change, POINTS)} points")
            found.append(tile)
    return found[:_MAX_TILES]


def _sections(results: Evaluation) -> list[PageSection]:
    measures = [m for m in measures_of(results.results) if not m.is_in_language]
    scored = {measure.task for measure in measures}
    measures += [Measure(t, OFF_TARGET) for t in task_names(results.results) if t not in scored]
    sections = [
        section
        for i, measure in enumerate(measures)
        for section in _measure_sections(results, i, measure)
    ]
    return sections or [PageSection("values-0", "Values by language", "", missing=_NO_RESULTS)]


def _measure_sections(results: Evaluation, i: int, measure: Measure) -> Iterator[PageSection]:
    rows, off_target = results.results, Measure(measure.task, OFF_TARGET)
    found, order = rows_of(rows, measure), language_order(rows)
    rates = {} if measure.is_off_target else rows_of(rows, off_target)
    caption = "Bars are values, lines their 95 % intervals; colours are resource tiers."
    if rates:
        caption += " To the right, how often an answer is in another language than asked for."
    if any(row.trained for row in found.values()):
        caption += f"{TRAINED} marks languages that were trained on."
    for text in filter(None, (cut_off_sentence(found.values()), unknown_sentence(found.values()))):
        caption += f" {text}."
    yield PageSection(
        f"values-{i}",
        f"{measure.title}, by language",
        caption,
        [values_by_tier(metric_name(measure.metric), found, rates, order)],
        [measure_table(results, measure)],
    )
    changes = {tag: row.change_interval for tag, row in found.items()}
    chart = differences(
        f"{measure.title}: change",
        f"points, {results.title} minus {results.baseline}",
        {tag: change for tag, change in changes.items() if change},
        {tag: tier_name(tier(tag)) for tag in found},
        {tier_name(name): colour for name, colour in TIER_COLOURS.items()},
    )
    if chart:
        yield PageSection(
            f"change-{i}",
            f"{measure.title}: change from the baseline",
            "The model minus the baseline on the same prompts, with the 95 % interval. An interval "
            "that reaches zero means that this evaluation cannot tell the change from none.",
            [chart],
        )
