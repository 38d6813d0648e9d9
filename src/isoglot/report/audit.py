"""The off-target rate of every model and language, for the console."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from isoglot.core.errors import InputError
from isoglot.report.results.measures import without_revisions

if TYPE_CHECKING:
    from rich.table import Table


def audit_rows(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """One row for each sampler (or policy M_t) and language: rate 0 to 1, interval, n, unknown."""
    audit = summary.get("audit")
    return list(audit["rows"]) if audit else list(_of_policies(summary))


def _of_policies(summary: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for round in summary["rounds"]:
        for row in round["results"]:
            if row["metric"] == "off_target_rate":
                yield {
                    **row,
                    "sampler": f"{round['policy']} {row['task']}",
                    "off_target_rate": row["value"],
                }


def audit_table(summary: Mapping[str, Any]) -> "Table":
    """Models down, languages across, rate in percent; `?` where nothing was identified."""
    from rich.box import SIMPLE
    from rich.table import Table

    rows = audit_rows(summary)
    if not rows:
        raise InputError("the run has no completions to audit yet: expected `generate` to be done")
    languages = sorted({row["language"] for row in rows})
    rates = {(row["sampler"], row["language"]): row for row in rows}
    table = Table("model", title="off-target rate, %", box=SIMPLE, padding=(0, 1, 0, 0))
    for language in languages:
        table.add_column(language, justify="right", no_wrap=True)
    samplers = list(dict.fromkeys(row["sampler"] for row in rows))
    for sampler, name in zip(samplers, without_revisions(samplers), strict=True):
        cells = [_percent(rates.get((sampler, language))) for language in languages]
        table.add_row(name, *cells)
    return table


def _percent(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    value = row["off_target_rate"]
    return "?" if value is None else f"{100 * value:.0f}"
