"""ARC-Challenge in 34 languages: school science questions with three to five options.

Clark et al. 2018, arXiv:1803.05457; translated by ChatGPT for Okapi (Lai et al. 2023,
arXiv:2307.16039), Icelandic and Norwegian added on the hub. Parallel by `id`, though not every
question exists in every language. By likelihood the text of an option answers the question, as in
lm-eval, whose `acc_norm` is `accuracy_per_char`.
"""

from isoglot.benchmarks.choices import (
    LETTERS,
    ChoiceItem,
    ItemSplit,
    family_of,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, position, text_cell

_COLUMNS = {letter: f"option_{letter.lower()}" for letter in LETTERS[:5]}
_OPTIONAL = ("D", "E")  # most questions have four options, some three or five


def _items(split: ItemSplit) -> list[ChoiceItem]:
    items = []
    for place, row in enumerate(split.rows):
        options = {
            label: text_cell(row, column)
            for label, column in _COLUMNS.items()
            if label not in _OPTIONAL or row.get(column)
        }
        items.append(
            ChoiceItem(
                family=family_of("arc", position(row, place, "id")),
                text=text_cell(row, "instruction"),
                options=options,
                gold=named(cell(row, "answer"), {label: label for label in options}, "answer", row),
            )
        )
    return items


ARC = multiple_choice("arc", _items)
