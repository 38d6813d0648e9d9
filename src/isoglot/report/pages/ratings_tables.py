"""The tables of one model's ratings: one for a page, one for a terminal."""

from collections.abc import Mapping

from isoglot.report.results.names import metric_name, tier
from isoglot.report.results.ratings import RatingResult, Ratings
from isoglot.report.results.rows import (
    GroupRow,
    Measure,
    group_title,
    groups_of,
    language_order,
    measures_of,
    rows_of,
)
from isoglot.report.table import GRADES, Cell, Column, Row, Table


def rating_measures(ratings: Ratings) -> list[Measure]:
    """The rating over all turns, then that of each turn."""
    return sorted(measures_of(ratings.results), key=lambda m: (len(m.metric), m.metric))


def rating_grid(ratings: Ratings) -> Table:
    """The groups, then every language, with counts."""
    measures = rating_measures(ratings)
    columns = [Column("Language"), Column("Resources")]
    columns += [Column(metric_name(measure.metric), GRADES) for measure in measures]
    columns += [Column("n"), Column("Unreadable"), Column("Not answered")]
    rows = [
        Row(title, [f"{len(languages)} languages", *cells, None, None, None], is_group=True)
        for title, languages, cells in _groups(ratings, measures)
    ]
    for tag, found in _by_language(ratings, measures).items():
        main = found.get(measures[0])
        counts = [main.n, main.invalid, main.unanswered] if main else [None] * 3
        rows.append(Row.of_language(tag, [tier(tag) or None, *_cells(measures, found), *counts]))
    return Table("Grades by language", columns, rows)


def rating_table(ratings: Ratings) -> Table:
    """Languages as rows, a column per turn with its interval; then the means."""
    measures = rating_measures(ratings)
    is_alone = len(measures) == 1
    columns = [Column("language")]
    columns += [
        Column(metric_name(m.metric).lower(), GRADES, form="brackets" if is_alone else "half")
        for m in measures
    ]
    columns.append(Column("invalid"))
    rows = []
    for tag, found in _by_language(ratings, measures).items():
        main = found.get(measures[0])
        cells = [*_cells(measures, found), main.invalid if main else None]
        rows.append(Row.of_language(tag, cells, section=tier(tag)))
    rows += [
        Row(title, [*cells, ""], is_group=True) for title, _, cells in _groups(ratings, measures)
    ]
    intervals = "95 % intervals" if is_alone else "± half the 95 % interval"
    caption = f"judge: {ratings.judge}; {intervals}"
    return Table(f"{ratings.model}, grades from 1 to 10", columns, rows, caption)


def _by_language(
    ratings: Ratings, measures: list[Measure]
) -> dict[str, dict[Measure, RatingResult]]:
    found = {measure: rows_of(ratings.results, measure) for measure in measures}
    return {
        tag: {measure: rows[tag] for measure, rows in found.items() if tag in rows}
        for tag in language_order(ratings.results)
    }


def _groups(ratings: Ratings, measures: list[Measure]) -> list[tuple[str, list[str], list[Cell]]]:
    """Title, languages and cells of each group of languages.

    The worst language is named, unless that of each turn is another.
    """
    found = {measure: rows_of(ratings.results, measure) for measure in measures}
    groups = {measure: groups_of(ratings.groups, measure) for measure in measures}
    lines = []
    for name, row in groups[measures[0]].items() if measures else ():
        titles = {group_title(name, found[m]) for m, part in groups.items() if name in part}
        title = titles.pop() if len(titles) == 1 else titles.pop().partition(" (")[0]
        pick = {m: part[name] for m, part in groups.items() if name in part}
        lines.append((title, list(row.languages), _cells(measures, pick)))
    return lines


def _cells(
    measures: list[Measure], pick: Mapping[Measure, RatingResult] | Mapping[Measure, GroupRow]
) -> list[Cell]:
    return [pick[measure].interval if measure in pick else None for measure in measures]
