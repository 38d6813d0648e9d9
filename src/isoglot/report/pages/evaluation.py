"""The page of an evaluation: every language side by side, each with its interval."""

from collections.abc import Iterator
from pathlib import Path

from isoglot.report.cards.answers import answer_cards
from isoglot.report.charts.canvas import TIER_COLOURS
from isoglot.report.charts.intervals import differences
from isoglot.report.charts.tiers import TRAINED, values_by_tier
from isoglot.report.page import Page, PageSection, read_facts, write_page
from isoglot.report.pages.evaluation_headline import NO_RESULTS, fine_print, sentence, tiles
from isoglot.report.pages.measures_table import measure_table
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.names import metric_name, tier, tier_name
from isoglot.report.results.rows import (
    OFF_TARGET,
    Measure,
    language_order,
    measures_of,
    rows_of,
    task_names,
    unknown_sentence,
)


def write_evaluation_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from the results and answers of an evaluation; return its path.

    The page makes no network request; what the folder does not have is named on the page.

    Raises:
        InputError: `FOLDER/results.json` is absent or cannot be read.
    """
    results = Evaluation.read_from(folder)
    rows, notes = results.results, list[str]()
    page = Page(
        title=results.title,
        headline=sentence(results),
        sections=_sections(results),
        cards=answer_cards(folder, task_names(rows), notes),
        tiles=tiles(results),
        fine=fine_print(results),
        notices=notes,
        results=[(results.title, row) for row in rows],
        order=language_order(rows),
        facts=read_facts(folder / "evaluation.json"),
        facts_name="evaluation.json",
    )
    return write_page(folder / "report.html", page)


def _sections(results: Evaluation) -> list[PageSection]:
    measures = measures_of(results.results)
    scored = {measure.task for measure in measures}
    measures += [Measure(t, OFF_TARGET) for t in task_names(results.results) if t not in scored]
    sections = [
        section
        for i, measure in enumerate(measures)
        for section in _measure_sections(results, i, measure)
    ]
    return sections or [PageSection("values-0", "Values by language", "", missing=NO_RESULTS)]


def _measure_sections(results: Evaluation, i: int, measure: Measure) -> Iterator[PageSection]:
    found, order = rows_of(results.results, measure), language_order(results.results)
    rates = (
        {} if measure.is_off_target else rows_of(results.results, Measure(measure.task, OFF_TARGET))
    )
    caption = "Bars are values, lines their 95 % intervals; colours are resource tiers."
    if rates:
        caption += " To the right, how often an answer is in another language than asked for."
    if any(row.trained for row in found.values()):
        caption += f"{TRAINED} marks languages that were trained on."
    if text := unknown_sentence(found.values()):
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
