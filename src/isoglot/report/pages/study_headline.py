"""The findings of a study: in one sentence, in tiles, as rows of all results."""

from collections import Counter

from isoglot.report.page import Tile
from isoglot.report.pages.study_tables import ONE_SEED
from isoglot.report.results.names import count_of, language_name
from isoglot.report.results.rows import ResultRow
from isoglot.report.results.study import Study


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


def study_notices(study: Study) -> list[str]:
    """The warning that a study has one seed, cells off its budget, and the runs that failed."""
    failed = [f"{each.run} failed: {each.error}" for each in study.failures]
    one_seed = [f"{ONE_SEED}."] if len(study.seeds) < 2 else []
    return [*one_seed, *_off_budget(study), *failed]


def _off_budget(study: Study) -> list[str]:
    """Name the cells whose compute misses the budget, in one notice."""
    if not study.budget:
        return []
    missed = [cell.cell for cell in study.cells if not study.budget.holds(cell)]
    allowed = f"{study.budget.tokens:,} tokens by more than {study.budget.tolerance:.0%}"
    return [f"Off the budget of {allowed}: {', '.join(missed)}."] if missed else []


def study_tiles(study: Study) -> list[Tile]:
    """The win rates of the best cell over all languages, by the judge of record."""
    known = [
        (row.win_rate, place)
        for place, cell in enumerate(study.cells)
        if (row := cell.rates(study.judges[0]).get("all")) and row.win_rate is not None
    ]
    if not known:
        return []
    best = study.cells[max(known)[1]]
    rates = best.rates(study.judges[0])
    found = {"all languages": rates["all"].interval}
    found["decided comparisons"] = rates["all"].decided_interval
    found |= {
        f"{group} languages": rates[group].interval
        for group in ("trained", "unseen")
        if group in rates
    }
    return [
        Tile.of(f"{best.cell}: {name}", interval)
        for name, interval in found.items()
        if interval.value is not None
    ]


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
