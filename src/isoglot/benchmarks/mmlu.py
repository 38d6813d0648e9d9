"""Global-MMLU: school and university questions in 57 subjects, 42 languages.

Singh et al. 2024, arXiv:2412.03304, after MMLU (Hendrycks et al. 2020, arXiv:2009.03300). 14,042
test questions, parallel by `sample_id`, and 285 worked examples, five for each subject, which only
questions of that subject are shown. Of the translations it is the one that has the most languages,
worked examples in each of them, ids and a free licence; OpenAI's MMMLU has 14 languages and none
of the other three, Okapi's forbids commercial use.
"""

from collections.abc import Sequence

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source
from isoglot.benchmarks.choices import (
    ACCURACY,
    ENGLISH,
    LETTERS,
    Question,
    family_of,
    lettered,
    named,
    worked_examples,
)
from isoglot.benchmarks.rows import cell
from isoglot.core.rows import Row

_COLUMNS = {letter: f"option_{letter.lower()}" for letter in LETTERS[:4]}
_ANSWERS = {letter: letter for letter in _COLUMNS}
_TAGS = """
am ar bn cs de el en es fa fr ha he hi id ig it ja ko ky lt mg ms ne nl ny pl pt ro ru si sn so sr
sv sw te tr uk vi yo
"""


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    questions = _questions(rows("test"))
    shots = worked_examples("mmlu", ask, rows, _questions, questions)
    return lettered(tag, questions, shots, ask, likelihood=ask.answering != "generation")


def _questions(rows: Sequence[Row]) -> list[Question]:
    return [
        Question(
            family=family_of("mmlu", cell(row, "sample_id")),
            text=str(cell(row, "question")).strip(),
            options={label: str(cell(row, column)).strip() for label, column in _COLUMNS.items()},
            gold=named(cell(row, "answer"), _ANSWERS, "answer", row),
            subject=str(cell(row, "subject")),
        )
        for row in rows
    ]


MMLU = Benchmark(
    name="mmlu",
    title="Global-MMLU: knowledge of 57 subjects",
    source=Source(
        hub="CohereLabs/Global-MMLU",
        split="test",
        files=("{code}/{split}.jsonl", "{code}/{split}-*.parquet", "mmlu.jsonl"),
        train_split="dev",
        how_to_get="get huggingface.co/datasets/CohereLabs/Global-MMLU",
        licence="Apache-2.0",
    ),
    languages={tag: tag for tag in _TAGS.split()} | {"tl": "fil", "zh-Hans": "zh"},
    examples=_examples,
    metrics=(ACCURACY,),
    answering=("likelihood", "generation"),
    variants=("", ENGLISH),
    max_new_tokens=256,
)
