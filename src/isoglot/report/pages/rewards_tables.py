"""The tables of scorers on preferences: one set for a page or a terminal, and the distribution."""

from collections.abc import Mapping, Sequence

from isoglot.report.results.names import TIERS, language_name, shortened, tier
from isoglot.report.results.rewards import DistributionResult, RewardResult, RewardResults
from isoglot.report.results.rows import MEAN
from isoglot.report.table import POINTS, Cell, Column, Table, TableRow

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


def set_table(name: str, cells: Cells, scorers: Sequence[str]) -> Table:
    """The means, then every language, a row for each scorer."""
    columns = [
        Column("Language"),
        Column("Scorer", is_text=True),
        Column("Right, %", form="half"),
        *map(Column, ("n", "Equal", "Unknown")),
        Column("English minus it", POINTS, form="half"),
    ]
    rows = [
        _row(tag, scorer, [row.interval, row.n, row.ties, row.unknown, row.drop_interval])
        for tag in (MEAN, *languages_of_cells(cells))
        for scorer in scorers
        if (row := cells.get((tag, scorer)))
    ]
    caption = "± half the 95 % interval; 50 % is a coin"
    return Table(f"{name}: right about preferences, %", columns, rows, caption)


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


def _row(tag: str, scorer: str, cells: Sequence[Cell]) -> TableRow:
    if tag == MEAN:
        return TableRow("Mean", [shortened(scorer), *cells], is_group=True)
    return TableRow.of_language(tag, [shortened(scorer), *cells])
