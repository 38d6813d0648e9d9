"""Prompts of the lab's worlds: families in several languages, as from any other source."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

from isoglot.core.records import Prompt
from isoglot.core.section import Section
from isoglot.lab.almanac import render_sum, sample_sum
from isoglot.lab.world import (
    Split,
    distinct,
    render_instruction,
    render_problem,
    sample_instruction,
    sample_problem,
)


class LabPromptConfig(Section):
    """A source of prompts: a world of the lab."""

    kind: Literal["lab"] = "lab"
    task: Literal["math", "open", "almanac"] = "math"
    """Word problems with a number as gold, short instructions (`open`), or the sums of the almanac,
    in a hundred languages, with the whole answer as gold."""
    split: Split = "train"

    @property
    def has_completions(self) -> bool:
        """True if the prompts come with their answers."""
        return self.task == "almanac"


def lab_prompts(
    config: LabPromptConfig,
    languages: Sequence[str],
    *,
    seed: int,
    num_families: int,
    skip: int = 0,
) -> Iterator[Prompt]:
    """Yield `num_families` distinct families after the first `skip` of a seed, each in turn in all
    languages."""
    render = {"math": _problems, "open": _instructions, "almanac": _sums}[config.task]
    everything = render(languages, config.split, f"{config.task}-{config.split}-{seed}")
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


_Families = Iterator[tuple[str, list[tuple[str, str]]]]
"""The id of each family, and its prompt and gold in each language."""


def _problems(languages: Sequence[str], split: Split, seed: str) -> _Families:
    for problem in distinct(sample_problem, split, seed):
        texts = (render_problem(problem, language)[0] for language in languages)
        yield problem.family, [(text, str(problem.steps[1])) for text in texts]


def _instructions(languages: Sequence[str], split: Split, seed: str) -> _Families:
    for instruction in distinct(sample_instruction, split, seed):
        rendered = (render_instruction(instruction, language) for language in languages)
        yield instruction.family, [(text, gold) for text, _, gold in rendered]


def _sums(languages: Sequence[str], split: Split, seed: str) -> _Families:
    for each in distinct(sample_sum, split, seed):
        yield each.family, [render_sum(each, language) for language in languages]
