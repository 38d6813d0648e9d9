"""The tables of a study: claims, scores and failures."""

from collections.abc import Mapping, Sequence

from isoglot.report.cells import POINTS, Column, Toned, bounds, number
from isoglot.report.results.study import (
    SCORE_GROUPS,
    STUDY_GROUPS,
    LanguageSelection,
    StudyFailure,
    StudyFinding,
    StudyScore,
)
from isoglot.report.table import Table, TableRow

_ANSWERS = {
    "yes": Toned("yes", "good"),
    "no": Toned("no", "bad"),
    "undecided": Toned("undecided", "unsure"),
}
ONE_SEED = (
    "Warning: one seed. The intervals hold the spread of prompts and not that of trainings, which "
    "may be larger; give the study three seeds or more"
)


def claims_table(findings: Sequence[StudyFinding]) -> Table:
    """Every claim with its answer, for a terminal."""
    columns = [Column("claim"), Column("languages", is_text=True), Column("judge", is_text=True)]
    columns += [Column("difference", POINTS, form="words"), Column("answer", is_text=True)]
    rows = [
        TableRow(row.claim, [_place(row), row.judge, row.interval, _answer(row)])
        for row in findings
    ]
    caption = "yes: the whole 95 % interval is above 0 (or minus the margin); no: none of it is"
    if any(row.num_seeds < 2 for row in findings):
        caption += f". {ONE_SEED}"
    return Table("Findings: difference of win-rates, points", columns, rows, caption)


def findings_table(findings: Sequence[StudyFinding]) -> Table:
    """Every claim with its answer, and what was compared."""
    columns = [
        Column("Claim"),
        Column("Answer", is_text=True),
        Column("Points (95 % interval)", POINTS, form="words"),
        *(Column(name, is_text=True) for name in ("Cells", "Languages", "Judge")),
        *map(Column, ("Margin", "Each seed", "Comparisons × seeds")),
    ]
    rows = [
        TableRow(
            row.claim,
            [
                _answer(row),
                row.interval,
                f"{_selected(row.better)} minus {_selected(row.than)}",
                _place(row),
                row.judge,
                number(row.margin) if row.margin else "",
                ", ".join(map(number, row.by_seed)),
                f"{row.num_comparisons} × {row.num_seeds}",
            ],
        )
        for row in findings
    ]
    return Table("The claims", columns, rows)


def _answer(row: StudyFinding) -> Toned:
    """The answer; that of one seed is marked, as another seed may give another one."""
    if row.num_seeds < 2:
        return Toned(f"{row.answer} (one seed)", "unsure")
    return _ANSWERS[row.answer]


def scores_table(scores: Sequence[StudyScore]) -> Table:
    """A metric of a task: cells as rows, groups of languages as columns."""
    found = {(row.cell, row.group): row for row in scores}
    groups = [group for group in SCORE_GROUPS if any(row.group == group for row in scores)]
    columns = [Column("Cell"), *(Column(SCORE_GROUPS[group].capitalize()) for group in groups)]
    rows = [
        TableRow(cell, [_score(found.get((cell, group))) for group in groups])
        for cell in dict.fromkeys(row.cell for row in scores)
    ]
    return Table("", columns, rows)


def failures_table(failures: Sequence[StudyFailure]) -> Table:
    """The runs that failed, with the reason and the log of each."""
    columns = [Column("Run"), Column("Why", is_text=True), Column("Log", is_text=True)]
    rows = [TableRow(each.run, [each.error, each.log]) for each in failures]
    return Table("", columns, rows, summary="The failures")


def _score(row: StudyScore | None) -> str:
    """`27.8 (+3.8: +2.0 to +5.6)`: a value in percent, and its change to M0 in points."""
    if row is None or row.change_interval is None:
        return number(row.value if row else None)
    change = row.change_interval
    return f"{number(row.value)} ({number(change.value, POINTS)}: {bounds(change, POINTS)})"


def _selected(selector: Mapping[str, Sequence[str]]) -> str:
    """`data ML-all, method dpo`"""
    return ", ".join(f"{axis} {' or '.join(values)}" for axis, values in selector.items())


def _place(finding: StudyFinding) -> str:
    """The languages of a finding's win rates."""
    selections: list[LanguageSelection | None] = [finding.languages, finding.more_than_in]
    return " more than ".join(
        STUDY_GROUPS[tags] if isinstance(tags, str) else " ".join(tags)
        for tags in selections
        if tags
    )
