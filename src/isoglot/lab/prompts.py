"""Prompts of the lab's worlds: families in several languages, as from any other source."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from isoglot.core.errors import InputError
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
    sample_steps,
)


class LabPromptConfig(Section):
    """A source of prompts: a world of the lab."""

    kind: Literal["lab"] = "lab"
    task: Literal["math", "open", "almanac"] = "math"
    """Word problems with a number as gold, short instructions (`open`), or the sums of the almanac,
    in a hundred languages, with the whole answer as gold."""
    split: Split = "train"
    """The part of the world; no family is in two of them."""
    steps: Literal[1, 2] | None = Field(None, exclude_if=lambda steps: steps is None)
    """Steps of the word problems. Those of two are guessed right less often without their working;
    default: both."""

    @model_validator(mode="after")
    def _has_steps(self) -> Self:
        if self.steps and self.task != "math":
            raise InputError(f"steps are of task math, got task {self.task}; leave steps out")
        return self

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
    """Yield distinct families after the first `skip` of a seed, each in turn in all languages."""
    sample, render = _WORLDS[config.task]
    if config.steps:
        sample = partial(sample_steps, num=config.steps)
    everything = distinct(sample, config.split, f"{config.task}-{config.split}-{seed}")
    for each in islice(everything, skip, skip + num_families):
        for language in languages:
            text, gold = render(each, language)
            yield Prompt.from_text(
                text,
                language=language,
                family=each.family,
                gold=gold,
                completion=gold if config.has_completions else None,
                source=f"lab/{config.task}/{config.split}",
            )


_WORLDS: Mapping[str, tuple[Callable[..., Any], Callable[[Any, str], tuple[str, str]]]] = {
    "math": (sample_problem, lambda each, tag: (render_problem(each, tag)[0], str(each.steps[1]))),
    "open": (sample_instruction, lambda each, tag: render_instruction(each, tag)[::2]),
    "almanac": (sample_sum, render_sum),
}
"""Task to the sampling of a family, and to its prompt and gold in a language."""
