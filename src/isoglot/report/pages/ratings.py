"""The page of one model's ratings, each language with its interval."""

from pathlib import Path

from isoglot.report.cards.judged import rating_cards
from isoglot.report.cells import GRADES, bounds, number
from isoglot.report.charts.canvas import Chart
from isoglot.report.charts.intervals import Axis, Series, interval_chart
from isoglot.report.charts.tiers import tier_series
from isoglot.report.page import Page, PageSection, Tile, read_facts, write_page
from isoglot.report.pages.judge import judge_facts, place_of
from isoglot.report.pages.measures_table import rating_measures, rating_table
from isoglot.report.results.judging import Ratings
from isoglot.report.results.names import metric_name, tier
from isoglot.report.results.rows import (
    MEAN,
    RATING,
    groups_of,
    intervals,
    language_order,
    rows_of,
)

_TURN_COLOURS = ("var(--c6)", "var(--c7)", "var(--c4)", "var(--c5)")


def write_rating_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from a judge's ratings of one model; return its path.

    The page makes no network request; what the folder does not have is named on the page.

    Raises:
        InputError: `FOLDER/results.json` is absent or cannot be read.
    """
    ratings = Ratings.read_from(folder)
    notes: list[str] = []
    in_percent = [
        row.model_copy(update={"metric": f"{row.metric}, % of 10"}) for row in ratings.results
    ]
    page = Page(
        title=f"Grades of {ratings.model}",
        headline=rating_sentence(ratings),
        sections=[_section(ratings)],
        cards=rating_cards(folder, notes),
        tiles=[
            Tile.of(
                f"{metric_name(measure.metric)}, mean of {len(row.languages)}", row.interval, GRADES
            )
            for measure in rating_measures(ratings)
            if (row := groups_of(ratings.groups, measure).get(MEAN))
        ],
        fine=[
            judge_facts(
                ratings,
                ratings.results,
                "grades could not be read: counted, and in no mean",
                "answers not graded, because they had failed",
            ),
            "Each answer is graded alone, 1 to 10. Intervals are 95 %.",
        ],
        notices=notes,
        results=[(ratings.model, row) for row in in_percent],
        order=language_order(ratings.results),
        facts=read_facts(folder / "judge.json"),
        facts_name="judge.json",
    )
    return write_page(folder / "report.html", page)


def rating_sentence(ratings: Ratings) -> str:
    """State the mean grade, in one sentence."""
    main = next((m for m in rating_measures(ratings) if m.metric == RATING), None)
    mean = groups_of(ratings.groups, main).get(MEAN) if main else None
    if main is None or mean is None:
        return "No grade is known."
    return (
        f"{ratings.model} on {main.task}: {number(mean.value, GRADES)} of 10 "
        f"{place_of(mean.languages)} ({bounds(mean.interval, GRADES)})."
    )


def _section(ratings: Ratings) -> PageSection:
    has_turns = len(rating_measures(ratings)) > 1
    return PageSection(
        "grades",
        "Grades by language",
        "The mean grade with its 95 % interval"
        + ("; next to it that of each turn." if has_turns else "."),
        [_bars(ratings)] if ratings.results else [],
        [rating_table(ratings)] if ratings.results else [],
        missing="No grade is known.",
    )


def _bars(ratings: Ratings) -> Chart:
    """A bar per language over all turns, coloured by resource tier, and a dot for each turn."""
    order = language_order(ratings.results)
    main, *turns = rating_measures(ratings)
    points = intervals(rows_of(ratings.results, main))
    series = tier_series({tag: points[tag] for tag in order if tag in points})
    for lane, measure in enumerate(turns, 1):
        name = metric_name(measure.metric)
        colour = _TURN_COLOURS[(lane - 1) % len(_TURN_COLOURS)]
        turn_points = intervals(rows_of(ratings.results, measure))
        series.append(Series(name, colour, turn_points, lane, hover_name=name.lower()))
    return interval_chart(
        "Grades by language",
        order,
        series,
        Axis("grade, 1 to 10", GRADES, limits=(0, 1.02), tick=1),
        group_of=tier,
        lane_px=12 if turns else 16,
        unknown=[tag for tag in order if tag not in points or points[tag].value is None],
    )
