"""The generation routes of a run as tables: what each was measured at, and which was chosen."""

from isoglot.report.pages.run_data import (
    cleaning_table,
    fates_table,
    overlap_table,
    translation_table,
)
from isoglot.report.results.names import language_name, without_revisions
from isoglot.report.results.summary import RoundSummary, RouteRow, RunSummary
from isoglot.report.table import INDEX_3, Cell, Column, Table, TableRow

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
    rows = [TableRow.of_language(way.language, _route_cells(way, short[way.way])) for way in ways]
    return Table("The generation route of each language", columns, rows)


def _route_cells(way: RouteRow, name: str) -> list[Cell]:
    reward = "" if way.reward is None else f" (reward {way.reward:.3g})"
    decision = way.why
    if way.is_chosen:
        decision = "chosen" if way.why == "best" else f"chosen: {way.why}"
    rates = [way.usable, way.chrf, way.off_target_rate, way.artefact_rate, way.failed_rate]
    return [name, way.num_answers, *rates, way.quality, decision + reward]


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
    """The tables of translations, routes and cleaning that a run has, in its order."""
    found = [translation_table(summary, what) for what in ("prompts", "answers")]
    for entry in summary.rounds:
        found += [route_table(entry), demonstration_table(entry)]
    found += [cleaning_table(summary), overlap_table(summary)]
    return [table for table in found if table]
