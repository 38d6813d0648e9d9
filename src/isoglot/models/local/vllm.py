"""A model that vLLM runs on the accelerators of this machine, as a sampler.

vLLM frees memory only when its process ends. A run puts its model stages into a child process if
there is an accelerator (`execute/child.py`), so nothing is done about it here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt, content_id
from isoglot.core.text import without_thinking
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.template import opens_thinking
from isoglot.models.local.weights import located, model_name

_SEEDS = 2**31
_PROMPTS_PER_CALL = 1024  # so that the progress bar moves; vLLM schedules them as it likes


class VLLMSampler:
    """Sampler over vLLM; the seed of a prompt does not depend on the other prompts.

    No code of the checkpoint is run, and its decoding settings are ignored. Raises InputError if
    vLLM is not installed, or if there is no model.
    """

    def __init__(self, config: WeightsConfig) -> None:
        try:
            from vllm import LLM
        except ImportError as error:
            raise InputError(
                f"expected the package vllm for engine vllm, got none ({error}); pip install "
                "'isoglot[vllm]' on a machine with an accelerator, or take engine transformers"
            ) from error
        _, hub = located(config.path, config.revision)
        self.name = model_name(config.path, hub.get("revision", config.revision))
        self._llm = LLM(**engine_arguments(config))
        self._tokenizer = self._llm.get_tokenizer()
        self._window = self._llm.model_config.max_model_len

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """See `Sampler.sample`. A prompt that fills the context window has reason `error`."""
        sampling.require_distinct_samples()
        answers = [[Sampled("", FinishReason.ERROR)] * sampling.num_samples for _ in prompts]
        for primed in (False, True):  # vLLM takes the flags of a template once per call
            indices = [i for i, prompt in enumerate(prompts) if is_primed(prompt) == primed]
            for start in range(0, len(indices), _PROMPTS_PER_CALL):
                part = indices[start : start + _PROMPTS_PER_CALL]
                rows = self._chat([prompts[i] for i in part], sampling, primed)
                for i, row in zip(part, rows, strict=True):
                    answers[i] = row
                tick(len(part), prompts[part[-1]].language)
        return answers

    def _chat(
        self, prompts: Sequence[Prompt], sampling: Sampling, primed: bool
    ) -> list[list[Sampled]]:
        from vllm import SamplingParams

        flags = {"add_generation_prompt": not primed, "continue_final_message": primed}
        # One prompt that is too long would fail the call for all.
        rooms = [self._window - self._num_tokens(prompt, flags) for prompt in prompts]
        fitting = [(prompt, room) for prompt, room in zip(prompts, rooms, strict=True) if room > 0]
        conversations = [to_messages(prompt) for prompt, _ in fitting]
        params = [SamplingParams(**sampling_arguments(sampling, *item)) for item in fitting]
        outputs = iter(
            self._llm.chat(conversations, params, use_tqdm=False, **flags) if fitting else ()
        )
        n = sampling.num_samples
        failed = [Sampled("", FinishReason.ERROR)] * n
        return [read_output(next(outputs), n) if room > 0 else failed for room in rooms]

    def _num_tokens(self, prompt: Prompt, flags: Mapping[str, bool]) -> int:
        text = self._tokenizer.apply_chat_template(to_messages(prompt), tokenize=False, **flags)
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])


def engine_arguments(config: WeightsConfig) -> dict[str, Any]:
    """Return the arguments of `vllm.LLM`; raise InputError if there is no model."""
    path, hub = located(config.path, config.revision)
    return {
        "model": path,
        "revision": hub.get("revision"),
        "tokenizer_revision": hub.get("revision"),
        "dtype": config.dtype,
        "tensor_parallel_size": config.vllm.tensor_parallel_size,
        "gpu_memory_utilization": config.vllm.gpu_memory_utilization,
        "max_model_len": config.vllm.max_model_len,
        "quantization": config.vllm.quantization,
        "generation_config": "vllm",  # the recipe gives the decoding settings
        "trust_remote_code": False,
    }


def sampling_arguments(sampling: Sampling, prompt: Prompt, room: int) -> dict[str, Any]:
    """Return the arguments of `vllm.SamplingParams` for a prompt that leaves `room` tokens."""
    seed = int(content_id(str(sampling.seed), prompt.prompt_id), 16) % _SEEDS
    return {
        **sampling.model_dump(include={"temperature", "top_p", "repetition_penalty"}),
        "n": sampling.num_samples,
        "max_tokens": min(sampling.max_new_tokens, room),
        "stop": list(sampling.stop) or None,
        "seed": None if sampling.temperature == 0 else seed,
    }


def to_messages(prompt: Prompt) -> list[dict[str, str]]:
    """Return the conversation in vLLM's format."""
    return [dict(message) for message in prompt.prompt]


def is_primed(prompt: Prompt) -> bool:
    """True if the last turn is the assistant's, and so continued."""
    return prompt.prompt[-1]["role"] == "assistant"


def read_output(output: Any, num_samples: int) -> list[Sampled]:
    """Return the samples of one request in order; a missing one has reason `error`."""
    reasons = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}
    opened = opens_thinking(getattr(output, "prompt", None) or "")
    rows = {}
    for row in output.outputs:
        if row.finish_reason in reasons:
            answer = without_thinking(row.text, opened=opened)
            reason = FinishReason.LENGTH if answer is None else reasons[row.finish_reason]
            rows[row.index] = Sampled(answer or "", reason)
    return [rows.get(i, Sampled("", FinishReason.ERROR)) for i in range(num_samples)]
