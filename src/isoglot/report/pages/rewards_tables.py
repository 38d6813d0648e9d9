"""The tables of scorers on preferences, and of an import of rankings."""

from collections.abc import Mapping, Sequence

from isoglot.report.cells import INDEX_3, POINTS, Cell, Column
from isoglot.report.results.names import TIERS, language_name, shortened, tier
from isoglot.report.results.rewards import (
    DistributionResult,
    RankAgreement,
    RewardResult,
    RewardResults,
)
from isoglot.report.results.rows import MEAN
from isoglot.report.table import Table, TableRow

_HEADS = (Column("Language"), Column("Scorer", is_text=True))

Cells = Mapping[tuple[str, str], RewardResult]
"""(language, scorer) → row of one set."""


def set_table(name: str, cells: Cells, scorers: Sequence[str]) -> Table:
    """The means, then every language, a row for each scorer."""
    columns = [
        *_HEADS,
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
    columns = [*map(Column, ("In distribution, %", "Out of it, %")), Column("Lost", POINTS)]
    rows = [
        _row(row.language, row.scorer, [row.inside, row.outside, row.drop_interval])
        for row in distribution
    ]
    return Table("In and out of distribution", [*_HEADS, *columns], rows)


def _row(tag: str, scorer: str, cells: Sequence[Cell]) -> TableRow:
    if tag == MEAN:
        return TableRow("Mean", [shortened(scorer), *cells], is_group=True)
    return TableRow.of_language(tag, [shortened(scorer), *cells])


def cells_of_set(results: RewardResults, name: str) -> Cells:
    """Return the rows of one set by language and scorer."""
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


def agreement_table(agreement: Sequence[RankAgreement]) -> Table:
    """Pairs, and the agreement of the annotators, by language of the answers."""
    counts = ("items", "annotators", "pairs", "ties", "dropped")
    columns = [*map(Column, ("language", *counts)), Column("alpha", INDEX_3, form="words")]
    rows = [
        TableRow.of_language(
            row.language, [*(getattr(row, f"num_{name}") for name in counts), row.interval]
        )
        for row in agreement
    ]
    caption = (
        "alpha: Krippendorff's, of ranks; 1 is agreement, 0 what chance gives; in brackets the "
        "95 % interval"
    )
    return Table("Agreement of annotators", columns, rows, caption)
