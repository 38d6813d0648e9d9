"""The page of a run: results over rounds, translations, routes, pairs and their lengths."""

from pathlib import Path

from isoglot.report.cards.pairs import pair_cards
from isoglot.report.cells import Column, ShareBar
from isoglot.report.page import Page, PageSection, read_facts, write_page
from isoglot.report.pages.headline import Headline, without_evaluation
from isoglot.report.pages.run_data_sections import (
    choice_section,
    demonstration_sections,
    training_section,
    translation_sections,
)
from isoglot.report.pages.run_notes import notes_of
from isoglot.report.pages.run_sections import audit_section, pair_sections, result_sections
from isoglot.report.results.facts import read_run_facts
from isoglot.report.results.progress import Progress
from isoglot.report.results.summary import RunSummary
from isoglot.report.table import Table, TableRow


def write_report(run: Path) -> Path:
    """Write `RUN/report.html` from the run's summary and preference shards, and return its path.

    The page makes no network request. Parts that the run does not have (yet) are named on the page.

    Example:
        >>> isoglot.write_report(Path("runs/mine"))

    Raises:
        InputError: `RUN/summary.json` is absent or cannot be read.
    """
    summary = RunSummary.read_from(run)
    notes: list[str] = []
    cards = pair_cards(run, notes)
    progress = Progress(summary)
    headline = Headline(progress)
    sentence = headline.sentence if progress.primary else without_evaluation(summary)
    tiles = headline.tiles()
    last = progress.rounds[-1] if progress.rounds else 0
    fine = [
        f"Changes are in points, M0 to M{last}, with 95 % intervals. Languages share their "
        "problems, so the interval of a mean over languages draws problems, in all of them at once."
    ]
    made = [f"Seed {'unknown' if summary.seed is None else summary.seed}"]
    facts = read_run_facts(run)
    made += [" ".join(version) for version in facts.versions.items()]
    made += [f"today is {facts.day} in prompts"] if facts.day else []
    stopped = [f"Stopped: {summary.stopped}"] if summary.stopped else []
    timings = _timing_table(summary)
    page = Page(
        title=summary.recipe or "A run without a recipe",
        headline=sentence,
        sections=_sections(progress),
        cards=cards,
        tiles=tiles,
        fine=[*(fine if tiles else []), " · ".join(made)],
        notices=[
            *(*stopped, *notes_of(summary), *notes),
        ],
        results=[(f"M{index}", row) for index, row in summary.results],
        order=progress.languages,
        closing=[
            PageSection(
                "timings",
                "Timings",
                "",
                tables=[timings] if timings else [],
                missing="No timings are recorded.",
            )
        ],
        facts=read_facts(run / "run.json"),
    )
    return write_page(run / "report.html", page)


def _sections(progress: Progress) -> list[PageSection]:
    """List the sections; results and pairs that the run never makes are not named as missing."""
    summary = progress.summary
    audit, data = audit_section(summary), demonstration_sections(summary)
    has_results = bool(progress.measures) or not (audit or data or progress.pairs)
    makes_no_pairs = summary.method in ("rloo", "grpo", "sdft") or bool(data) or not has_results
    return [
        *(result_sections(progress) if has_results else []),
        *audit,
        *translation_sections(summary),
        *data,
        *choice_section(summary),
        *training_section(summary),
        *(pair_sections(progress) if progress.pairs or not makes_no_pairs else []),
    ]


def _timing_table(summary: RunSummary) -> Table | None:
    """Seconds of each stage, with a bar of its share of the longest; None without any."""
    longest = max(summary.seconds.values(), default=0.0) or 1.0
    rows = [
        TableRow(stage, [f"{seconds:.1f} s", ShareBar(seconds / longest)])
        for stage, seconds in summary.seconds.items()
    ]
    rows.append(TableRow("Total", [f"{sum(summary.seconds.values()):.1f} s", ""], is_group=True))
    columns = [Column("Stage"), Column("Time"), Column("", is_text=True)]
    return Table("Timings", columns, rows, summary="The stages") if summary.seconds else None
