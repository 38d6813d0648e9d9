"""Results for others' tools: CSV, LaTeX, Markdown, and the JSON that `lm-eval` writes."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, get_args

from isoglot.core.errors import InputError
from isoglot.core.store import write_json
from isoglot.report.cells import Cell, Column, scale_of
from isoglot.report.export.lm_eval import as_lm_eval
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.judging import JudgedComparison, Ratings
from isoglot.report.results.names import language_name, metric_name, tier
from isoglot.report.results.rows import (
    MEAN,
    GroupRow,
    Measure,
    ResultRow,
    Results,
    group_title,
    groups_of,
    language_order,
    rows_of,
)
from isoglot.report.results.runs import read_results
from isoglot.report.table import Table, TableRow

Kind = Literal["csv", "latex", "markdown", "lm-eval"]
EXPORTS: tuple[Kind, ...] = get_args(Kind)
"""The forms that `isoglot export` can write."""

_COLUMNS = (
    *("baseline", "task", "metric", "language", "group", "tier", "trained", "value", "low"),
    *("high", "n", "unknown", "change", "change_low", "change_high", "change_p", "wins", "ties"),
    *("losses", "invalid", "unanswered", "signature"),
)


def export_results(folder: Path, kind: str, path: Path) -> Path:
    """Write the results of an evaluation, a judged comparison or a run as `kind`; return the path.

    `csv` has every column of every result, rates 0 to 1 (a judge's grade as a tenth of itself), an
    empty cell where a value is unknown. `latex` (booktabs) and `markdown` have a language in each
    row and percents. `lm-eval` is the layout of `results_*.json` of lm-eval 0.4.

    Raises:
        InputError: there is no such kind, or the folder has no results.
    """
    if kind not in EXPORTS:
        raise InputError(f"unknown export {kind!r}: expected one of {', '.join(EXPORTS)}")
    results = read_results(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "lm-eval":
        write_json(path, as_lm_eval(results))
        return path
    draw: dict[str, Callable[[], str]] = {
        "csv": lambda: flat_table(results).to_csv(),
        "latex": lambda: wide_table(results).to_latex(),
        "markdown": lambda: wide_table(results).to_markdown(),
    }
    path.write_text(draw[kind](), encoding="utf-8", newline="")
    return path


def flat_table(results: Results) -> Table:
    """A row for each result, then one for each group of languages; every column there is."""
    rows: list[TableRow] = []
    all_rows: list[ResultRow | GroupRow] = [*results.results, *results.groups]
    for row in all_rows:
        cells: dict[str, Cell] = {**row.model_dump(), "baseline": _baseline(results)}
        if isinstance(row, ResultRow):
            cells["tier"] = tier(row.language)
        else:
            cells["language"] = " ".join(row.languages)
        rows.append(TableRow(results.model_name, [cells.get(name) for name in _COLUMNS]))
    return Table("Results", [Column("model"), *map(Column, _COLUMNS)], rows)


def wide_table(results: Results) -> Table:
    """Languages down, then groups, and a column for each measure."""
    rows = results.results
    measures = list(dict.fromkeys(row.measure for row in rows))
    found = {measure: rows_of(rows, measure) for measure in measures}
    groups = {measure: groups_of(results.groups, measure) for measure in measures}
    tags = language_order([row for row in rows if row.language != MEAN])
    tags += [MEAN] * any(row.language == MEAN for row in rows)
    # The worst language is named where one column says which it is.
    named = found[measures[0]] if len(measures) == 1 else {}
    return Table(
        "Results",
        [
            Column("Language"),
            *(Column(f"{m.task} {metric_name(m.metric)}".strip(), scale_of(m)) for m in measures),
        ],
        [
            *(TableRow(language_name(tag), _cells(found, tag)) for tag in tags),
            *(
                TableRow(group_title(name, named), _cells(groups, name), is_group=True)
                for name in dict.fromkeys(name for part in groups.values() for name in part)
            ),
        ],
        notes=_notes(results),
    )


def _cells(found: Mapping[Measure, Mapping[str, ResultRow | GroupRow]], name: str) -> list[Cell]:
    return [part[name].interval if name in part else None for part in found.values()]


def _baseline(results: Results) -> str:
    return results.baseline or "" if isinstance(results, Evaluation) else ""


def _notes(results: Results) -> list[str]:
    """List model, units, counts and each signature once: numbers mean nothing without them."""
    measures = dict.fromkeys(row.measure for row in results.results)
    is_graded = bool(measures) and all(measure.is_rating for measure in measures)
    unit = "grades from 1 to 10" if is_graded else "percent"
    notes = [f"{results.model_name}; {unit}, 95 % interval in brackets"]
    if baseline := _baseline(results):
        notes.append(f"baseline: {baseline}")
    if isinstance(results, JudgedComparison | Ratings):
        notes.append(f"judge: {results.judge}")
    for measure in measures:
        rows = rows_of(results.results, measure).values()
        n, unknown = _span(row.n or 0 for row in rows), _span(row.unknown or 0 for row in rows)
        notes.append(f"{measure.task} {measure.metric}: n {n}, unknown {unknown}".strip())
    return notes + [s for s in dict.fromkeys(row.signature for row in results.results) if s]


def _span(counts: Iterable[int]) -> str:
    found = sorted(counts)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]} to {found[-1]}"
