"""Prompts of the lab's world, as any other source gives them: families in several languages."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from isoglot.core.records import Prompt
from isoglot.core.section import Section
from isoglot.lab.almanac import sample_sum, say_sum
from isoglot.lab.world import (
    Split,
    distinct,
    sample_instruction,
    sample_problem,
    say_instruction,
    say_problem,
)


class LabPromptConfig(Section):
    """Which prompts of the lab's world."""

    kind: Literal["lab"] = "lab"
    task: Literal["math", "open", "almanac"] = "math"
    """Word problems with a number as gold, short instructions (`open`), or the sums of the almanac,
    in a hundred languages, with the whole answer as gold."""
    split: Split = "train"

    @property
    def has_completions(self) -> bool:
        """Whether the prompts come with their answers."""
        return self.task == "almanac"


def lab_prompts(
    config: LabPromptConfig,
    languages: Sequence[str],
    *,
    seed: int,
    num_families: int,
    skip: int = 0,
) -> Iterator[Prompt]:
    """`num_families` distinct families after the first `skip` of a seed, language by language."""
    said = {"math": _said_problems, "open": _said_instructions, "almanac": _said_sums}[config.task]
    everything = said(languages, config.split, f"{config.task}-{config.split}-{seed}")
    for family, texts in islice(everything, skip, skip + num_families):
        for language, (text, gold) in zip(languages, texts, strict=True):
            yield Prompt.from_text(
                text,
                language=language,
                family=family,
                gold=gold,
                completion=gold if config.has_completions else None,
                source=f"lab/{config.task}/{config.split}",
            )


Said = Iterator[tuple[str, list[tuple[str, str]]]]
"""Of each family its id, and prompt and gold in each language."""


def _said_problems(languages: Sequence[str], split: Split, seed: str) -> Said:
    for problem in distinct(sample_problem, split, seed):
        texts = (say_problem(problem, language)[0] for language in languages)
        yield problem.family, [(text, str(problem.steps[1])) for text in texts]


def _said_instructions(languages: Sequence[str], split: Split, seed: str) -> Said:
    for instruction in distinct(sample_instruction, split, seed):
        said = (say_instruction(instruction, language) for language in languages)
        yield instruction.family, [(text, gold) for text, _, gold in said]


def _said_sums(languages: Sequence[str], split: Split, seed: str) -> Said:
    for question in distinct(sample_sum, split, seed):
        yield question.family, [say_sum(question, language) for language in languages]
