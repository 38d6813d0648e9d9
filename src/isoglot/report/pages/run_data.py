"""The data of a run as tables: translations, routes, demonstrations, cleaning."""

from isoglot.report.cells import INDEX_3, Column
from isoglot.report.pages.run_counts import (
    fates_table,
    privilege_table,
    total_of,
    transform_tables,
    translation_table,
)
from isoglot.report.results.names import language_name, without_revisions
from isoglot.report.results.summary import Fates, RoundSummary, RunSummary
from isoglot.report.table import Table, TableRow

_RATES = ("n", "Use", "chrF", "Off", "Art", "Fail")


def route_table(entry: RoundSummary) -> Table | None:
    """List the measurements of each route in each language, and the decision."""
    if entry.demonstrations is None:
        return None
    ways = entry.demonstrations.ways
    names = list(dict.fromkeys(way.way for way in ways))
    short = dict(zip(names, without_revisions(names), strict=True))
    columns = [Column("Language"), Column("Route", is_text=True), *map(Column, _RATES)]
    columns += [Column("Rank", INDEX_3), Column("Decision", is_text=True)]
    rows = []
    for way in ways:
        reward = "" if way.reward is None else f" (reward {way.reward:.3g})"
        decision = way.why
        if way.is_chosen:
            decision = "chosen" if way.why == "best" else f"chosen: {way.why}"
        rates = [way.usable, way.chrf, way.off_target_rate, way.artefact_rate, way.failed_rate]
        cells = [short[way.way], way.num_answers, *rates, way.quality, decision + reward]
        rows.append(TableRow.of_language(way.language, cells))
    return Table("The generation route of each language", columns, rows)


def languages_without_route(summary: RunSummary) -> list[str]:
    """A line for each language whose routes all miss a threshold, or that has none."""
    return [
        f"{language_name(tag)} ({tag}) has no route that passes: {why}"
        for entry in summary.rounds
        if entry.demonstrations
        for tag, why in entry.demonstrations.without.items()
    ]


def demonstration_table(entry: RoundSummary) -> Table | None:
    """Demonstrations of a round by language, and the prompts without one by reason."""
    if entry.demonstrations is None:
        return None
    return fates_table("Demonstrations by language", entry.demonstrations.by_language, "Dropped")


def data_tables(summary: RunSummary) -> list[Table]:
    """The tables of translations, routes, contexts and cleaning that a run has, in its order."""
    found = [translation_table(summary, what) for what in ("prompts", "answers")]
    for entry in summary.rounds:
        found += transform_tables(entry)
        found += [route_table(entry), demonstration_table(entry), privilege_table(entry)]
    found += [cleaning_table(summary), overlap_table(summary)]
    return [table for table in found if table]


def cleaning_table(summary: RunSummary) -> Table | None:
    """Demonstrations kept and dropped by cleaning, all rounds together; None without cleaning."""
    cleaned = [entry.cleaned.by_language for entry in summary.rounds if entry.cleaned]
    if not cleaned:
        return None
    fates = {}
    for tag in sorted({tag for part in cleaned for tag in part}):
        rows = [part[tag] for part in cleaned if tag in part]
        fates[tag] = Fates(
            kept=sum(row.kept for row in rows), dropped=total_of(r.dropped for r in rows)
        )
    return fates_table("Demonstrations kept and dropped", fates)


def overlap_table(summary: RunSummary) -> Table | None:
    """Rows that hold an item of an evaluation set, by language and task; None where none was."""
    found = [row for e in summary.rounds if e.cleaned for row in e.cleaned.contamination]
    columns = ["Rows", "Hold an item", "Rate, %", "Items", "Found", "Unknown"]
    rows = [
        TableRow.of_language(
            r.language,
            [r.task, r.rows, r.contaminated, r.rate, r.items, r.found_items, r.unknown_items],
        )
        for r in found
    ]
    heads = [Column("Language"), Column("Task", is_text=True), *map(Column, columns)]
    return Table("Evaluation items found in demonstrations", heads, rows) if rows else None
