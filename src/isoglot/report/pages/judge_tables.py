"""The tables of a judged comparison: two for a page, one of all metrics for a terminal."""

from collections.abc import Sequence

from isoglot.report.results.judging import JudgedComparison, JudgedResult
from isoglot.report.results.names import metric_name, tier
from isoglot.report.results.rows import MEAN, Measure, language_order, rows_of
from isoglot.report.table import INDEX, PERCENT, POINTS, Cell, Column, Row, Scale, Table

RATES = ("win_rate", "length_controlled_win_rate", "soft_win_rate")
TRUST = ("swap_consistency", "position_bias", "verbosity_bias", "agreement")
_COUNTS = ("wins", "ties", "losses", "invalid", "unanswered")
_HEADS = {
    "win_rate": "win-rate",
    "length_controlled_win_rate": "length-\ncontrolled",
    "soft_win_rate": "soft\nwin-rate",
}


def scale_of_metric(metric: str) -> Scale:
    """Rates are shown in percent, biases in points, agreement as it is."""
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


def metrics_table(
    comparison: JudgedComparison, metrics: Sequence[str], *, with_counts: bool = False
) -> Table:
    """The mean, then every language; with the outcomes of the first metric."""
    found = rows_by_metric(comparison, metrics)
    columns = [Column("Language")]
    for metric in found:
        scale = scale_of_metric(metric)
        unit = "alpha" if metric == "agreement" else scale.unit
        columns.append(Column(f"{metric_name(metric)}, {unit}", scale))
    columns += [Column(name.capitalize()) for name in _COUNTS if with_counts]

    def cells(tag: str) -> list[Cell]:
        line: list[Cell] = [rows[tag].interval if tag in rows else None for rows in found.values()]
        counted = next(iter(found.values())).get(tag)
        return [*line, *(getattr(counted, name, None) for name in _COUNTS if with_counts)]

    rows = [Row("Mean", cells(MEAN), is_group=True)]
    rows += [Row.of_language(tag, cells(tag)) for tag in languages_of_comparison(comparison)]
    is_mean_known = any(MEAN in part for part in found.values())
    return Table("", columns, rows if is_mean_known else rows[1:])


def judge_table(comparison: JudgedComparison) -> Table:
    """Languages as rows: win rates of A with intervals, outcomes, and the judge's biases."""
    found = rows_by_metric(comparison, (*RATES, *TRUST))
    columns = [Column("language")]
    for metric in found:
        head = _HEADS.get(metric) or metric_name(metric).lower().replace(" ", "\n")
        scale = scale_of_metric(metric)
        columns.append(Column(head, scale, form="half" if metric in RATES else "value"))
    columns += [Column("win/tie/\nloss"), Column("invalid")] if "win_rate" in found else []

    def cells(tag: str) -> list[Cell]:
        line: list[Cell] = [rows[tag].interval if tag in rows else None for rows in found.values()]
        if "win_rate" in found:
            row = found["win_rate"].get(tag)
            counts = f"{row.wins}/{row.ties}/{row.losses}" if row else None
            line += [counts, row.invalid if row else None]
        return line

    rows = [
        Row.of_language(tag, cells(tag), section=tier(tag))
        for tag in languages_of_comparison(comparison)
    ]
    if any(MEAN in part for part in found.values()):
        rows.append(Row("mean", cells(MEAN), is_group=True))
    a, b = comparison.names
    caption = f"judge: {comparison.judge}; ± half the 95 % interval"
    return Table(f"{a} against {b}, %", columns, rows, caption)
