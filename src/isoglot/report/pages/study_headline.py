"""The findings of a study: in one sentence, in tiles, as rows of all results, and its facts."""

import json
from collections import Counter

from isoglot.report.page import Tile
from isoglot.report.results.names import count_of, language_name
from isoglot.report.results.rows import ResultRow
from isoglot.report.results.study import Study, StudyCell
from isoglot.report.table import bounds, number


def language_order_of(study: Study) -> list[str]:
    """The dominant language, then those that most cells train, by name."""
    trained = Counter(tag for cell in study.cells for tag in cell.languages)
    return sorted(
        study.languages,
        key=lambda tag: (tag != study.dominant_language, -trained[tag], language_name(tag)),
    )


def study_sentence(study: Study) -> str:
    """The size of the grid, the answers by the judge of record, and the failures."""
    text = (
        f"{count_of(len(study.cells), 'cell')} with {count_of(len(study.seeds), 'seed')} on "
        f"{study.task} in {count_of(len(study.languages), 'language')}"
    )
    answers = Counter(row.answer for row in study.findings if row.judge == study.judges[0])
    if answers:
        named = ", ".join(f"{num} {answer}" for answer, num in answers.items())
        text += f"; of {count_of(answers.total(), 'claim')}: {named}"
    if study.failures:
        text += f"; {count_of(len(study.failures), 'run')} failed"
    return f"{text}."


def study_tiles(study: Study) -> list[Tile]:
    """The win rates of the best cell."""
    best = _best(study)
    if best is None:
        return []
    rates = best.rates(study.judges[0])
    tiles = []
    for group, name in (
        ("all", "all languages"),
        ("all", "decided comparisons"),
        ("trained", "trained languages"),
        ("unseen", "unseen languages"),
    ):
        if row := rates.get(group):
            interval = row.decided_interval if name.startswith("decided") else row.interval
            if interval.value is not None:
                figure = f"{number(interval.value)} %"
                tiles.append(Tile(f"{best.cell}: {name}", figure, bounds(interval)))
    return tiles


def study_results(study: Study) -> list[tuple[str, ResultRow]]:
    """Every win rate as a row of the table of all results, with the name of its cell."""
    return [
        (
            cell.cell,
            ResultRow(
                task=study.task,
                language=row.language,
                trained=row.trained,
                metric=f"win_rate by {row.judge}",
                value=row.win_rate,
                low=row.win_rate_low,
                high=row.win_rate_high,
                n=row.n,
                unknown=row.invalid,
                signature=study.signature,
            ),
        )
        for cell in study.cells
        for row in cell.win_rates
    ]


def study_facts(study: Study) -> str:
    """The rest of `study.json`, as text."""
    facts = study.model_dump(mode="json", exclude={"cells", "findings"})
    return json.dumps(facts, indent=2, ensure_ascii=False)


def _best(study: Study) -> StudyCell | None:
    """The cell with the highest win rate over all languages, by the judge of record."""
    rates = [cell.rates(study.judges[0]).get("all") for cell in study.cells]
    known = [
        (row.win_rate, place) for place, row in enumerate(rates) if row and row.win_rate is not None
    ]
    return study.cells[max(known)[1]] if known else None
