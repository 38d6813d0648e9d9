"""ARC-Challenge in 34 languages: science questions of schools, three to five options.

Clark et al. 2018, arXiv:1803.05457; translated by ChatGPT for Okapi (Lai et al. 2023,
arXiv:2307.16039), Icelandic and Norwegian added on the hub. Parallel by `id`, though not every
question is there in every language. By likelihood the text of an option answers the question, as
in lm-eval, whose `acc_norm` is `accuracy_per_char`.
"""

from collections.abc import Sequence

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.choices import (
    ACCURACY,
    ACCURACY_PER_CHAR,
    ENGLISH,
    LETTERS,
    OKAPI,
    Question,
    cloze,
    family_of,
    lettered,
    named,
    worked_examples,
)
from isoglot.benchmarks.rows import cell, position
from isoglot.core.rows import Row

_COLUMNS = {letter: f"option_{letter.lower()}" for letter in LETTERS[:5]}
_OPTIONAL = ("D", "E")  # most questions have four options, some three or five


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    questions = _questions(rows("test"))
    shots = worked_examples("arc", ask, rows, _questions, questions)
    if ask.answering == "generation":
        return lettered(tag, questions, shots, ask, likelihood=False)
    return cloze(tag, questions, shots, ask)


def _questions(rows: Sequence[Row]) -> list[Question]:
    return [_question(row, place) for place, row in enumerate(rows)]


def _question(row: Row, place: int) -> Question:
    options = {
        label: str(cell(row, column)).strip()
        for label, column in _COLUMNS.items()
        if label not in _OPTIONAL or row.get(column)
    }
    return Question(
        family=family_of("arc", position(row, place, "id")),
        text=str(cell(row, "instruction")).strip(),
        options=options,
        gold=named(cell(row, "answer"), {label: label for label in options}, "answer", row),
    )


ARC = Benchmark(
    name="arc",
    title="ARC-Challenge, translated",
    source=Source(
        hub="alexandrainst/m_arc",
        split="test",
        files=("{code}/{split}.jsonl", "data/{code}/{split}.jsonl", "{code}_{split}.json"),
        train_split="train",
        how_to_get="get the folder data of huggingface.co/datasets/alexandrainst/m_arc",
        licence="CC-BY-NC-4.0",
    ),
    languages={**OKAPI, "en": "en", "is": "is", "nb": "nb"},
    examples=_examples,
    metrics=(ACCURACY, ACCURACY_PER_CHAR),
    answering=("likelihood", "generation"),
    variants=("", ENGLISH),
    max_new_tokens=256,
)
