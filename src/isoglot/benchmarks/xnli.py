"""XNLI: whether a hypothesis follows from a premise, contradicts it, or neither, in 15 languages.

Conneau et al. 2018, arXiv:1809.05053; github.com/facebookresearch/XNLI. 5,010 test pairs, parallel
by place; worked examples are of the 2,490 of the validation split. By likelihood a word between
premise and hypothesis is scored with the hypothesis: "P, right? Yes, H" against "Also, H" and "No,
H". The variant `lm_eval` has the words of lm-eval 0.4, some of which are mistranslated (the Arabic
"no" is "number").
"""

from isoglot.benchmarks.choices import (
    CHOICE_ACCURACY,
    ENGLISH_VARIANT,
    LM_EVAL_VARIANT,
    ChoiceItem,
    ItemSplit,
    family_of,
    multiple_choice,
    named,
)
from isoglot.benchmarks.rows import cell, position, text_cell

# The labels of the hub, and those of the published files.
_LABELS = {"0": "entailment", "1": "neutral", "2": "contradiction"}
_LABELS |= {name: name for name in tuple(_LABELS.values())} | {"contradictory": "contradiction"}
_RELATIONS = ("entailment", "neutral", "contradiction")
_STOPS = " .．。।"


def _items(split: ItemSplit) -> list[ChoiceItem]:
    words = split.words("xnli")
    is_lm_eval = split.prompt_format.variant == LM_EVAL_VARIANT
    between = words["lm_eval" if is_lm_eval else "cloze"]
    items = []
    for place, row in enumerate(split.rows):
        premise = text_cell(row, "premise", "sentence1")
        hypothesis = text_cell(row, "hypothesis", "sentence2")
        stem = premise if is_lm_eval else premise.rstrip(_STOPS)
        items.append(
            ChoiceItem(
                family=family_of("xnli", split.name, position(row, place, "pairID")),
                text=words["question"].format(premise=premise, hypothesis=hypothesis),
                options={label: words[label] for label in _RELATIONS},
                gold=named(cell(row, "label", "gold_label"), _LABELS, "label", row),
                stem=stem + between[0],
                endings={
                    label: word.format(hypothesis=hypothesis)
                    for label, word in zip(_RELATIONS, between[1:], strict=True)
                },
            )
        )
    return items


XNLI = multiple_choice(
    "xnli",
    _items,
    metrics=(CHOICE_ACCURACY,),
    variants=("", ENGLISH_VARIANT, LM_EVAL_VARIANT),
)
