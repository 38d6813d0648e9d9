"""A study as a page: its claims, who wins against M0, transfer, data size, costs and failures."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.report.cards.browser import Browser
from isoglot.report.charts.study_figures import (
    by_cell,
    by_language,
    by_tier,
    claims,
    over_size,
    rate_of,
    transfer,
)
from isoglot.report.old_page import (
    Grid,
    Line,
    Page,
    Section,
    Tile,
    render_page,
    write_page,
)
from isoglot.report.results.measures import Row, language_name, metric_name, number
from isoglot.report.study_table import (
    GROUPS,
    SCORE_GROUPS,
    counts,
    difference,
    over,
    rows_of,
    score,
    seconds_of,
    selected,
    win_rate,
)
from isoglot.report.tables import UNKNOWN, bounds, percent

Study = Mapping[str, Any]
"""The content of `study.json`."""

_RULE = (
    "The difference of the mean win-rates of two sets of cells, each compared where the cells "
    "agree on everything else, and each seed with itself. Yes: the whole 95 % interval lies above "
    "0, or above minus the margin. No: none of it does. Else the study cannot tell."
)

_SCORES = (
    "Of the last policy of each cell and of M0, in percent: means over languages (of the answer, "
    "where the task asks across languages) and over seeds. In brackets the change to M0 on the "
    "same questions, with its 95 % interval over seeds and questions. What was trained last are "
    "the languages of the last round."
)


def write_study_report(folder: Path) -> Path:
    """Write `FOLDER/study.html` from `FOLDER/study.json`; return its path.

    InputError where there is no study to read.
    """
    path = folder / "study.json"
    try:
        study = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"expected a study in {path}, came {error}; run it again") from None
    return write_page(folder / "study.html", render_page(_page(study)))


def _page(study: Study) -> Page:
    tags = _order(study)
    rows = [
        (cell["cell"], _result(study, row)) for cell in study["cells"] for row in cell["win_rates"]
    ]
    facts = {key: value for key, value in study.items() if key not in ("cells", "findings")}
    return Page(
        title=study["name"],
        sentence=_sentence(study),
        sections=_sections(study, tags),
        browser=Browser(
            "Prompts and answers",
            "",
            "The prompts and answers of each run are in its folder; `isoglot report` makes a page "
            "of it.",
            "answers",
        ),
        tiles=_tiles(study),
        fine=[
            *([study["description"]] if study["description"] else []),
            "A win-rate is that of the last policy of a run against its own M0 on the same "
            f"questions, a tie as half a win. Intervals are 95 %, over {len(study['seeds'])} seeds "
            "and the questions of each.",
        ],
        notices=[f"{each['run']} failed: {each['error']}" for each in study["failures"]],
        rows=rows,
        order=[*GROUPS, *tags],
        facts=facts,
        facts_name="study.json",
    )


def _order(study: Study) -> list[str]:
    """The dominant language, then those that most cells train, by name."""
    trained = Counter(tag for cell in study["cells"] for tag in cell["languages"])
    return sorted(
        study["languages"],
        key=lambda tag: (tag != study["dominant_language"], -trained[tag], language_name(tag)),
    )


def _result(study: Study, row: Row) -> Row:
    return {
        **rate_of(row),
        "task": study["task"],
        "metric": f"win_rate by {row['judge']}",
        "signature": study["signature"],
    }


def _sentence(study: Study) -> str:
    text = (
        f"{_count(len(study['cells']), 'cell')} with {_count(len(study['seeds']), 'seed')} on "
        f"{study['task']} in {_count(len(study['languages']), 'language')}"
    )
    record = [row for row in study["findings"] if row["judge"] == study["judges"][0]]
    answers = Counter(row["answer"] for row in record)
    if record:
        said = ", ".join(f"{n} {answer}" for answer, n in answers.items())
        text += f"; of {_count(len(record), 'claim')}: {said}"
    if study["failures"]:
        text += f"; {_count(len(study['failures']), 'run')} failed"
    return f"{text}."


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _best(study: Study) -> Mapping[str, Any] | None:
    """The cell that wins most over all languages, by the judge of record."""
    judge = study["judges"][0]
    values = [
        (value, i)
        for i, cell in enumerate(study["cells"])
        if (value := number(rows_of(cell, judge).get("all"), "win_rate")) is not None
    ]
    return study["cells"][max(values)[1]] if values else None


def _tiles(study: Study) -> list[Tile]:
    best = _best(study)
    if best is None:
        return []
    rows = rows_of(best, study["judges"][0])
    tiles = []
    for group, rate, name in (
        ("all", "win_rate", "all languages"),
        ("all", "decided_win_rate", "decided comparisons"),
        ("trained", "win_rate", "trained languages"),
        ("unseen", "win_rate", "unseen languages"),
    ):
        row = rate_of(rows.get(group), rate)
        if (value := number(row)) is not None:
            tiles.append(Tile(f"{best['cell']}: {name}", f"{percent(value)} %", bounds(row)))
    return tiles


def _sections(study: Study, tags: Sequence[str]) -> list[Section]:
    sections = [_findings(study)] if study["findings"] else []
    sections += _scores(study["scores"])
    for i, judge in enumerate(study["judges"]):
        sections += _judged(study, i, judge, tags)
    return [*sections, _costs(study), *([_failures(study)] if study["failures"] else [])]


def _findings(study: Study) -> Section:
    lines = [
        Line(
            row["claim"],
            [
                row["answer"],
                difference(row),
                f"{selected(row['better'])} minus {selected(row['than'])}",
                over(row),
                row["judge"],
                percent(row["margin"]) if row["margin"] else "",
                ", ".join(percent(value) for value in row["by_seed"]),
                f"{row['num_comparisons']} × {row['num_seeds']}",
            ],
        )
        for row in study["findings"]
    ]
    columns = ["Claim", "Answer", "Points (95 % interval)", "Cells", "Languages", "Judge",
               "Margin", "Each seed", "Comparisons × seeds"]  # fmt: skip
    return Section(
        "findings",
        "The claims",
        _RULE,
        "",
        [claims(study)],
        Grid(columns, lines),
    )


def _scores(scores: Sequence[Row]) -> list[Section]:
    """A section for each task and metric, in which every cell stands beside M0."""
    by_metric: dict[tuple[str, str], list[Row]] = {}
    for row in scores:
        by_metric.setdefault((row["task"], row["metric"]), []).append(row)
    sections = []
    for place, ((task, metric), rows) in enumerate(by_metric.items()):
        what = metric_name(metric)
        groups = {group: name for group, name in SCORE_GROUPS.items()
                  if any(row["group"] == group for row in rows)}  # fmt: skip
        sections.append(
            Section(
                f"scores-{place}",
                f"{what} on {task}",
                _SCORES if place == 0 else "As above.",
                "",
                [by_tier(what, rows)],
                _score_grid(rows, groups),
            )
        )
    return sections


def _score_grid(rows: Sequence[Row], groups: Mapping[str, str]) -> Grid:
    found = {(row["cell"], row["group"]): row for row in rows}
    cells = dict.fromkeys(row["cell"] for row in rows)
    lines = [Line(cell, [score(found.get((cell, group))) for group in groups]) for cell in cells]
    return Grid(["Cell", *(name.capitalize() for name in groups.values())], lines)


def _judged(study: Study, i: int, judge: str, tags: Sequence[str]) -> list[Section]:
    cells = study["cells"]
    sections = [
        Section(
            f"cells-{i}",
            f"Win-rate against M0, by {judge}",
            "The mean over the languages that a cell trains, and over those that it does not.",
            "No results.",
            [by_cell(cells, judge)],
            _means(cells, judge),
        ),
        Section(
            f"transfer-{i}",
            f"From trained to evaluated languages, by {judge}",
            "Win-rate in percent: a column is a cell, a row the language in which it is measured. "
            "● marks what the cell trained on; all else is transfer.",
            "No results.",
            [transfer(cells, judge, tags)],
        ),
        Section(
            f"languages-{i}",
            f"Each language and cell, by {judge}",
            "Dots are win-rates with 95 % intervals; the line is where neither side wins.",
            "No results.",
            [by_language(cells, judge, tags)],
            _languages(cells, judge, tags),
        ),
    ]
    if charts := over_size(cells, judge):
        caption = (
            "Families times languages, or what the study calls its size. A line joins cells that "
            "differ in nothing else."
        )
        sections.append(
            Section(f"size-{i}", f"Data size, by {judge}", caption, "", charts, is_panels=True)
        )
    return sections


def _means(cells: Sequence[Row], judge: str) -> Grid:
    lines = []
    for cell in cells:
        rows = rows_of(cell, judge)
        rates = [win_rate(rows.get(group)) for group in GROUPS]
        decided = win_rate(rows.get("all"), "decided_win_rate")
        lines.append(Line(cell["cell"], [*rates, decided, counts(rows.get("all"))]))
    columns = ["Cell", "All languages, %", "Trained, %", "Unseen, %", "Decided only, %",
               "Wins / ties / losses"]  # fmt: skip
    return Grid(columns, lines)


def _languages(cells: Sequence[Row], judge: str, tags: Sequence[str]) -> Grid:
    lines = []
    for cell in cells:
        rows = rows_of(cell, judge)
        for tag in tags:
            row = rows.get(tag)
            if row is None:
                continue
            lines.append(
                Line(
                    f"{cell['cell']}: {language_name(tag)}{' ●' if row['trained'] else ''}",
                    [
                        win_rate(row),
                        win_rate(row, "decided_win_rate"),
                        counts(row),
                        str(row["n"]),
                        f"{percent(row['base_off_target'])} → {percent(row['off_target'])}",
                        ", ".join(percent(value) for value in row["win_rate_by_seed"]),
                    ],
                    tag,
                )
            )
    columns = ["Cell and language", "Win-rate, %", "Decided only, %", "Wins / ties / losses", "n",
               "Off-target, %", "Each seed, %"]  # fmt: skip
    return Grid(columns, lines, is_open=False)


def _costs(study: Study) -> Section:
    stages = list(
        dict.fromkeys(
            stage
            for cell in study["cells"]
            for run in cell["runs"]
            for stage in (*run.get("seconds", ()), *run.get("shared_seconds", ()))
        )
    )
    lines = []
    for cell in study["cells"]:
        done = [run for run in cell["runs"] if run["error"] is None]
        parts = [_seconds(done, stage) for stage in stages]
        shared = sum(sum(run["shared_seconds"].values()) for run in done)
        tokens = sum(sum(run["tokens"].values()) for run in done)
        pairs = [run["pairs"] for run in done if run["pairs"] is not None]
        lines.append(
            Line(
                cell["cell"],
                [
                    *parts,
                    f"{seconds_of(cell):.0f}",
                    f"{shared:.0f}",
                    f"{tokens:,}" if tokens else UNKNOWN,
                    ", ".join(map(str, pairs)) or UNKNOWN,
                ],
            )
        )
    columns = ["Cell", *(f"{stage}, s" for stage in stages), "All, s", "Shared, s", "Tokens",
               "Pairs, each seed"]  # fmt: skip
    return Section(
        "costs",
        "What it cost",
        "Seconds of all seeds together, in the cell that made a stage; an asterisk marks a stage "
        "of which some was taken from another cell, whose seconds stand under Shared. Times are of "
        "this machine, with so many runs at a time as were asked for. Tokens are those that stages "
        "counted.",
        "",
        (),
        Grid(columns, lines),
    )


def _seconds(runs: Sequence[Row], stage: str) -> str:
    """`12*`: the seconds that were spent here; an asterisk where a sibling's work was taken."""
    spent = [run["seconds"][stage] for run in runs if stage in run["seconds"]]
    taken = any(stage in run["shared_seconds"] for run in runs)
    if not spent and not taken:
        return UNKNOWN
    return f"{sum(spent):.0f}{'*' if taken else ''}"


def _failures(study: Study) -> Section:
    lines = [Line(each["run"], [each["error"], each["log"]]) for each in study["failures"]]
    return Section(
        "failures",
        "What failed",
        "The other cells are as if these had not been tried. The same command tries them again.",
        "",
        (),
        Grid(["Run", "Why", "Log"], lines, title="The failures"),
    )
