"""Belebele: a question on a passage of FLORES-200 with four answers, in 122 languages and scripts.

Bandarkar et al. 2023, arXiv:2308.16884; github.com/facebookresearch/belebele. 900 questions,
parallel by `link` and `question_number`. Its languages are FLORES-200 codes, and codes of its own
for languages in Latin letters. Languages without words of their own in `choices.toml` get English
prompts (`native` is false there).
"""

from isoglot.benchmarks.choices import (
    CHOICE_ACCURACY,
    LETTERS,
    ChoiceItem,
    ItemSplit,
    family_of,
    lettered,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, text_cell

_COLUMNS = {letter: f"mc_answer{place}" for place, letter in enumerate(LETTERS[:4], start=1)}
# `correct_answer_num` counts from 1, as its README says: 2 is mc_answer2.
_ANSWERS = {column[-1]: letter for letter, column in _COLUMNS.items()}


def _items(split: ItemSplit) -> list[ChoiceItem]:
    return [
        ChoiceItem(
            family=family_of("belebele", cell(row, "link"), cell(row, "question_number")),
            text=text_cell(row, "question"),
            options={label: text_cell(row, column) for label, column in _COLUMNS.items()},
            gold=named(cell(row, "correct_answer_num"), _ANSWERS, "correct_answer_num", row),
            passage=text_cell(row, "flores_passage"),
        )
        for row in split.rows
    ]


BELEBELE = multiple_choice("belebele", _items, metrics=(CHOICE_ACCURACY,), by_likelihood=lettered)
