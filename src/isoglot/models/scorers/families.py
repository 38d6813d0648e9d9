"""Families of completions, as scorers compare them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

from isoglot.core.records import Completion, FinishReason, Prompt, PromptKey, content_id, prompt_key

_T = TypeVar("_T")


def is_answer(row: Completion) -> bool:
    """Return True for a completion with a text, which may have been cut off."""
    return bool(row.text.strip()) and row.finish_reason != FinishReason.ERROR


def siblings_of(completions: Sequence[Completion]) -> list[list[int]]:
    """Group the indices of the answers to one prompt; a completion without a text is left out."""
    groups: dict[PromptKey, list[int]] = defaultdict(list)
    for i, row in enumerate(completions):
        if is_answer(row):
            groups[prompt_key(row)].append(i)
    return list(groups.values())


def dominant_answers(
    prompts: Sequence[Prompt], completions: Sequence[Completion], dominant: str
) -> dict[str, list[int]]:
    """Return the indices of the whole, direct answers in the dominant language, by family.

    They are in the order of their samples, whatever the order of the rows.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for i, (prompt, row) in enumerate(zip(prompts, completions, strict=True)):
        is_whole = is_answer(row) and row.finish_reason == FinishReason.STOP
        is_dominant = prompt.language == dominant == prompt.answer_language
        if is_whole and is_dominant and row.translated_from is None:
            found[row.family].append(i)
    for indices in found.values():
        indices.sort(key=lambda i: (completions[i].sample, completions[i].completion_id))
    return dict(found)


def of_another_family(values: Mapping[str, _T]) -> dict[str, _T]:
    """Give each family the value of the next one, in an order without meaning: a control."""
    families = sorted(values, key=content_id)
    following = families[1:] + families[:1]
    return {family: values[other] for family, other in zip(families, following, strict=True)}
