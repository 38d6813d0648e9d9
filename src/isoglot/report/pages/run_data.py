"""The data of a run as tables: translations, routes, demonstrations, cleaning."""

from collections import Counter
from collections.abc import Iterable, Mapping

from isoglot.report.cells import INDEX_3, Cell, Column
from isoglot.report.results.names import language_name, without_revisions
from isoglot.report.results.summary import Fates, RoundSummary, RunSummary, TranslationCounts
from isoglot.report.table import Table, TableRow

_RATES = ("n", "Use", "chrF", "Off", "Art", "Fail")


def translation_table(summary: RunSummary, what: str) -> Table | None:
    """`prompts` or `answers` kept and lost by language, all rounds together; None of nothing."""
    by_language: dict[str, list[TranslationCounts]] = {}
    for entry in summary.rounds:
        for row in entry.translations:
            if row.what == what:
                by_language.setdefault(row.language, []).append(row)
    if not by_language:
        return None
    fates = {}
    for tag, counts in sorted(by_language.items()):
        lost = _total(row.lost for row in counts)
        fates[tag] = Fates(kept=sum(row.kept for row in counts), dropped=lost)
    likelihood = {tag: _mean_log_probability(rows) for tag, rows in by_language.items()}
    title = f"{what.capitalize()} kept and lost in translation"
    return _fates_table(title, fates, "Lost", likelihood)


def _mean_log_probability(rows: Iterable[TranslationCounts]) -> float | None:
    """The mean over what all rounds kept; None where no translator gave one."""
    known = [(row.kept, row.log_probability) for row in rows if row.log_probability is not None]
    num = sum(kept for kept, _ in known)
    return sum(kept * value for kept, value in known) / num if num else None


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
    return _fates_table("Demonstrations by language", entry.demonstrations.by_language, "Dropped")


def privilege_table(entry: RoundSummary) -> Table | None:
    """Prompts of a round with a privileged context by language, and those without by reason."""
    if entry.privileged is None:
        return None
    return _fates_table("Prompts with a context", entry.privileged.by_language, "Dropped")


def data_tables(summary: RunSummary) -> list[Table]:
    """The tables of translations, routes, contexts and cleaning that a run has, in its order."""
    found = [translation_table(summary, what) for what in ("prompts", "answers")]
    for entry in summary.rounds:
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
            kept=sum(row.kept for row in rows), dropped=_total(r.dropped for r in rows)
        )
    return _fates_table("Demonstrations kept and dropped", fates)


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


def _fates_table(
    title: str,
    fates: Mapping[str, Fates],
    total: str = "",
    likelihood: Mapping[str, float | None] | None = None,
) -> Table:
    """Rows kept and dropped by language and reason; `total` names a column of all dropped."""
    reasons = sorted({reason for row in fates.values() for reason in row.dropped})
    has_likelihood = any(value is not None for value in (likelihood or {}).values())
    columns = [Column(name) for name in ("Language", "Kept", *([total] if total else []))]
    columns += [Column(reason.replace("_", " ")) for reason in reasons]
    columns += [Column("Log-probability", INDEX_3)] * has_likelihood
    rows = []
    for tag, row in fates.items():
        cells: list[Cell] = [row.kept, *([sum(row.dropped.values())] if total else [])]
        cells += [row.dropped.get(reason, 0) for reason in reasons]
        cells += [likelihood[tag]] if likelihood and has_likelihood else []
        rows.append(TableRow.of_language(tag, cells))
    return Table(title, columns, rows)


def _total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
