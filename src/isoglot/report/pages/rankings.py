"""The table of an import of rankings: pairs, and the agreement of the annotators, by language."""

from collections.abc import Sequence

from isoglot.report.results.rankings import RankAgreement
from isoglot.report.table import INDEX_3, Column, Table, TableRow


def agreement_table(agreement: Sequence[RankAgreement]) -> Table:
    """A row for each language of the answers."""
    counts = ("items", "annotators", "pairs", "ties", "dropped")
    return Table(
        "Agreement of annotators",
        [
            Column("language"),
            *map(Column, counts),
            Column("alpha", INDEX_3, form="words"),
        ],
        [
            TableRow.of_language(
                row.language,
                [
                    row.num_items,
                    row.num_annotators,
                    row.num_pairs,
                    row.num_ties,
                    row.num_dropped,
                    row.interval,
                ],
            )
            for row in agreement
        ],
        caption="alpha: Krippendorff's, of ranks; 1 is agreement, 0 what chance gives; in brackets "
        "the 95 % interval",
    )
