"""The page of scorers on preferences: how often each is right in each language, how surely."""

from collections.abc import Sequence
from pathlib import Path

from isoglot.report.cards.pairs import reward_cards
from isoglot.report.cells import POINTS, bounds, number, value_and_bounds
from isoglot.report.charts.canvas import PALETTE
from isoglot.report.charts.heat import heat_map
from isoglot.report.charts.intervals import Axis, Series, interval_chart
from isoglot.report.page import Page, PageSection, Tile, read_facts, write_page
from isoglot.report.pages.rewards_tables import (
    Cells,
    cells_of_set,
    distribution_table,
    languages_of_cells,
    overall,
    set_table,
)
from isoglot.report.results.names import shortened, tier
from isoglot.report.results.rewards import RewardResults
from isoglot.report.results.rows import MEAN

_MAX_TILES = 6


def write_rewards_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from what `isoglot rewards` measured; return its path.

    The page makes no network request; what the folder does not have is named on the page.

    Raises:
        InputError: `FOLDER/results.json` is absent or cannot be read.
    """
    results = RewardResults.read_from(folder)
    notes: list[str] = []
    sets = {name: cells_of_set(results, name) for name in results.sets}
    means = {(name, s): overall(sets[name], s) for name in sets for s in results.scorers}
    tiles = [
        Tile.of(f"{shortened(scorer)} on {shortened(name)}", row.interval)
        for (name, scorer), row in means.items()
        if row and row.value is not None
    ]
    tags = dict.fromkeys(tag for cells in sets.values() for tag in languages_of_cells(cells))
    sections = [
        _section(results.scorers, i, name, cells) for i, (name, cells) in enumerate(sets.items())
    ]
    if results.distribution:
        caption = (
            "Means over the sets of each kind, for languages that are in sets of both; the loss is "
            "in points."
        )
        table = distribution_table(results.distribution)
        sections.append(PageSection("distribution", table.title, caption, tables=[table]))
    page = Page(
        title=f"{', '.join(results.scorers)}: right about preferences?",
        headline=rewards_sentence(results),
        sections=sections,
        cards=reward_cards(folder, results.folders, notes),
        tiles=tiles if len(tiles) <= _MAX_TILES else [],
        fine=[
            "Reward accuracy: how often the answer that was preferred has the higher reward. Equal "
            "rewards are half right, so that a coin is at 50 %; a pair with a side that has no "
            "reward is unknown, and in no number. Intervals are 95 %; they draw whole prompts, "
            "in all languages at once.",
        ],
        notices=notes,
        results=[(row.scorer, row) for row in results.results],
        order=[*tags, MEAN],
        facts=read_facts(folder / "rewards.json"),
        facts_name="rewards.json",
    )
    return write_page(folder / "report.html", page)


def rewards_sentence(results: RewardResults) -> str:
    """State the accuracy of each scorer and its loss from English, on the first set."""
    name = next(iter(results.sets), None)
    if name is None:
        return "No preference was scored."
    cells = cells_of_set(results, name)
    clauses = []
    for scorer in results.scorers:
        row = overall(cells, scorer)
        if row is None or row.value is None:
            clauses.append(f"{scorer} has no reward for any pair")
            continue
        clause = f"{scorer} is right in {number(row.value)} % ({bounds(row.interval)})"
        if row.drop is not None:
            lost = value_and_bounds(row.drop_interval, POINTS)
            clause += f", English minus the others {lost} points"
        clauses.append(clause)
    return f"On {name}: {'; '.join(clauses)}."


def _section(scorers: Sequence[str], place: int, name: str, cells: Cells) -> PageSection:
    tags = languages_of_cells(cells)
    points = {key: row.interval for key, row in cells.items()}
    title = f"Reward accuracy on {name}"
    series = [
        Series(
            scorer,
            PALETTE[lane % len(PALETTE)],
            {tag: points[tag, scorer] for tag in tags if (tag, scorer) in points},
            lane,
            hover_name=scorer,
        )
        for lane, scorer in enumerate(scorers)
    ]
    axis = Axis("reward accuracy", line_at=0.5, limits=(0, 1.01))
    dots = interval_chart(title, tags, series, axis, group_of=tier)
    heat = heat_map(f"{title}, %", tags, scorers, points, more_is="better")
    is_inside = any(row.in_distribution for row in cells.values())
    return PageSection(
        f"set-{place}",
        f"Right about {name}" + (" (in distribution)" if is_inside else ""),
        "In percent, with 95 % intervals; the dotted line is a coin. To the right of the "
        "table, the loss from English to each, in points; bold if its interval excludes 0.",
        [heat, dots] if len(tags) > 1 else [dots],
        [set_table(name, cells, scorers)],
        missing="No pair has rewards.",
    )
