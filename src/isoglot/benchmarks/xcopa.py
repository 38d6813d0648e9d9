"""XCOPA: which of two sentences is the cause or the effect of a premise, in 11 languages.

Ponti et al. 2020, EMNLP 2020.emnlp-main.185; github.com/cambridgeltl/xcopa. 100 validation and 500
test questions, parallel by `idx` within a split. By likelihood the choice continues the premise:
"The man fell because" + "he slipped." A premise loses its final stop only if it has one, and a
choice its capital by the rules of its language.
"""

from isoglot.benchmarks.choices import ChoiceItem, ItemSplit, family_of, multiple_choice, named
from isoglot.benchmarks.rows import cell, position, text_cell

_LABELS = {"0": "choice1", "1": "choice2"}  # the set's README: 0 is choice1 and 1 is choice2
_RELATIONS = {"cause": "cause", "effect": "effect"}
_SPLITS = {"test": ("test",), "train": ("validation", "val", "train")}
_STOPS = " .．。।!?！？"
_DOTLESS = {"I": "ı", "İ": "i"}


def _items(split: ItemSplit) -> list[ChoiceItem]:
    words = split.words("xcopa")
    blank = " " if words["blank"] else ""
    # A file that holds all splits has a column of them.
    rows = [row for row in split.rows if row.get("split") in (None, *_SPLITS[split.name])]
    items = []
    for place, row in enumerate(rows):
        relation = named(cell(row, "question"), _RELATIONS, "question", row)
        premise = text_cell(row, "premise")
        options = {label: text_cell(row, label) for label in _LABELS.values()}
        items.append(
            ChoiceItem(
                family=family_of("xcopa", split.name, position(row, place, "idx")),
                text=f"{premise}\n{words[f'{relation}_question']}",
                options=options,
                gold=named(cell(row, "label"), _LABELS, "label", row),
                stem=words[relation].format(premise=premise.rstrip(_STOPS)),
                endings={
                    label: blank + uncapitalised(text, split.language)
                    for label, text in options.items()
                },
            )
        )
    return items


def uncapitalised(text: str, tag: str) -> str:
    """Return the text with a small first letter, which in Turkish is ı for I and i for İ."""
    first = _DOTLESS.get(text[:1], text[:1]) if tag == "tr" else text[:1]
    return first.lower() + text[1:]


XCOPA = multiple_choice("xcopa", _items)
