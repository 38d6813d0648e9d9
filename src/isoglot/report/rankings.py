"""What an import of rankings says: pairs, and how far the annotators agree, by language."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isoglot.report.results.measures import language_name
from isoglot.report.tables import UNKNOWN

if TYPE_CHECKING:
    from rich.table import Table


def agreement_table(content: Mapping[str, Any]) -> "Table":
    """A row for each language of the answers."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        "language", caption="alpha: Krippendorff's, of ranks; 1 is agreement, 0 what chance gives"
    )
    for name in ("items", "annotators", "pairs", "ties", "dropped", "alpha", "95 % interval"):
        table.add_column(name, justify="right")
    for row in content["agreement"]:
        is_known = row["alpha"] is not None
        table.add_row(
            Text(f"{language_name(row['language'])} ({row['language']})"),
            *(str(row[f"num_{name}"]) for name in ("items", "annotators")),
            *(str(row[f"num_{name}"]) for name in ("pairs", "ties", "dropped")),
            f"{row['alpha']:.3f}" if is_known else UNKNOWN,
            f"{row['low']:.3f} to {row['high']:.3f}" if is_known else UNKNOWN,
        )
    return table
