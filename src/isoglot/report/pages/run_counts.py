"""Rows of a run kept and dropped, by language and reason: translations, passes, contexts."""

from collections import Counter
from collections.abc import Iterable, Mapping

from isoglot.report.cells import INDEX_3, Cell, Column
from isoglot.report.results.summary import Fates, RoundSummary, RunSummary, TranslationCounts
from isoglot.report.table import Table, TableRow


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
        lost = total_of(row.lost for row in counts)
        fates[tag] = Fates(kept=sum(row.kept for row in counts), dropped=lost)
    likelihood = {tag: _mean_log_probability(rows) for tag, rows in by_language.items()}
    title = f"{what.capitalize()} kept and lost in translation"
    return fates_table(title, fates, "Lost", likelihood)


def transform_tables(entry: RoundSummary) -> list[Table]:
    """Prompts kept and dropped by each pass over those of a round, by language and fault."""
    return [
        fates_table(
            f"Prompts kept by pass {each.name}", each.by_language, "Dropped", golds=each.with_gold
        )
        for each in entry.transforms
    ]


def privilege_table(entry: RoundSummary) -> Table | None:
    """Prompts of a round with a privileged context by language, and those without by reason."""
    if entry.privileged is None:
        return None
    return fates_table("Prompts with a context", entry.privileged.by_language, "Dropped")


def _mean_log_probability(rows: Iterable[TranslationCounts]) -> float | None:
    """The mean over what all rounds kept; None where no translator gave one."""
    known = [(row.kept, row.log_probability) for row in rows if row.log_probability is not None]
    num = sum(kept for kept, _ in known)
    return sum(kept * value for kept, value in known) / num if num else None


def fates_table(
    title: str,
    fates: Mapping[str, Fates],
    total: str = "",
    likelihood: Mapping[str, float | None] | None = None,
    golds: Mapping[str, int] | None = None,
) -> Table:
    """Rows kept and dropped by language and reason; `total` names a column of all dropped, `golds`
    are those kept with a gold."""
    reasons = sorted({reason for row in fates.values() for reason in row.dropped})
    has_likelihood = any(value is not None for value in (likelihood or {}).values())
    columns = [Column(name) for name in ("Language", "Kept", *([total] if total else []))]
    columns += [Column(reason.replace("_", " ")) for reason in reasons]
    columns += [Column("Log-probability", INDEX_3)] * has_likelihood
    columns += [Column("With gold")] * (golds is not None)
    rows = []
    for tag, row in fates.items():
        cells: list[Cell] = [row.kept, *([sum(row.dropped.values())] if total else [])]
        cells += [row.dropped.get(reason, 0) for reason in reasons]
        cells += [likelihood[tag]] if likelihood and has_likelihood else []
        cells += [] if golds is None else [golds.get(tag, 0)]
        rows.append(TableRow.of_language(tag, cells))
    return Table(title, columns, rows)


def total_of(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
