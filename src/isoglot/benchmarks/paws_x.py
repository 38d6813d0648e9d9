"""PAWS-X: whether two sentences with much the same words mean the same, in 7 languages.

Yang et al. 2019, arXiv:1908.11828; github.com/google-research-datasets/paws, folder pawsx. 2,000
test pairs, parallel by `id`. Rows without a translation (an empty sentence, or `NS`) or without a
label (-1 on the hub) are no questions and are left out. Variants: empty, a question in the
language; `english`, in English; `cloze`, by likelihood alone: "A, right? Yes, b" against "No, b".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source, literals
from isoglot.benchmarks.choices import (
    ACCURACY,
    ENGLISH,
    Question,
    after,
    cloze,
    family_of,
    named,
    prompt_of,
    worked_examples,
    written_gold,
)
from isoglot.benchmarks.rows import cell, position
from isoglot.core.errors import InputError
from isoglot.core.rows import Row

CLOZE = "cloze"
"""The variant in which yes or no stands between the sentences."""

# The paper's section 2 and the README of PAWS: 1 is a paraphrase, 0 has a different meaning.
_LABELS = {"0": "different", "1": "paraphrase"}
_YES_OR_NO = {"different": "no", "paraphrase": "yes"}
_MISSING = ("", "NS")
_NO_LABEL = "-1"
_STOPS = " .．。,，;；"


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    words = literals("paws_x")["en" if ask.variant == ENGLISH else tag]
    if ask.variant == CLOZE and ask.answering == "generation":
        raise InputError(
            "paws_x: expected likelihood for the variant 'cloze', came generation; leave one out"
        )

    def read(split: str, published: Sequence[Row]) -> list[Question]:
        return [
            _question(row, place, split, words, ask)
            for place, row in enumerate(published)
            if _sentence(row, "sentence1") not in _MISSING
            and _sentence(row, "sentence2") not in _MISSING
            and str(row.get("label")) != _NO_LABEL
        ]

    questions = read("test", rows("test"))
    shots = worked_examples("paws_x", ask, rows, lambda r: read("train", r), questions)
    if ask.answering == "generation":
        return [_written(question, shots[: ask.shots], tag, words) for question in questions]
    return cloze(tag, questions, shots, ask)


def _sentence(row: Row, column: str) -> str:
    return str(cell(row, column)).strip() if row.get(column, "") is not None else ""


def _question(row: Row, place: int, split: str, words: Mapping[str, Any], ask: Ask) -> Question:
    first, second = _sentence(row, "sentence1"), _sentence(row, "sentence2")
    if ask.variant == CLOZE:
        stem = words["cloze"].format(sentence1=first.rstrip(_STOPS))
        small = second[:1].lower() + second[1:]
        spoken = {
            label: after(stem, words[f"cloze_{_YES_OR_NO[label]}"].format(sentence2=small))
            for label in _LABELS.values()
        }
    else:
        stem = words["question"].format(sentence1=first, sentence2=second)
        spoken = {label: after(stem, words[_YES_OR_NO[label]][0]) for label in _LABELS.values()}
    return Question(
        family=family_of("paws_x", split, position(row, place, "id")),
        text=stem,
        options={label: words[_YES_OR_NO[label]][0] for label in _LABELS.values()},
        gold=named(cell(row, "label"), _LABELS, "label", row),
        stem=stem,
        endings=spoken,
    )


def _written(
    question: Question, shots: Sequence[Question], tag: str, words: Mapping[str, Any]
) -> Example:
    answered = [shot.stem + shot.endings[shot.gold] for shot in shots]
    text = "\n\n".join([words["instruction"], *answered, question.stem])
    english = literals("paws_x")["en"]
    forms = {label: [*words[key], *english[key]] for label, key in _YES_OR_NO.items()}
    return Example(prompt_of(text, tag, question.family, written_gold(question.gold, {}, forms)))


PAWS_X = Benchmark(
    name="paws_x",
    title="PAWS-X: paraphrase or not",
    source=Source(
        hub="google-research-datasets/paws-x",
        split="test",
        files=(
            "{code}/{split}_2k.tsv",
            "x-final/{code}/{split}_2k.tsv",
            "{code}/{split}.tsv",
            "{code}/{split}.jsonl",
        ),
        train_split="validation",
        split_in_files={"validation": "dev"},
        how_to_get="get x-final.tar.gz, named in the folder pawsx of "
        "github.com/google-research-datasets/paws",
        licence="free to use, with acknowledgement of Google LLC",
    ),
    languages={tag: tag for tag in ("de", "en", "es", "fr", "ja", "ko")} | {"zh-Hans": "zh"},
    examples=_examples,
    metrics=(ACCURACY,),
    answering=("likelihood", "generation"),
    variants=("", ENGLISH, CLOZE),
    max_new_tokens=256,
)
