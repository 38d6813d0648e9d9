"""HellaSwag in 34 languages: which of four endings continues a description of everyday actions.

Zellers et al. 2019, arXiv:1905.07830; translated by ChatGPT for Okapi (Lai et al. 2023,
arXiv:2307.16039), Icelandic and Norwegian added on the hub. Parallel by `ind`. By likelihood an
ending continues the context, as in lm-eval, whose `acc_norm` is `accuracy_per_char`. Brackets in
texts from WikiHow are markup and left out.
"""

import re
from collections.abc import Mapping
from typing import Any

from isoglot.benchmarks.benchmark import source_of
from isoglot.benchmarks.choices import (
    LETTERS,
    ChoiceItem,
    ItemSplit,
    family_of,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, position, text_cell
from isoglot.core.cells import cell_text
from isoglot.core.errors import InputError
from isoglot.core.rows import Row

_LABELS = dict(zip("0123", LETTERS, strict=False))  # `label` counts the endings from 0


def _items(split: ItemSplit) -> list[ChoiceItem]:
    text = split.words("hellaswag")["question"]
    items = []
    for place, row in enumerate(split.rows):
        context = without_markup(f"{cell(row, 'activity_label')}: {_context(row)}")
        items.append(
            ChoiceItem(
                family=family_of("hellaswag", position(row, place, "ind", "id")),
                text=text,
                options=_endings(row, split.language),
                gold=named(cell(row, "label"), _LABELS, "label", row),
                passage=context,
                stem=context,
            )
        )
    return items


def _context(row: Row) -> str:
    """Join the context; its second part, published uncapitalised, begins the sentence to end."""
    second = cell_text(cell(row, "ctx_b"), "ctx_b")
    return f"{text_cell(row, 'ctx_a')} {second[:1].upper()}{second[1:]}".strip()


def _endings(row: Row, tag: str) -> dict[str, str]:
    endings = cell(row, "endings")
    if len(endings) != len(_LABELS):
        raise InputError(
            f"row {str(dict(row))[:80]!r}: expected {len(_LABELS)} endings, came {len(endings)}; "
            "give the set as it is published"
        )
    code = source_of("hellaswag").languages[tag]

    def text(ending: Any) -> str:
        # One row of the Chinese set has its endings in two languages, each under its code.
        own = ending[code] if isinstance(ending, Mapping) else ending
        return cell_text(own, "endings")

    return {
        label: without_markup(text(ending))
        for label, ending in zip(_LABELS.values(), endings, strict=True)
    }


def without_markup(text: str) -> str:
    """Remove the markup of WikiHow: ` [title]` ends a sentence, other brackets are dropped."""
    text = re.sub(r"\[.*?\]", "", text.replace(" [title]", ". "))
    return " ".join(text.split())


HELLASWAG = multiple_choice("hellaswag", _items)
