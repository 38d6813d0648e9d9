"""Planted faults: answers and translations with a wrong number, for experiments on methods.

The chosen answers of a small policy in an easy world are nearly always right, and those of real
models are not. With faults of a stated share, methods are compared where rewards err.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from isoglot.core.records import Completion, Prompt, content_unit
from isoglot.core.section import Section

_LAST_NUMBER = re.compile(r"(?<!\d)\d+(?!\d)(?!.*\d)", re.DOTALL)
_MAX_SHIFT = 9


class FaultsConfig(Section):
    """Shares of answers that are made wrong before anything is scored or paired.

    The last number of a wrong answer is replaced, everywhere in it. An answer without a number in
    digits stays as it is.
    """

    dominant: float = Field(0.0, ge=0, le=1)
    """Share of families whose answers in the dominant language are made wrong, with their
    translations: all samples by the same amount, as where a model misreads a problem."""
    translations: float = Field(0.0, ge=0, le=1)
    """Share of translated answers that are made wrong, each by an amount of its own."""

    def __str__(self) -> str:
        return (
            f"{self.dominant:.0%} of answers in the dominant language, "
            f"{self.translations:.0%} of translations"
        )


def plant_faults(
    prompts: Sequence[Prompt],
    completions: Sequence[Completion],
    *,
    config: FaultsConfig,
    dominant: str,
    seed: int,
) -> list[Completion]:
    """Return the completions, with wrong numbers in the shares that `config` states.

    Which ones, and by how much, is a function of seed, family and prompt, and not of the answer: a
    larger share plants all faults of a smaller one.
    """
    asked_in = {(prompt.family, prompt.prompt_id): prompt.answer_language for prompt in prompts}
    sources: dict[tuple[str, str], Completion] = {}
    made: list[Completion] = []
    for row in completions:
        if row.translated_from is None:
            language = asked_in[row.family, row.prompt_id]
            planted = _misread(row, config, seed) if language == dominant else row
            sources[row.family, row.completion_id] = planted
            made.append(planted)
    for row in completions:
        if row.translated_from is not None:
            source = sources[row.family, row.translated_from]
            is_forth = asked_in[source.family, source.prompt_id] == dominant
            planted = _misread(row, config, seed) if is_forth else row
            planted = _mistranslated(planted, source, config, seed)
            made.append(replace(planted, translated_from=source.completion_id))
    return made


def with_wrong_number(text: str, shift: int) -> str:
    """Return a text with its last number raised by `shift`, everywhere that the number stands.

    >>> with_wrong_number("3 + 4 = 7, so Ana has 7 apples.", 2)
    '3 + 4 = 9, so Ana has 9 apples.'
    """
    found = _LAST_NUMBER.search(text)
    if found is None:
        return text
    return re.sub(rf"(?<!\d){found[0]}(?!\d)", str(int(found[0]) + shift), text)


def _misread(row: Completion, config: FaultsConfig, seed: int) -> Completion:
    return _planted(row, config.dominant, str(seed), "misread", row.family)


def _mistranslated(
    row: Completion, source: Completion, config: FaultsConfig, seed: int
) -> Completion:
    place = (source.prompt_id, str(source.sample), row.prompt_id)
    return _planted(row, config.translations, str(seed), "mistranslated", *place)


def _planted(row: Completion, share: float, *key: str) -> Completion:
    if content_unit(*key) >= share:
        return row
    shift = 1 + int(content_unit(*key, "shift") * _MAX_SHIFT)
    return replace(row, text=with_wrong_number(row.text, shift))
