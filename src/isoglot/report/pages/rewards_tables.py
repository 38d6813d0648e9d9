"""The tables of scorers on preferences: one set for a page or a terminal, and the distribution."""

from collections.abc import Mapping, Sequence

from isoglot.report.results.names import TIERS, language_name, shortened, tier
from isoglot.report.results.rewards import DistributionResult, RewardResult, RewardResults
from isoglot.report.results.rows import MEAN, Interval
from isoglot.report.table import POINTS, Cell, Column, Row, Table

Cells = Mapping[tuple[str, str], RewardResult]
"""(language, scorer) → row of one set."""


def cells_of_set(results: RewardResults, name: str) -> Cells:
    """The rows of one set."""
    rows = [row for row in results.results if row.task == name]
    return {(row.language, row.scorer): row for row in rows}


def languages_of_cells(cells: Cells) -> list[str]:
    """English first, from which the losses are taken; then by tier and name."""
    tags = {tag for tag, _ in cells} - {MEAN}
    return sorted(tags, key=lambda t: (t != "en", TIERS.index(tier(t)), language_name(t)))


def overall(cells: Cells, scorer: str) -> RewardResult | None:
    """The mean over the languages; of one language, its own row."""
    tags = languages_of_cells(cells)
    return cells.get((MEAN, scorer)) or (cells.get((tags[0], scorer)) if tags else None)


def set_table(cells: Cells, scorers: Sequence[str]) -> Table:
    """The means, then every language, a row for each scorer."""
    columns = [
        Column("Language"),
        Column("Scorer", is_text=True),
        Column("Right, %"),
        *map(Column, ("n", "Equal", "Unknown")),
        Column("English minus it", POINTS),
    ]
    rows = []
    for tag in (MEAN, *languages_of_cells(cells)):
        for scorer in scorers:
            if row := cells.get((tag, scorer)):
                rows.append(_row(tag, scorer, _cells(row)))
    return Table("", columns, rows)


def rewards_table(results: RewardResults, name: str) -> Table:
    """One set for a terminal: languages as rows, a line for each scorer."""
    cells = cells_of_set(results, name)
    columns = [
        Column("language"),
        Column("scorer", is_text=True),
        Column("right", form="half"),
        *map(Column, ("n", "equal", "unknown")),
        Column("drop", POINTS, form="half"),
    ]
    rows = []
    for tag in (*languages_of_cells(cells), *[MEAN] * any(tag == MEAN for tag, _ in cells)):
        for place, scorer in enumerate(results.scorers):
            row = cells.get((tag, scorer))  # no mean where nothing is known
            line = [shortened(scorer, 18), *(_cells(row) if row else [None] * 5)]
            section = tag if len(results.scorers) > 1 else ""
            if place:  # the language is named once
                rows.append(Row("", line, section=section, is_group=tag == MEAN))
            elif tag == MEAN:
                rows.append(Row(MEAN, line, section=section, is_group=True))
            else:
                rows.append(Row.of_language(tag, line, section=section))
    return Table(
        f"{name}: right about preferences, %",
        columns,
        rows,
        "± half the 95 % interval; 50 % is a coin; the drop is English minus it",
    )


def distribution_table(distribution: Sequence[DistributionResult]) -> Table:
    """Each scorer and language in distribution and out of it."""
    columns = [
        Column("Language"),
        Column("Scorer", is_text=True),
        Column("In distribution, %"),
        Column("Out of it, %"),
        Column("Lost", POINTS),
    ]
    rows = [
        _row(row.language, row.scorer, [row.inside, row.outside, row.drop_interval])
        for row in distribution
    ]
    return Table("In and out of distribution", columns, rows)


def _row(tag: str, scorer: str, cells: Sequence[Cell]) -> Row:
    if tag == MEAN:
        return Row("Mean", [scorer, *cells], is_group=True)
    return Row.of_language(tag, [scorer, *cells])


def _cells(row: RewardResult) -> list[Cell]:
    value = Interval(row.value, row.low, row.high)
    return [value, row.n, row.ties, row.unknown, row.drop_interval]
