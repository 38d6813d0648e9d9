"""Completions that the source of the prompts provides, as a sampler."""

from collections.abc import Sequence
from typing import Literal

from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt
from isoglot.core.section import Section

SOURCE = "source"
"""Sampler name of these completions."""


class SourceConfig(Section):
    """The source's own completions: the column `completion` or `messages` of `prompts.source`."""

    kind: Literal["source"] = "source"


class SourceSampler:
    """Returns the completion of the prompt; one without has finish reason `error`."""

    name = SOURCE

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """See `Sampler.sample`. There is one completion per prompt, whatever `sampling` says."""
        assert sampling.num_samples >= 1
        answers = []
        for prompt in prompts:
            reason = FinishReason.STOP if prompt.completion else FinishReason.ERROR
            answers.append([Sampled(prompt.completion or "", reason)])
            tick(1, prompt.language)
        return answers
