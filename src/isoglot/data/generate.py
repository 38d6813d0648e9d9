"""Samplers answer the prompts."""

from collections import Counter
from collections.abc import Sequence

from isoglot.core.records import Completion, Prompt
from isoglot.core.section import Section
from isoglot.models.protocols import Sampler, Sampling, Tick, no_tick


class GenerateConfig(Section):
    """How every sampler of the run decodes."""

    sampling: Sampling = Sampling()


def generate(
    prompts: Sequence[Prompt],
    samplers: Sequence[Sampler],
    sampling: Sampling,
    tick: Tick = no_tick,
) -> list[Completion]:
    """What the samplers answer, in the order of prompts, then samplers, then samples.

    An answer without text stays, with its finish reason: the filter names and counts it.
    """
    twice = [name for name, num in Counter(s.name for s in samplers).items() if num > 1]
    if twice:
        raise ValueError(
            f"expected samplers of different names, came {twice[0]!r} twice; leave one out"
        )
    answers = [sampler.sample(prompts, sampling, tick) for sampler in samplers]
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
        for prompt, *samples_of in zip(prompts, *answers, strict=True)
        for sampler, samples in zip(samplers, samples_of, strict=True)
        for index, sampled in enumerate(samples)
    ]
