"""Samplers answer the prompts."""

from collections import defaultdict
from collections.abc import Sequence

from isoglot.core.protocols import Sampler, Sampling, Tick, no_tick
from isoglot.core.records import Completion, Prompt
from isoglot.core.section import Section


class GenerateConfig(Section):
    """How every sampler of the run decodes, unless it has a `sampling:` of its own."""

    sampling: Sampling = Sampling()


def generate(
    prompts: Sequence[Prompt], sampler: Sampler, sampling: Sampling, tick: Tick = no_tick
) -> list[Completion]:
    """What a sampler answers, in the order of prompts, then samples.

    An answer without text stays, with its finish reason: the filter names and counts it.
    """
    answers = sampler.sample(prompts, sampling, tick)
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
        for prompt, samples in zip(prompts, answers, strict=True)
        for index, sampled in enumerate(samples)
    ]


def side_by_side(prompts: Sequence[Prompt], *answers: Sequence[Completion]) -> list[Completion]:
    """The answers of several samplers, in the order of prompts, then samplers, then samples."""
    answers_to: dict[tuple[str, str], list[Completion]] = defaultdict(list)
    for completions in answers:
        for completion in completions:
            answers_to[completion.family, completion.prompt_id].append(completion)
    return [
        completion
        for key in dict.fromkeys((prompt.family, prompt.prompt_id) for prompt in prompts)
        for completion in answers_to[key]
    ]
