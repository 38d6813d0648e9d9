"""SIB-200: which of seven topics a sentence of FLORES-200 has, in 205 languages and scripts.

Adelani et al. 2023, arXiv:2309.07445; github.com/dadelani/sib-200. 204 test and 701 training
sentences, parallel by `index_id`. Languages without words in `sib200.toml` are asked in English.
"""

from collections.abc import Sequence

from isoglot.benchmarks.benchmark import Example, PromptFormat, literals
from isoglot.benchmarks.choices import (
    CHOICE_ACCURACY,
    ENGLISH_VARIANT,
    ChoiceItem,
    ItemSplit,
    family_of,
    lettered,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, position, text_cell

TOPICS = ("science", "travel", "politics", "sports", "health", "entertainment", "geography")
_LABELS = {topic: topic for topic in TOPICS} | {"science/technology": "science"}


def _is_english(tag: str, prompt_format: PromptFormat) -> bool:
    return prompt_format.variant == ENGLISH_VARIANT or tag not in literals("sib200")


def _items(split: ItemSplit) -> list[ChoiceItem]:
    english = _is_english(split.language, split.prompt_format)
    words = literals("sib200")["en" if english else split.language]
    return [
        ChoiceItem(
            family=family_of("sib200", split.name, position(row, place, "index_id")),
            text=words["question"],
            options={topic: words[topic] for topic in TOPICS},
            gold=named(cell(row, "category"), _LABELS, "category", row),
            passage=text_cell(row, "text"),
        )
        for place, row in enumerate(split.rows)
    ]


def _lettered(
    item: ChoiceItem, shots: Sequence[ChoiceItem], tag: str, prompt_format: PromptFormat
) -> Example:
    if _is_english(tag, prompt_format):
        prompt_format = prompt_format.model_copy(update={"variant": ENGLISH_VARIANT})
    return lettered(item, shots, tag, prompt_format)


SIB200 = multiple_choice(
    "sib200",
    _items,
    metrics=(CHOICE_ACCURACY,),
    by_likelihood=_lettered,
    by_generation=_lettered,
)
