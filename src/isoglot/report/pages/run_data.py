"""The data of a run as tables: translations, cleaning, pairs, and the time of each stage."""

from collections import Counter
from collections.abc import Iterable, Mapping

from isoglot.report.results.names import language_name
from isoglot.report.results.summary import Fates, RunSummary, TranslationCounts
from isoglot.report.table import INDEX_3, Column, ShareBar, Table, TableRow


def translation_table(summary: RunSummary, what: str) -> Table | None:
    """`prompts` or `answers` kept and lost by language, all rounds together; None of nothing."""
    by_language: dict[str, list[TranslationCounts]] = {}
    for entry in summary.rounds:
        for row in entry.translations:
            if row.what == what:
                by_language.setdefault(row.language, []).append(row)
    if not by_language:
        return None
    lost = {tag: _total(row.lost for row in rows) for tag, rows in by_language.items()}
    kept = {tag: sum(row.kept for row in rows) for tag, rows in by_language.items()}
    reasons = sorted({reason for counts in lost.values() for reason in counts})
    likelihood = {tag: _mean_log_probability(rows) for tag, rows in by_language.items()}
    is_known = any(value is not None for value in likelihood.values())
    columns = ["Language", "Kept", "Lost", *map(_words, reasons)]
    rows = [
        TableRow.of_language(
            tag,
            [
                kept[tag],
                lost[tag].total(),
                *(lost[tag][reason] for reason in reasons),
                *([likelihood[tag]] * is_known),
            ],
        )
        for tag in sorted(by_language)
    ]
    return Table(
        f"{what.capitalize()} kept and lost in translation",
        [*map(Column, columns), *[Column("Log-probability", INDEX_3)] * is_known],
        rows,
    )


def _mean_log_probability(rows: Iterable[TranslationCounts]) -> float | None:
    """The mean over what all rounds kept; None where no translator gave one."""
    known = [(row.kept, row.log_probability) for row in rows if row.log_probability is not None]
    num = sum(kept for kept, _ in known)
    return sum(kept * value for kept, value in known) / num if num else None


def cleaning_table(summary: RunSummary) -> Table | None:
    """Demonstrations kept and dropped by cleaning, all rounds together; None without cleaning."""
    kept: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {}
    for entry in summary.rounds:
        for tag, row in (entry.cleaned.by_language if entry.cleaned else {}).items():
            kept[tag] += row.kept
            dropped.setdefault(tag, Counter()).update(row.dropped)
    if not any(entry.cleaned for entry in summary.rounds):
        return None
    fates = {tag: Fates(kept=kept[tag], dropped=dropped[tag]) for tag in sorted(dropped)}
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


def empty_languages(summary: RunSummary) -> list[str]:
    """A line for each round in which languages have no demonstration."""
    return [
        f"Round {entry.round}: no demonstration is left in "
        f"{', '.join(map(language_name, entry.cleaned.empty_languages))}"
        for entry in summary.rounds
        if entry.cleaned and entry.cleaned.empty_languages
    ]


def pair_table(summary: RunSummary) -> Table | None:
    """Kept, dropped and reward accuracy of each round's pairs; None without pairs."""
    rows = [
        TableRow(
            str(entry.round),
            [
                pairs.kept,
                pairs.types or None,
                sum(pairs.dropped.values()),
                pairs.reward_accuracy.interval if pairs.reward_accuracy else None,
            ],
        )
        for entry in summary.rounds
        if (pairs := entry.pairs)
    ]
    columns = [Column("Round"), Column("Kept"), Column("Of which", is_text=True)]
    columns += [Column("Dropped"), Column("Reward accuracy, %")]
    return Table("Pairs of each round", columns, rows) if rows else None


def timing_table(summary: RunSummary) -> Table | None:
    """Seconds of each stage, with a bar of its share of the longest; None without any."""
    longest = max(summary.seconds.values(), default=0.0) or 1.0
    rows = [
        TableRow(stage, [f"{seconds:.1f} s", ShareBar(seconds / longest)])
        for stage, seconds in summary.seconds.items()
    ]
    rows.append(TableRow("Total", [f"{sum(summary.seconds.values()):.1f} s", ""], is_group=True))
    columns = [Column("Stage"), Column("Time"), Column("", is_text=True)]
    return Table("Timings", columns, rows, summary="The stages") if summary.seconds else None


def fates_table(title: str, fates: Mapping[str, Fates], total: str = "") -> Table:
    """Rows kept and dropped by language and reason; `total` names a column of all dropped."""
    reasons = sorted({reason for row in fates.values() for reason in row.dropped})
    columns = ["Language", "Kept", *([total] if total else []), *map(_words, reasons)]
    rows = [
        TableRow.of_language(
            tag,
            [
                row.kept,
                *([sum(row.dropped.values())] if total else []),
                *(row.dropped.get(reason, 0) for reason in reasons),
            ],
        )
        for tag, row in fates.items()
    ]
    return Table(title, [*map(Column, columns)], rows)


def _total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _words(reason: str) -> str:
    return reason.replace("_", " ")
