"""The page of a study: its claims, win rates against M0, transfer, data size, costs, failures."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from isoglot.report.cards.card import no_cards
from isoglot.report.charts.study import (
    claim_chart,
    language_dots,
    score_bars,
    size_curves,
    transfer_map,
    win_rate_bars,
)
from isoglot.report.page import Page, PageSection, write_page
from isoglot.report.pages.study_costs import costs_table
from isoglot.report.pages.study_headline import (
    language_order_of,
    study_notices,
    study_results,
    study_sentence,
    study_tiles,
)
from isoglot.report.pages.study_rates import cells_table, languages_table
from isoglot.report.pages.study_tables import (
    failures_table,
    findings_table,
    scores_table,
)
from isoglot.report.results.names import metric_name
from isoglot.report.results.rows import Measure
from isoglot.report.results.study import STUDY_GROUPS, Study, StudyScore

_RULE = (
    "The difference of the mean win-rates of two sets of cells, each compared where the cells "
    "agree on everything else, and each seed with itself. Yes: the whole 95 % interval lies above "
    "0, or above minus the margin. No: none of it does. Else the study cannot tell."
)
_SCORES = (
    "Of the last policy of each cell and of M0, in percent: means over languages (of the answer, "
    "where the task is cross-lingual) and over seeds. In brackets the change to M0 on the "
    "same prompts, with its 95 % interval over seeds and prompts. What was trained last are "
    "the languages of the last round."
)
_COSTS = (
    "Seconds of all seeds together, in the cell that made a stage; an asterisk marks a stage "
    "of which some was taken from another cell, whose seconds are under Shared. Times are of "
    "this machine, with as many runs at a time as it was given. Tokens are means of a run: written "
    "by models, and read by trainings, without evaluations and judges."
)


def write_study_report(folder: Path) -> Path:
    """Write `FOLDER/study.html` from `FOLDER/study.json`; return its path.

    Raises:
        InputError: there is no study to read.
    """
    study = Study.read_from(folder)
    tags = language_order_of(study)
    facts = study.model_dump(mode="json", exclude={"cells", "findings"})
    page = Page(
        title=study.name,
        headline=study_sentence(study),
        sections=_sections(study, tags),
        cards=no_cards(
            "The prompts and answers of each run are in its folder; `isoglot report` makes a page "
            "of it."
        ),
        tiles=study_tiles(study),
        fine=[
            *([study.description] if study.description else []),
            "A win-rate is that of the last policy of a run against its own M0 on the same "
            f"prompts, a tie as half a win. Intervals are 95 %, over {len(study.seeds)} seeds "
            "and the prompts of each.",
        ],
        notices=study_notices(study),
        results=study_results(study),
        order=[*STUDY_GROUPS, *tags],
        facts=json.dumps(facts, indent=2, ensure_ascii=False),
        facts_name="study.json",
    )
    return write_page(folder / "study.html", page)


def _sections(study: Study, tags: Sequence[str]) -> list[PageSection]:
    sections = []
    if study.findings:
        charts, tables = [claim_chart(study.findings)], [findings_table(study.findings)]
        sections.append(PageSection("findings", "The claims", _RULE, charts, tables))
    by_measure: dict[Measure, list[StudyScore]] = {}
    for row in study.scores:
        by_measure.setdefault(Measure(row.task, row.metric), []).append(row)
    for place, (measure, rows) in enumerate(by_measure.items()):
        sections.append(
            PageSection(
                f"scores-{place}",
                measure.title,
                "As above." if place else _SCORES,
                [score_bars(metric_name(measure.metric), rows)],
                [scores_table(rows)],
            )
        )
    for i, judge in enumerate(study.judges):
        sections += _judge_sections(study, i, judge, tags)
    costs = costs_table(study.cells, study.budget)
    sections.append(PageSection("costs", "What it cost", _COSTS, tables=[costs]))
    if study.failures:
        caption = (
            "The other cells are as if these had not been tried. The same command tries them again."
        )
        failures = failures_table(study.failures)
        sections.append(PageSection("failures", "What failed", caption, tables=[failures]))
    return sections


def _judge_sections(study: Study, i: int, judge: str, tags: Sequence[str]) -> Iterator[PageSection]:
    cells = study.cells
    yield PageSection(
        f"cells-{i}",
        f"Win-rate against M0, by {judge}",
        "The mean over the languages that a cell trains, and over those that it does not.",
        [win_rate_bars(cells, judge)],
        [cells_table(study, judge)],
    )
    yield PageSection(
        f"transfer-{i}",
        f"From trained to evaluated languages, by {judge}",
        "Win-rate in percent: a column is a cell, a row the language in which it is measured. "
        "● marks what the cell trained on; all else is transfer.",
        [transfer_map(cells, judge, tags)],
    )
    yield PageSection(
        f"languages-{i}",
        f"Each language and cell, by {judge}",
        "Dots are win-rates with 95 % intervals; the line is where neither side wins.",
        [language_dots(cells, judge, tags)],
        [languages_table(cells, judge, tags)],
    )
    # With a budget, methods have other amounts of data so that their compute is the same.
    if not study.budget and (charts := size_curves(cells, judge)):
        yield PageSection(
            f"size-{i}",
            f"Data size, by {judge}",
            "Families times languages, or what the study calls its size. A line joins cells that "
            "differ in nothing else.",
            charts,
            is_panels=True,
        )
