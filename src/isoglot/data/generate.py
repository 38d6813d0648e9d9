"""Samplers complete the prompts."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

from isoglot.core.protocols import Sampler, Sampling, Tick, no_tick
from isoglot.core.records import Completion, Prompt
from isoglot.core.section import Section


class GenerateConfig(Section):
    """Decoding of every sampler of the run that has no `sampling:` of its own."""

    sampling: Sampling = Sampling()


def generate(
    prompts: Sequence[Prompt], sampler: Sampler, sampling: Sampling, tick: Tick = no_tick
) -> list[Completion]:
    """Return the completions of a sampler, in the order of prompts, then samples.

    A completion without text stays, with its finish reason: the filter names and counts it.
    """
    completions = sampler.sample(prompts, sampling, tick)
    return [
        Completion(
            family=prompt.family,
            prompt_id=prompt.prompt_id,
            language=prompt.answer_language,
            sampler=sampler.name,
            sample=index,
            text=sampled.text,
            finish_reason=sampled.finish_reason,
        )
        for prompt, samples in zip(prompts, completions, strict=True)
        for index, sampled in enumerate(samples)
    ]


def merge_completions(
    prompts: Sequence[Prompt], *completions: Sequence[Completion]
) -> list[Completion]:
    """Merge the completions of several samplers, ordered by prompt, then sampler, then sample."""
    of_prompt: dict[tuple[str, str], list[Completion]] = defaultdict(list)
    for completion in chain.from_iterable(completions):
        of_prompt[completion.family, completion.prompt_id].append(completion)
    return [
        completion
        for key in dict.fromkeys((prompt.family, prompt.prompt_id) for prompt in prompts)
        for completion in of_prompt[key]
    ]
