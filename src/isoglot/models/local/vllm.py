"""A model that vLLM runs on accelerators of this machine, as a sampler.

vLLM gives memory back only when its process ends. A run has its model stages in a child process
where there is an accelerator (`execute/child.py`), so that nothing is done about it here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt, content_id
from isoglot.core.section import Section
from isoglot.core.text import without_thinking
from isoglot.models.local.template import opens_thinking
from isoglot.models.local.transformers import located, model_name

VLLM_OPERATION = frozenset({"tensor_parallel_size", "gpu_memory_utilization"})
"""What only makes it fast or fit."""
_SEEDS = 2**31
_PROMPTS_AT_A_TIME = 1024  # so that the bar moves; vLLM schedules those of one call as it likes


class VLLMConfig(Section):
    """A model that vLLM runs, offline, in the process of the stage."""

    kind: Literal["vllm"] = "vllm"
    path: str
    """A local folder or a Hugging Face hub id."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none, its content is its revision."""
    dtype: str = "auto"
    """`auto` is the precision in which the checkpoint was saved, float16 for float32."""
    tensor_parallel_size: int = Field(1, ge=1)
    """Accelerators that one copy of the model is spread over."""
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    """Share of an accelerator's memory that it takes; less where another model is beside it."""
    max_model_len: int | None = Field(None, ge=1)
    """Tokens of prompt and answer together; left out, what the model's config says."""


class VLLMSampler:
    """Answers with vLLM; the same prompt has the same seed whatever stands beside it.

    No code of the checkpoint is run, and its decoding settings are ignored. Raises InputError where
    vLLM is not installed, and where no model stands.
    """

    def __init__(self, config: VLLMConfig) -> None:
        try:
            from vllm import LLM
        except ImportError as error:
            raise InputError(
                f"expected the package vllm for kind vllm, came none ({error}); pip install "
                "'isoglot[vllm]' on a machine with an accelerator, or take kind transformers"
            ) from error
        _, hub = located(config.path, config.revision)
        self.name = model_name(config.path, hub.get("revision", config.revision))
        self._llm = LLM(**engine_arguments(config))
        self._tokenizer = self._llm.get_tokenizer()
        self._window = self._llm.model_config.max_model_len

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """As in the protocol; a prompt that fills the context window has finish reason `error`."""
        if sampling.num_samples > 1 and sampling.temperature == 0:
            raise InputError(
                f"expected temperature > 0 for several samples, got num_samples "
                f"{sampling.num_samples} with greedy decoding; set temperature or one sample"
            )
        answers = [[Sampled("", FinishReason.ERROR)] * sampling.num_samples for _ in prompts]
        for primed in (False, True):  # the template of a call is that of all its conversations
            places = [i for i, prompt in enumerate(prompts) if is_primed(prompt) == primed]
            for start in range(0, len(places), _PROMPTS_AT_A_TIME):
                part = places[start : start + _PROMPTS_AT_A_TIME]
                found = self._chat([prompts[i] for i in part], sampling, primed)
                for i, row in zip(part, found, strict=True):
                    answers[i] = row
                tick(len(part), prompts[part[-1]].language)
        return answers

    def _chat(
        self, prompts: Sequence[Prompt], sampling: Sampling, primed: bool
    ) -> list[list[Sampled]]:
        from vllm import SamplingParams

        how = {"add_generation_prompt": not primed, "continue_final_message": primed}
        # One prompt that is too long would end the call for all.
        rooms = [self._window - self._num_tokens(prompt, how) for prompt in prompts]
        asked = [(prompt, room) for prompt, room in zip(prompts, rooms, strict=True) if room > 0]
        found = iter(
            self._llm.chat(
                [messages_of(prompt) for prompt, _ in asked],
                [
                    SamplingParams(**sampling_arguments(sampling, prompt, room))
                    for prompt, room in asked
                ],
                use_tqdm=False,
                **how,
            )
            if asked
            else ()
        )
        n = sampling.num_samples
        failed = [Sampled("", FinishReason.ERROR)] * n
        return [read_output(next(found), n) if room > 0 else failed for room in rooms]

    def _num_tokens(self, prompt: Prompt, how: Mapping[str, bool]) -> int:
        text = self._tokenizer.apply_chat_template(messages_of(prompt), tokenize=False, **how)
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def engine_arguments(config: VLLMConfig) -> dict[str, Any]:
    """What `vllm.LLM` is given; raises InputError where no model stands."""
    path, hub = located(config.path, config.revision)
    revision = hub.get("revision")
    return {
        "model": path,
        "revision": revision,
        "tokenizer_revision": revision,
        "dtype": config.dtype,
        "tensor_parallel_size": config.tensor_parallel_size,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "max_model_len": config.max_model_len,
        "generation_config": "vllm",  # the recipe states the decoding
        "trust_remote_code": False,
    }


def sampling_arguments(sampling: Sampling, prompt: Prompt, room: int) -> dict[str, Any]:
    """What `vllm.SamplingParams` is given for a prompt that leaves `room` tokens in the window."""
    seed = int(content_id(str(sampling.seed), prompt.prompt_id), 16) % _SEEDS
    return {
        "n": sampling.num_samples,
        "max_tokens": min(sampling.max_new_tokens, room),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "repetition_penalty": sampling.repetition_penalty,
        "stop": list(sampling.stop) or None,
        "seed": None if sampling.temperature == 0 else seed,
    }


def messages_of(prompt: Prompt) -> list[dict[str, str]]:
    """The conversation as vLLM reads it."""
    return [dict(message) for message in prompt.prompt]


def is_primed(prompt: Prompt) -> bool:
    """Whether the last turn is the assistant's, and so continued."""
    return prompt.prompt[-1]["role"] == "assistant"


def read_output(output: Any, num_samples: int) -> list[Sampled]:
    """The samples of one request, in their order; one that did not come has reason `error`."""
    reasons = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
    opened = opens_thinking(getattr(output, "prompt", None) or "")
    rows = {}
    for row in output.outputs:
        if row.finish_reason in reasons:
            answer = without_thinking(row.text, opened=opened)
            reason = FinishReason.LENGTH if answer is None else reasons[row.finish_reason]
            rows[row.index] = Sampled(answer or "", reason)
    return [rows.get(i, Sampled("", FinishReason.ERROR)) for i in range(num_samples)]
