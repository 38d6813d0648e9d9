"""XCOPA: which of two sentences is the cause or the effect of a premise, in 11 languages.

Ponti et al. 2020, EMNLP 2020.emnlp-main.185; github.com/cambridgeltl/xcopa. 100 validation and 500
test questions, parallel by `idx` within a split. By likelihood the choice continues the premise:
"The man fell because" + "he slipped." A premise loses its final stop only where it has one, and a
choice its capital by the rules of its language.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.benchmarks.benchmark import Ask, Benchmark, Example, Rows, Source, literals
from isoglot.benchmarks.choices import (
    ACCURACY,
    ACCURACY_PER_CHAR,
    ENGLISH,
    Question,
    cloze,
    family_of,
    lettered,
    named,
    worked_examples,
)
from isoglot.benchmarks.rows import cell, position
from isoglot.core.rows import Row

_LABELS = {"0": "choice1", "1": "choice2"}  # the set's README: 0 is choice1 and 1 is choice2
_RELATIONS = {"cause": "cause", "effect": "effect"}
_SPLITS = {"test": ("test",), "train": ("validation", "val", "train")}
_STOPS = " .．。।!?！？"
_DOTLESS = {"I": "ı", "İ": "i"}


def _examples(rows: Rows, tag: str, ask: Ask) -> list[Example]:
    words = literals("xcopa")["en" if ask.variant == ENGLISH else tag]

    def read(split: str, published: Sequence[Row]) -> list[Question]:
        # A file that holds all splits says in each row which it belongs to.
        own = [row for row in published if row.get("split") in (None, *_SPLITS[split])]
        return [_question(row, place, split, tag, words) for place, row in enumerate(own)]

    questions = read("test", rows("test"))
    shots = worked_examples("xcopa", ask, rows, lambda r: read("train", r), questions)
    if ask.answering == "generation":
        return lettered(tag, questions, shots, ask, likelihood=False)
    return cloze(tag, questions, shots, ask)


def _question(row: Row, place: int, split: str, tag: str, words: Mapping[str, Any]) -> Question:
    relation = named(cell(row, "question"), _RELATIONS, "question", row)
    premise = str(cell(row, "premise")).strip()
    options = {label: str(cell(row, label)).strip() for label in _LABELS.values()}
    blank = " " if words["blank"] else ""
    return Question(
        family=family_of("xcopa", split, position(row, place, "idx")),
        text=f"{premise}\n{words[f'{relation}_question']}",
        options=options,
        gold=named(cell(row, "label"), _LABELS, "label", row),
        stem=words[relation].format(premise=premise.rstrip(_STOPS)),
        endings={label: blank + uncapitalised(text, tag) for label, text in options.items()},
    )


def uncapitalised(text: str, tag: str) -> str:
    """The text with a small first letter, which in Turkish is ı for I and i for İ."""
    first = _DOTLESS.get(text[:1], text[:1]) if tag == "tr" else text[:1]
    return first.lower() + text[1:]


XCOPA = Benchmark(
    name="xcopa",
    title="XCOPA: cause and effect",
    source=Source(
        hub="cambridgeltl/xcopa",
        split="test",
        files=(
            "{code}/{split}.{code}.jsonl",
            "data/{code}/{split}.{code}.jsonl",
            "xcopa.jsonl",
            "xcopa.jsonl.gz",
        ),
        train_split="validation",
        split_in_files={"validation": "val"},
        how_to_get="get the folder data of github.com/cambridgeltl/xcopa",
        licence="CC-BY-4.0",
    ),
    languages={tag: tag for tag in ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi")}
    | {"zh-Hans": "zh"},
    examples=_examples,
    metrics=(ACCURACY, ACCURACY_PER_CHAR),
    answering=("likelihood", "generation"),
    variants=("", ENGLISH),
    max_new_tokens=256,
)
