"""HellaSwag in 34 languages: which of four endings continues a description of everyday actions.

Zellers et al. 2019, arXiv:1905.07830; translated by ChatGPT for Okapi (Lai et al. 2023,
arXiv:2307.16039), Icelandic and Norwegian added on the hub. Parallel by `ind`. By likelihood an
ending continues the context, as in lm-eval, whose `acc_norm` is `accuracy_per_char`. What stands in
brackets in texts from WikiHow is markup and left out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source, literals
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
    no_worked_examples,
)
from isoglot.benchmarks.rows import cell, position
from isoglot.core.errors import InputError
from isoglot.core.rows import Row

_LABELS = dict(zip("0123", LETTERS, strict=False))  # `label` counts the endings from 0


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    no_worked_examples("hellaswag", ask)
    words = literals("hellaswag")["en" if ask.variant == ENGLISH else tag]
    code = HELLASWAG.languages[tag]
    questions = [_question(row, place, words, code) for place, row in enumerate(rows("test"))]
    if ask.answering == "generation":
        return lettered(tag, questions, [], ask, likelihood=False)
    return cloze(tag, questions, [], ask)


def _question(row: Row, place: int, words: Mapping[str, Any], code: str) -> Question:
    endings: Sequence[Any] = cell(row, "endings")
    if len(endings) != len(_LABELS):
        raise InputError(
            f"row {str(dict(row))[:80]!r}: expected {len(_LABELS)} endings, came {len(endings)}; "
            "give the set as it is published"
        )
    context = clean(f"{cell(row, 'activity_label')}: {_context(row)}")
    return Question(
        family=family_of("hellaswag", position(row, place, "ind", "id")),
        text=words["question"],
        options={
            label: clean(_text(ending, code))
            for label, ending in zip(_LABELS.values(), endings, strict=True)
        },
        gold=named(cell(row, "label"), _LABELS, "label", row),
        passage=context,
        stem=context,
    )


def _context(row: Row) -> str:
    """The context; its second part, published with a small letter, begins the sentence to end."""
    second = str(cell(row, "ctx_b"))
    return f"{cell(row, 'ctx_a')} {second[:1].upper()}{second[1:]}".strip()


def _text(ending: Any, code: str) -> str:
    """One row of the Chinese set has its endings in two languages, each under its code."""
    return str(ending[code] if isinstance(ending, Mapping) else ending)


def clean(text: str) -> str:
    """The text without the markup of WikiHow: ` [title]` ends a sentence, the rest is nothing."""
    text = re.sub(r"\[.*?\]", "", text.replace(" [title]", ". "))
    return " ".join(text.split())


HELLASWAG = Benchmark(
    name="hellaswag",
    title="HellaSwag, translated: how a text goes on",
    source=Source(
        hub="alexandrainst/m_hellaswag",
        split="val",
        files=("{code}/val.jsonl", "data/{code}/val.jsonl", "{code}_validation.json"),
        how_to_get="get the folder data of huggingface.co/datasets/alexandrainst/m_hellaswag",
        licence="CC-BY-NC-4.0",
    ),
    languages={**OKAPI, "en": "en", "is": "is", "nb": "nb"},
    examples=_examples,
    metrics=(ACCURACY, ACCURACY_PER_CHAR),
    answering=("likelihood", "generation"),
    variants=("", ENGLISH),
    max_new_tokens=256,
)
