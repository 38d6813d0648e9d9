"""Prompts of the lab's world, as any other source gives them: families in several languages."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from isoglot.core.records import Prompt
from isoglot.core.section import Section
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
    task: Literal["math", "open"] = "math"
    """Word problems with a number as gold, or short instructions (`open`)."""
    split: Split = "train"


def lab_prompts(
    config: LabPromptConfig,
    languages: Sequence[str],
    *,
    seed: int,
    num_families: int,
    skip: int = 0,
) -> Iterator[Prompt]:
    """`num_families` distinct families after the first `skip` of this seed, language by language."""
    sample = sample_problem if config.task == "math" else sample_instruction
    worlds = distinct(sample, config.split, f"{config.task}-{config.split}-{seed}")
    for thing in islice(worlds, skip, skip + num_families):
        for language in languages:
            if config.task == "math":
                text, _ = say_problem(thing, language)
                gold = str(thing.steps[1])
            else:
                text, _, gold = say_instruction(thing, language)
            yield Prompt.from_text(
                text,
                language=language,
                family=thing.family,
                gold=gold,
                source=f"lab/{config.task}/{config.split}",
            )
