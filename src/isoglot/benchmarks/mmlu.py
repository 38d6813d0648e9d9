"""Global-MMLU: school and university questions in 57 subjects, 42 languages.

Singh et al. 2024, arXiv:2412.03304, after MMLU (Hendrycks et al. 2020, arXiv:2009.03300). 14,042
test questions, parallel by `sample_id`, and 285 worked examples, five for each subject, shown only
to questions of that subject. Of the translations of MMLU it has the most languages, worked examples
in each of them, ids and a free licence; OpenAI's MMMLU has 14 languages and none of the other
three, Okapi's forbids commercial use.
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

_COLUMNS = {letter: f"option_{letter.lower()}" for letter in LETTERS[:4]}
_ANSWERS = {letter: letter for letter in _COLUMNS}


def _items(split: ItemSplit) -> list[ChoiceItem]:
    return [
        ChoiceItem(
            family=family_of("mmlu", cell(row, "sample_id")),
            text=text_cell(row, "question"),
            options={label: text_cell(row, column) for label, column in _COLUMNS.items()},
            gold=named(cell(row, "answer"), _ANSWERS, "answer", row),
            subject=str(cell(row, "subject")),
        )
        for row in split.rows
    ]


MMLU = multiple_choice("mmlu", _items, metrics=(CHOICE_ACCURACY,), by_likelihood=lettered)
