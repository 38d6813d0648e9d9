"""XQuAD: the words of a passage that answer a question, in 12 languages.

Artetxe et al. 2020, arXiv:1910.11856; github.com/google-deepmind/xquad. 1,190 questions on 240
passages of SQuAD, parallel by `id`.
"""

from collections.abc import Iterator
from typing import Any

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, literals
from isoglot.benchmarks.conversations import build_example
from isoglot.benchmarks.rows import cell, text_cell
from isoglot.benchmarks.stated_choice import choice_words
from isoglot.core.errors import InputError
from isoglot.core.rows import Row
from isoglot.evals.spans import EXACT_MATCH, SPAN_F1


def _examples(rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
    instruction, words = literals("xquad")[tag]["instruction"], choice_words(tag)
    return [
        build_example(
            "\n".join(
                [
                    f"{instruction}\n",
                    words["passage"].format(text=text_cell(row, "context")),
                    words["question"].format(text=text_cell(row, "question")),
                    words["answer"],
                ]
            ),
            language=tag,
            family=f"xquad-{cell(row, 'id')}",
            gold=_answer(row),
            source="xquad",
        )
        for published in rows("test")
        for row in _flat(published)
    ]


def _flat(row: Row) -> Iterator[Row]:
    """Yield the questions of a row: itself on the hub, those of an article in the files."""
    if "paragraphs" not in row:
        yield row
        return
    for paragraph in row["paragraphs"]:
        for question in cell(paragraph, "qas"):
            yield {"context": cell(paragraph, "context"), **question}


def _answer(row: Row) -> str:
    """Return the answer, a list of `text` on the hub and a list of objects in the files."""
    answers: Any = cell(row, "answers")
    texts = answers["text"] if "text" in answers else [cell(each, "text") for each in answers]
    if not texts:
        raise InputError(
            f"question {row.get('id')!r}: expected an answer, came none; give the set as it is "
            "published"
        )
    return str(texts[0])


XQUAD = Benchmark("xquad", _examples, (SPAN_F1, EXACT_MATCH), max_new_tokens=64)
