"""A model in vLLM servers that isoglot starts from its weights, and ends.

Prompts are rendered and tokenised here, as for every other engine and for training; the servers
complete tokens. vLLM lives in an environment of its own, since it pins other versions than TRL.
"""

import asyncio
import json
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import RunError
from isoglot.core.protocols import Likelihood, Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt, content_id
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.encoder import PromptEncoder
from isoglot.models.local.template import eos_ids
from isoglot.models.local.weights import dtype_for, load_config
from isoglot.models.server.completions import (
    TokensReply,
    completion_body,
    likelihood_body,
    likelihood_of,
    read_completion,
)
from isoglot.models.server.config import OpenAIConfig
from isoglot.models.server.http import HttpServer, NoReply
from isoglot.models.server.meter import Charge, Meter
from isoglot.models.server.process import ServerProcess, command_line
from isoglot.models.server.requests import Requests

_SEEDS = 2**31
_NAME = "model"
"""The model's name at its server."""
_KEY_VARIABLE = "VLLM_API_KEY"
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""Nothing about a run leaves the machine."""
_ATTEMPTS = 6
_RETRY_SECONDS = 1.0
_TIMEOUT_SECONDS = 3600
_FREE = Charge(0, 0)
_GIVE_UP_AFTER = 20


@dataclass(eq=False, slots=True)
class _Replica:
    """One server with a copy of the model."""

    process: ServerProcess
    server: HttpServer
    max_starts: int
    num_in_flight: int = 0
    _reviving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def revive(self) -> None:
        """Start the server again if it has died; raise RunError if it has died too often."""
        # One that dies closes its connections first. All of its requests wait here together.
        await asyncio.sleep(_RETRY_SECONDS)
        async with self._reviving:
            if self.process.is_running:
                return
            if self.process.num_starts >= self.max_starts:
                raise RunError(
                    f"vLLM ended {self.process.num_starts} times: {self.process.log_end()} (log: "
                    f"{self.process.log}); where memory is short, lower "
                    "vllm.gpu_memory_utilization, vllm.max_model_len or vllm.max_concurrency; "
                    "the same command resumes"
                )
            await asyncio.to_thread(self.process.start)
            await asyncio.to_thread(self.process.wait_until_healthy)


class _Sample(NamedTuple):
    """A sample of a prompt."""

    row: int
    sample: int
    ids: list[int]
    """The prompt."""
    room: int
    """New tokens at most."""
    seed: int
    written: Sequence[int] = ()
    """The tokens of the answer so far."""


class VLLMModel:
    """Sampler and likelihoods over vLLM servers, with the memory of their accelerators until they
    are closed or this object is gone.

    The seed of a sample depends on the prompt and not on its neighbours. No code of the checkpoint
    is run, and its decoding settings are ignored. A server that dies is started again, and what was
    answered stays.

    Raises:
        InputError: no model, no chat template, no vLLM command.
        RunError: a server that ends at its start, or too often; holds the end of its log.
    """

    def __init__(self, config: WeightsConfig) -> None:
        self.encoder = PromptEncoder(config)
        self.name = self.encoder.name
        self._eos_ids = _eos_ids(self.encoder)
        self.is_closed = False
        self._num_failed_in_a_row = 0
        self._limit = config.vllm.max_concurrency
        self._replicas = [
            _replica(config, self.encoder, place, devices)
            for place, devices in enumerate(_devices(config))
        ]
        processes = [replica.process for replica in self._replicas]
        self._finalizer = weakref.finalize(self, _stop_all, processes)
        try:
            for process in processes:
                process.start()
            for process in processes:
                process.wait_until_healthy()
            self._window = _context_window(processes[0])
        except BaseException:
            self.close()
            raise
        self._requests = Requests(self._reply, self._limit * len(processes))

    def close(self) -> None:
        """End the servers, and free their memory; requests under way fail."""
        self.is_closed = True
        for replica in self._replicas:
            replica.server.close()  # first: vLLM waits for its clients before it ends
        self._finalizer()

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """See `Sampler.sample`. A prompt that fills the context window gets no answer."""
        sampling.require_distinct_samples()
        num = sampling.num_samples
        texts = [self.encoder.render(prompt) for prompt in prompts]
        answers = [[Sampled("", FinishReason.ERROR)] * num for _ in prompts]
        samples: list[_Sample] = []
        for row, ids in enumerate(self.encoder.encode(texts)):
            room = min(sampling.max_new_tokens, self._window - len(ids))
            if room < 1:
                answers[row] = [each._replace(failure="context window") for each in answers[row]]
                tick(1, prompts[row].language)
                continue
            first = int(content_id(str(sampling.seed), prompts[row].prompt_id), 16) % _SEEDS
            samples += (_Sample(row, i, ids, room, (first + i) % _SEEDS) for i in range(num))
        missing = [num] * len(prompts)
        for (row, i, *_), reply in self._completed(samples, texts, sampling):
            num_tokens = 0
            if isinstance(reply, NoReply):
                answers[row][i] = answers[row][i]._replace(failure=reply.reason)
            elif reply.is_whole:
                thinks = self.encoder.opens_thinking(texts[row])
                answers[row][i] = self.encoder.answer(
                    reply.ids, self._eos_ids, sampling.stop, thinks=thinks
                )
                num_tokens = len(reply.ids)
            missing[row] -= 1
            tick(int(not missing[row]), prompts[row].language, num_tokens)
        return answers

    def _completed(
        self, samples: Sequence["_Sample"], texts: Sequence[str], sampling: Sampling
    ) -> Iterator[tuple["_Sample", TokensReply | NoReply]]:
        """Yield the replies as they arrive. One that is within its thought at the limit of that is
        continued after the closing mark, as one that is beyond it: the server stopped there."""
        limit, left = sampling.max_thinking_tokens, []
        rooms = [each.room if limit is None else min(each.room, limit) for each in samples]
        for place, reply in self._replies(self._bodies(samples, rooms, sampling)):
            each = samples[place]
            if isinstance(reply, NoReply) or not reply.is_whole or not self._goes_on(each, reply):
                yield each, reply
                continue
            ends = self.encoder.closing_ids(texts[each.row], reply.ids, self._eos_ids)
            left.append(each._replace(written=[*reply.ids, *ends][: each.room]))
        rooms = [max(1, each.room - len(each.written)) for each in left]
        for place, reply in self._replies(self._bodies(left, rooms, sampling)):
            each = left[place]
            if not isinstance(reply, NoReply):
                reply = reply._replace(ids=[*each.written, *reply.ids][: each.room])
            yield each, reply

    def _bodies(
        self, samples: Sequence["_Sample"], rooms: Sequence[int], sampling: Sampling
    ) -> list[dict[str, Any]]:
        return [
            completion_body([*each.ids, *each.written], sampling, room, each.seed, self._eos_ids)
            for each, room in zip(samples, rooms, strict=True)
        ]

    def _goes_on(self, sample: "_Sample", reply: TokensReply) -> bool:
        """True for a reply that ended where the server was told to, and has room left."""
        has_ended = reply.ids and reply.ids[-1] in self._eos_ids
        return not has_ended and not reply.is_stopped and len(reply.ids) < sample.room

    def log_likelihoods(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        tick: Tick = no_tick,
    ) -> list[list[Likelihood | None]]:
        """See `LikelihoodModel.log_likelihoods`."""
        answers: list[list[Likelihood | None]] = [[None] * len(texts) for texts in continuations]
        window = self._window - 2  # the server writes one token more
        sequences = self.encoder.sequences(prompts, continuations, window)
        missing = [0] * len(prompts)
        for sequence in sequences:
            missing[sequence.prompt] += 1
        for prompt, num in zip(prompts, missing, strict=True):
            if not num:
                tick(1, prompt.language)
        for place, reply in self._replies([likelihood_body(each.ids) for each in sequences]):
            sequence = sequences[place]
            if isinstance(reply, TokensReply):
                answers[sequence.prompt][sequence.choice] = likelihood_of(sequence, reply)
            missing[sequence.prompt] -= 1
            if not missing[sequence.prompt]:
                tick(1, prompts[sequence.prompt].language)
        return answers

    def _replies(
        self, bodies: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[int, TokensReply | NoReply]]:
        with closing(self._requests.replies(bodies)) as replies:
            yield from replies

    async def _reply(self, body: dict[str, Any], stop: asyncio.Event) -> TokensReply | NoReply:
        """Send a request to the replica with the fewest in flight, as often as that may help."""
        no_reply = NoReply("", again=False)
        for _ in range(_ATTEMPTS):
            replica = min(self._replicas, key=lambda each: each.num_in_flight)
            replica.num_in_flight += 1
            try:
                request = {"model": _NAME, **body}
                reply = await replica.server.post(
                    "completions", request, _FREE, stop, read_completion
                )
                self._num_failed_in_a_row = 0
                return reply
            except NoReply as failure:
                no_reply = failure
                if self.is_closed:  # no answer is an error because of an interruption
                    raise RunError("the servers of vLLM were ended") from None
                if stop.is_set():
                    return failure
                if not failure.again:
                    break
            finally:
                replica.num_in_flight -= 1
            await replica.revive()
        self._num_failed_in_a_row += 1
        if self._num_failed_in_a_row >= max(_GIVE_UP_AFTER, 2 * self._limit):
            raise RunError(
                f"vLLM gave no answer to {self._num_failed_in_a_row} prompts in a row "
                f"({no_reply.reason}); "
                f"see {self._replicas[0].process.log}; the same command resumes"
            )
        return no_reply


def _replica(
    config: WeightsConfig, encoder: PromptEncoder, place: int, devices: str | None
) -> _Replica:
    settings = config.vllm
    visible = {} if devices is None else {"CUDA_VISIBLE_DEVICES": devices}
    # A server of local weights needs no hub, and waits for minutes where it cannot be reached.
    offline = {"HF_HUB_OFFLINE": "1"} if Path(encoder.weights.path).is_dir() else {}
    process = ServerProcess(
        server_command(config, encoder),
        f"vllm-{encoder.name.rpartition('/')[2]}-{place}",
        key_variable=_KEY_VARIABLE,
        environment={**_QUIET, **visible, **offline},
        start_seconds=settings.start_seconds,
    )
    client = OpenAIConfig(
        model=_NAME,
        base_url=process.url,
        cache=None,
        max_attempts=1,
        max_concurrency=settings.max_concurrency,
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    server = HttpServer(client, Meter(), key=process.key)
    return _Replica(process, server, settings.max_restarts + 1)


def server_command(config: WeightsConfig, encoder: PromptEncoder) -> list[str]:
    """Return the command of a server, without its address."""
    import torch

    path, hub, adapters = encoder.weights
    settings, revision = config.vllm, hub.get("revision")
    arguments: dict[str, Any] = {
        "revision": revision,
        "tokenizer_revision": revision,
        "dtype": _dtype(config, encoder),
        "tensor_parallel_size": settings.tensor_parallel_size,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "max_model_len": settings.max_model_len or "auto",
        "quantization": settings.quantization,
        "generation_config": "vllm",  # the recipe gives the decoding settings
        # The two logs take a tenth of the time of a small model (docs/LOG.md).
        "disable_log_stats": True,
        "disable_uvicorn_access_log": True,
        "served_model_name": "base" if adapters else _NAME,
    }
    if not torch.cuda.is_available():
        # vLLM's processor backend dies at a request with a seed whose prompt it reads in parts.
        arguments["enable_chunked_prefill"] = False
    if adapters:
        rank = json.loads((Path(adapters) / "adapter_config.json").read_text("utf-8"))["r"]
        arguments |= {
            "enable_lora": True,
            "max_lora_rank": _lora_rank(rank),
            "lora_modules": f"{_NAME}={adapters}",
        }
    command = [os.path.expanduser(word) for word in settings.command]
    return [*command, path, *command_line({**arguments, **settings.arguments})]


def _dtype(config: WeightsConfig, encoder: PromptEncoder) -> str:
    """The precision of the server; its own `auto` would take bfloat16 for weights in float32."""
    dtype = dtype_for(dtype=config.dtype)
    path, hub, _ = encoder.weights
    saved = load_config(path, hub).dtype if dtype == "auto" else None
    return str(saved).removeprefix("torch.") if saved is not None else dtype


def _lora_rank(rank: int) -> int:
    """Return the smallest rank that vLLM offers for adapters of a rank: a power of two from 8."""
    return max(8, 1 << (rank - 1).bit_length())


def _devices(config: WeightsConfig) -> list[str | None]:
    """Return the accelerators of each replica, as in CUDA_VISIBLE_DEVICES; None for all."""
    import torch

    size, wanted = config.vllm.tensor_parallel_size, config.vllm.replicas
    if not torch.cuda.is_available():
        return [None] * (wanted or 1)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else list(map(str, range(torch.cuda.device_count())))
    num = wanted or max(1, len(names) // size)
    if num == 1:
        return [None]
    return [",".join(names[i * size : (i + 1) * size]) or None for i in range(num)]


def _eos_ids(encoder: PromptEncoder) -> list[int]:
    """The tokens that end an answer, by the checkpoint's generation config and its tokenizer."""
    from transformers import GenerationConfig

    path, hub, _ = encoder.weights
    try:
        written = GenerationConfig.from_pretrained(path, **hub).eos_token_id
    except OSError:
        written = None
    return eos_ids(written, encoder.tokenizer.eos_token_id)


def _context_window(process: ServerProcess) -> int:
    """The maximum number of tokens of prompt and completion, by the server."""
    import httpx2

    headers = {"Authorization": f"Bearer {process.key}"}
    answer = httpx2.get(f"{process.url}/models", headers=headers, timeout=60, trust_env=False)
    models = answer.json()["data"]
    return int(next(m["max_model_len"] for m in models if m.get("max_model_len")))


def _stop_all(processes: Sequence[ServerProcess]) -> None:
    for process in processes:
        process.stop()
