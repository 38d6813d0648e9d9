"""Items with lettered options, one to a row, as MMLU and the sets after it are published."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from isoglot.benchmarks.benchmark import Benchmark
from isoglot.benchmarks.choices import (
    CHOICE_ACCURACY,
    ENGLISH_VARIANT,
    LETTERS,
    LM_EVAL_VARIANT,
    ChoiceItem,
    ItemSplit,
    Render,
    cloze,
    family_of,
    lettered,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, position, text_cell
from isoglot.core.errors import InputError
from isoglot.core.rows import Row
from isoglot.evals.metric import Metric, on_facet

FOUR_OPTIONS = tuple(f"option_{letter.lower()}" for letter in LETTERS[:4])


class Columns(NamedTuple):
    """Columns of a set of items."""

    key: tuple[str, ...] = ()
    """Hold the name that an item has in every language; without one its place counts."""
    parallel: bool = True
    """False if each language has items of its own."""
    text: str = "question"
    options: tuple[str, ...] = FOUR_OPTIONS
    listed: str = ""
    """A column with all options in a list, which some releases have instead."""
    answer: str = "answer"
    counts_from: int | None = None
    """Number of the first option, where the answer is a number; None where it is a letter."""
    subject: str = ""
    facet: str = ""
    facets: Mapping[str, str] = {}
    """Value of the column `facet` → name of the facet; another value has none."""


def lettered_set(
    name: str,
    columns: Columns,
    *,
    fewest: int = 4,
    metrics: Sequence[Metric] = (CHOICE_ACCURACY,),
    by_likelihood: Render = lettered,
) -> Benchmark:
    """Build the benchmark of a set of items with at least `fewest` options each.

    Worked examples are of the same subject. Each facet has an accuracy of its own.
    """

    def read_items(split: ItemSplit) -> list[ChoiceItem]:
        own = () if columns.parallel else (split.language,)
        return [
            _item(name, columns, fewest, row, (*own, position(row, place, *columns.key)))
            for place, row in enumerate(split.rows)
        ]

    accuracies = [on_facet(metrics[0], facet) for facet in columns.facets.values()]
    return multiple_choice(
        name,
        read_items,
        metrics=(*metrics, *accuracies),
        variants=("", ENGLISH_VARIANT, *((LM_EVAL_VARIANT,) if by_likelihood is not cloze else ())),
        by_likelihood=by_likelihood,
    )


def _item(name: str, columns: Columns, fewest: int, row: Row, key: tuple[str, ...]) -> ChoiceItem:
    options = _options(columns, fewest, row)
    first = columns.counts_from
    answers = {
        letter if first is None else str(first + number): letter
        for number, letter in enumerate(options)
    }
    facet = columns.facets.get(str(row.get(columns.facet)), "")
    return ChoiceItem(
        family=family_of(name, *key),
        text=text_cell(row, columns.text),
        options=options,
        gold=named(cell(row, columns.answer), answers, columns.answer, row),
        subject=str(cell(row, columns.subject)) if columns.subject else "",
        source=f"{name}/{facet}" if facet else name,
    )


def _options(columns: Columns, fewest: int, row: Row) -> dict[str, str]:
    """Map letter to option; those beyond `fewest` may be absent, but none between two others."""
    texts: list[Any] = list(row.get(columns.listed) or ())
    if not texts:
        texts = [row.get(column) for column in columns.options]
        texts[:fewest] = [cell(row, column) for column in columns.options[:fewest]]
    found = [str(text).strip() for text in texts if text not in (None, "")]
    if len(found) < fewest or any(text in (None, "") for text in texts[: len(found)]):
        raise InputError(
            f"options of row {str(dict(row))[:80]!r}: expected at least {fewest} without a gap, "
            f"came {len(found)} of {len(texts)}; give the set as it is published"
        )
    return dict(zip(LETTERS, found, strict=False))
