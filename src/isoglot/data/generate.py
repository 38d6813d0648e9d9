"""Samplers complete the prompts."""

from collections.abc import Sequence
from itertools import chain

from isoglot.core.protocols import Sampler, Sampling, Tick, no_tick
from isoglot.core.records import Completion, Prompt, PromptKey, prompt_key
from isoglot.core.section import Section


class GenerateConfig(Section):
    """Decoding of every sampler of the run that has no `sampling:` of its own."""

    sampling: Sampling = Sampling()
    """Decoding settings that the samplers share."""


def generate(
    prompts: Sequence[Prompt], sampler: Sampler, sampling: Sampling, tick: Tick = no_tick
) -> list[Completion]:
    """Return the completions of a sampler, in the order of prompts, then samples.

    A completion without text stays, with its finish reason: the filter names and counts it.
    """
    completions = sampler.sample(prompts, sampling, tick)
    return [
        Completion(
            *(*of_prompt, sampler.name, index, sampled.text, sampled.finish_reason),
            thought=sampled.thought,
            failure=sampled.failure,
        )
        for prompt, samples in zip(prompts, completions, strict=True)
        for of_prompt in [(*prompt_key(prompt), prompt.answer_language)]
        for index, sampled in enumerate(samples)
    ]


def merge_completions(
    prompts: Sequence[Prompt], *completions: Sequence[Completion]
) -> list[Completion]:
    """Merge the completions of several samplers, ordered by prompt, then sampler, then sample."""
    of_prompt: dict[PromptKey, list[Completion]] = {prompt_key(prompt): [] for prompt in prompts}
    for completion in chain.from_iterable(completions):
        of_prompt.setdefault(prompt_key(completion), []).append(completion)
    return [row for key in dict.fromkeys(map(prompt_key, prompts)) for row in of_prompt[key]]
