"""PAWS-X: whether two sentences of much the same words have the same meaning, in 7 languages.

Yang et al. 2019, arXiv:1908.11828; github.com/google-research-datasets/paws, folder pawsx. 2,000
test pairs, parallel by `id`. Rows without a translation (an empty sentence, or `NS`) or without a
label (-1 on the hub) are left out. Variants: the default, a question in the language; `english`, in
English; `cloze`, only by likelihood: "A, right? Yes, b" against "No, b".
"""

from collections.abc import Sequence

from isoglot.benchmarks.benchmark import Example, PromptFormat, literals
from isoglot.benchmarks.choices import (
    CHOICE_ACCURACY,
    ENGLISH_VARIANT,
    ChoiceItem,
    ItemSplit,
    after,
    choice_prompt,
    family_of,
    generation_gold,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, position, text_cell
from isoglot.core.errors import InputError
from isoglot.core.rows import Row

CLOZE = "cloze"
"""Variant with yes or no between the two sentences."""

# The paper's section 2 and the README of PAWS: 1 is a paraphrase, 0 has a different meaning.
_LABELS = {"0": "different", "1": "paraphrase"}
_YES_OR_NO = {"different": "no", "paraphrase": "yes"}
_MISSING = ("", "NS")
_NO_LABEL = "-1"
_STOPS = " .．。,，;；"


def _items(split: ItemSplit) -> list[ChoiceItem]:
    if split.prompt_format.variant == CLOZE and split.prompt_format.answering == "generation":
        raise InputError(
            "paws_x: expected likelihood for the variant 'cloze', came generation; leave one out"
        )
    items = []
    for place, row in enumerate(split.rows):
        sentences = _sentence(row, "sentence1"), _sentence(row, "sentence2")
        if not set(sentences) & set(_MISSING) and str(row.get("label")) != _NO_LABEL:
            items.append(_item(split, place, row, *sentences))
    return items


def _sentence(row: Row, column: str) -> str:
    return text_cell(row, column) if row.get(column, "") is not None else ""


def _item(split: ItemSplit, place: int, row: Row, first: str, second: str) -> ChoiceItem:
    words = split.words("paws_x")
    options = {label: words[key][0] for label, key in _YES_OR_NO.items()}
    if split.prompt_format.variant == CLOZE:
        stem = words["cloze"].format(sentence1=first.rstrip(_STOPS))
        small = second[:1].lower() + second[1:]
        answers = {
            label: words[f"cloze_{key}"].format(sentence2=small)
            for label, key in _YES_OR_NO.items()
        }
    else:
        stem = words["question"].format(sentence1=first, sentence2=second)
        answers = options
    return ChoiceItem(
        family=family_of("paws_x", split.name, position(row, place, "id")),
        text=stem,
        options=options,
        gold=named(cell(row, "label"), _LABELS, "label", row),
        stem=stem,
        endings={label: after(stem, text) for label, text in answers.items()},
    )


def _generated(
    item: ChoiceItem, shots: Sequence[ChoiceItem], tag: str, prompt_format: PromptFormat
) -> Example:
    words, english = (literals("paws_x")[each] for each in (tag, "en"))
    if prompt_format.variant == ENGLISH_VARIANT:
        words = english
    forms = {label: [*words[key], *english[key]] for label, key in _YES_OR_NO.items()}
    answered = [shot.stem + shot.endings[shot.gold] for shot in shots]
    text = "\n\n".join([words["instruction"], *answered, item.stem])
    return Example(choice_prompt(text, tag, item, generation_gold(item.gold, {}, forms)))


PAWS_X = multiple_choice(
    "paws_x",
    _items,
    metrics=(CHOICE_ACCURACY,),
    variants=("", ENGLISH_VARIANT, CLOZE),
    by_generation=_generated,
)
