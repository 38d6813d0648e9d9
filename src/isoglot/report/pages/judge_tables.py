"""The tables of a judged comparison: its win rates and outcomes, and the judge's biases."""

from collections.abc import Sequence

from isoglot.report.cells import INDEX, PERCENT, POINTS, Cell, Column, Scale
from isoglot.report.results.judging import JudgedComparison, JudgedResult
from isoglot.report.results.names import metric_name, tier
from isoglot.report.results.rows import MEAN, Measure, language_order, rows_of
from isoglot.report.table import Table, TableRow

RATES = ("win_rate", "length_controlled_win_rate", "discrete_win_rate")
CONTROLLED = (
    "Length-controlled: only where the answers of both sides are about equally long, or of 20 "
    "languages or more; else the judge's liking for length cannot be told from what is better"
)
TRUST = ("swap_consistency", "position_bias", "verbosity_bias", "agreement")
_COUNTS = ("wins", "ties", "losses", "invalid", "unanswered")


def judge_tables(comparison: JudgedComparison) -> list[Table]:
    """The win rates of A with the outcomes, and what tells how far to trust the judge."""
    a, b = comparison.names
    found = [
        _metrics_table(f"{a} against {b}", comparison, RATES, _COUNTS),
        _metrics_table("The judge", comparison, TRUST, ()),
    ]
    return [table for table in found if table.rows]


def _metrics_table(
    title: str, comparison: JudgedComparison, metrics: Sequence[str], counts: Sequence[str]
) -> Table:
    """The mean, then every language; with counts of the first metric."""
    found = rows_by_metric(comparison, metrics)
    columns = [Column("Language")]
    for metric in found:
        scale = scale_of_metric(metric)
        unit = "alpha" if metric == "agreement" else scale.unit
        columns.append(Column(f"{metric_name(metric)}, {unit}", scale, form="half"))
        if metric == "win_rate":
            columns.append(Column("Standard error, %"))
    columns += [Column(name.capitalize()) for name in counts]

    def cells(tag: str) -> list[Cell]:
        line: list[Cell] = []
        for metric, rows in found.items():
            line.append(rows[tag].interval if tag in rows else None)
            if metric == "win_rate":
                line.append(rows[tag].standard_error if tag in rows else None)
        counted = next(iter(found.values())).get(tag)
        return [*line, *(getattr(counted, name, None) for name in counts)]

    tags = languages_of_comparison(comparison) if found else []
    rows = [TableRow.of_language(tag, cells(tag), section=tier(tag)) for tag in tags]
    if any(MEAN in part for part in found.values()):
        rows.insert(0, TableRow("Mean", cells(MEAN), is_group=True))
    caption = f"judge: {comparison.judge}; ± half the 95 % interval"
    controlled = found.get("length_controlled_win_rate", {})
    if any(row.value is None for row in controlled.values()):
        caption += f". {CONTROLLED}"
    return Table(title, columns, rows, caption)


def scale_of_metric(metric: str) -> Scale:
    """Return percent for rates, points for biases, and the number itself for agreement."""
    if metric.endswith("bias"):
        return POINTS
    return INDEX if metric == "agreement" else PERCENT


def rows_by_metric(
    comparison: JudgedComparison, metrics: Sequence[str]
) -> dict[str, dict[str, JudgedResult]]:
    """Metric → language → row, without metrics that have no row."""
    found = {metric: rows_of(comparison.results, Measure("", metric)) for metric in metrics}
    return {metric: rows for metric, rows in found.items() if rows}


def languages_of_comparison(comparison: JudgedComparison) -> list[str]:
    """All languages in the one order of every table and chart."""
    return language_order([row for row in comparison.results if row.language != MEAN])
