"""INCLUDE-lite: questions of local exams in 44 languages, none of them translated.

Romanou et al. 2024, arXiv:2411.19799. Some 250 questions in each language; rows of
`include-base-44`, with its options in four columns, are read as well. Each question is a family of
its own. The answer counts the options from 0.
"""

from collections.abc import Sequence

from isoglot.benchmarks.benchmark import Example, PromptFormat
from isoglot.benchmarks.choices import LM_EVAL_VARIANT, ChoiceItem, choice_prompt, lettered
from isoglot.benchmarks.item_columns import Columns, lettered_set


def _lettered(
    item: ChoiceItem, shots: Sequence[ChoiceItem], tag: str, prompt_format: PromptFormat
) -> Example:
    """Render an item; lm-eval's prompt has a blank before its last option."""
    example = lettered(item, shots, tag, prompt_format)
    if prompt_format.variant != LM_EVAL_VARIANT:
        return example
    text = example.prompt.text.replace("\nD. ", "\n D. ")
    return Example(choice_prompt(text, tag, item, example.prompt.gold or ""), example.choices)


INCLUDE_LITE = lettered_set(
    "include_lite",
    Columns(parallel=False, listed="choices", counts_from=0),
    by_likelihood=_lettered,
)
