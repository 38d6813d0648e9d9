"""A model behind any OpenAI-compatible server, as a sampler and as a chooser among labels."""

import os
import re
import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator

from isoglot.core.errors import InputError
from isoglot.core.protocols import Likelihood, Sampled, Sampling, Tick, no_tick
from isoglot.core.records import FinishReason, Prompt
from isoglot.core.section import Section
from isoglot.models.server.cache import AnswerCache, answer_key, user_cache
from isoglot.models.server.chat import NO_LOG_PROBABILITIES, ChatServer, NoReply, Reply
from isoglot.models.server.labels import label_likelihoods
from isoglot.models.server.meter import Charge, Meter, Pace, Usage

_VENDOR = "api.openai.com"
_LIMITS = ("max_tokens", "max_completion_tokens")
_TOP_LOGPROBS = 20
"""As many as OpenAI gives."""
_TEMPLATE_TOKENS = 64
_TEMPLATE_TOKENS_PER_MESSAGE = 16
_GIVE_UP_AFTER = 20
OPERATION = frozenset(
    {
        "base_url",
        "api_key_env",
        "max_concurrency",
        "requests_per_minute",
        "tokens_per_minute",
        "timeout_seconds",
        "max_attempts",
        "backoff_seconds",
        "cache",
        "usd_per_million_prompt_tokens",
        "usd_per_million_completion_tokens",
        "max_cost_usd",
    }
)
"""What decides how answers are got, and not which; `server_revision` covers the address."""


class OpenAIConfig(Section):
    """A model on a server that speaks OpenAI's chat completions: a vendor's, vLLM, TGI, llama.cpp,
    Ollama, `transformers serve`."""

    model_config = ConfigDict(hide_input_in_errors=True)  # it may be a key in the wrong place

    kind: Literal["openai"] = "openai"
    model: str
    base_url: str = f"https://{_VENDOR}/v1"
    api_key_env: str | None = None
    """The environment variable that holds the key. Left out, OPENAI_API_KEY for OpenAI's own
    address and none for any other: a key goes only where it is meant to go."""
    revision: str = ""
    """What the server serves under this name, such as a commit: part of the sampler's name and of
    the cache key. Left out, the address stands for it."""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Put into every request as it is; null takes a setting out that the server does not know."""
    prefill: dict[str, JsonValue] = Field(default_factory=dict)
    """Put into a request whose last turn is the assistant's, so that the server goes on with it.
    vLLM and SGLang: `{add_generation_prompt: false, continue_final_message: true}`; llama.cpp goes
    on by itself; OpenAI and `transformers serve` begin a new turn, and an answer that repeats the
    prefill loses it."""
    max_concurrency: int = Field(8, ge=1)
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0)
    """Of prompts and completions together."""
    timeout_seconds: float = Field(300, gt=0)
    """For one request, from its beginning to the end of the answer."""
    max_attempts: int = Field(6, ge=1)
    backoff_seconds: float = Field(1.0, ge=0)
    """Upper bound of the first wait; it doubles with each attempt, the wait is drawn below it."""
    cache: Path | Literal["user"] | None = "user"
    """A SQLite file; `user` is the one in the user's cache folder (or in ISOGLOT_CACHE), null is
    none."""
    usd_per_million_prompt_tokens: float | None = Field(None, ge=0)
    usd_per_million_completion_tokens: float | None = Field(None, ge=0)
    max_cost_usd: float | None = Field(None, gt=0)
    """No request starts that could pass it; what comes from the cache is free."""

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InputError(
                "expected a base_url without user, key or query; put keys in api_key_env"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"expected a base_url such as http://localhost:8000/v1, got {url!r}")
        return url.rstrip("/")

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise InputError(
                "expected the name of an environment variable, such as OPENAI_API_KEY; the key "
                "itself must stand in no recipe"
            )
        return name

    @field_validator("extra")
    @classmethod
    def _leaves_ours(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := {"model", "messages", "stream", "n", "logprobs"} & extra.keys():
            raise InputError(
                f"expected no {min(taken)!r} in extra, which isoglot sets; leave it out"
            )
        return extra

    @model_validator(mode="after")
    def _cap_has_prices(self) -> Self:
        prices = (self.usd_per_million_prompt_tokens, self.usd_per_million_completion_tokens)
        if self.max_cost_usd is not None and None in prices:
            raise InputError(
                "max_cost_usd needs usd_per_million_prompt_tokens and "
                "usd_per_million_completion_tokens; give the server's prices"
            )
        return self


def server_revision(config: OpenAIConfig) -> str:
    """The revision of the config, or the address: the same name elsewhere may be another model."""
    parts = urlsplit(config.base_url)
    return config.revision or parts.netloc + parts.path.removesuffix("/v1")


class _Request(NamedTuple):
    body: dict[str, Any]
    sample: int
    charge: Charge
    """The most tokens that it can take."""


class OpenAISampler:
    """Asks a server, many prompts at a time; what it answered once is in the cache.

    An answer that does not come, whatever the attempts, has finish reason `error` and is never
    cached; nor is an empty one, which is often a server in trouble. Raises InputError where asking
    on is of no use, and CostCapReached, one too, before `max_cost_usd` is passed: the same call
    then goes on from the cache.
    """

    def __init__(self, config: OpenAIConfig) -> None:
        path = config.model.rstrip("/").rpartition("/")[2] if config.model[:1] == "/" else ""
        self.name = f"{path or config.model}@{server_revision(config)}"
        self._config = config
        key_name, key = _api_key(config)
        self._meter = Meter(
            config.usd_per_million_prompt_tokens,
            config.usd_per_million_completion_tokens,
            config.max_cost_usd,
        )
        self._server = ChatServer(
            f"{config.base_url}/chat/completions",
            key,
            key_name,
            meter=self._meter,
            pace=Pace(config.requests_per_minute, config.tokens_per_minute),
            max_connections=config.max_concurrency,
            timeout_seconds=config.timeout_seconds,
            max_attempts=config.max_attempts,
            backoff_seconds=config.backoff_seconds,
        )
        cache = user_cache() if config.cache == "user" else config.cache
        self._cache = None if cache is None else AnswerCache(cache)
        self._lock = threading.Lock()
        self._ever_answered = False
        self._num_failed_in_a_row = 0
        self._tells_log_probabilities: bool | None = None

    @property
    def usage(self) -> Usage:
        """What was asked and spent so far."""
        return self._meter.usage

    def close(self) -> None:
        """Close the connections and the cache."""
        self._server.close()
        if self._cache is not None:
            self._cache.close()

    def sample(
        self, prompts: Sequence[Prompt], sampling: Sampling, tick: Tick = no_tick
    ) -> list[list[Sampled]]:
        """As in the protocol; sample i is asked with seed + i, which not every server honours."""
        if sampling.num_samples > 1 and sampling.temperature == 0:
            raise InputError(
                f"expected temperature > 0 for several samples, got num_samples "
                f"{sampling.num_samples} with greedy decoding; set temperature or one sample"
            )
        num_samples = sampling.num_samples
        requests = [
            self._request(prompt, _decoding(sampling, i), sampling.max_new_tokens, i)
            for prompt in prompts
            for i in range(num_samples)
        ]
        answers = [[Sampled("", FinishReason.ERROR)] * num_samples for _ in prompts]
        missing = [num_samples] * len(prompts)
        with closing(self._replies(requests)) as replies:
            for place, reply in replies:
                row, i = divmod(place, num_samples)
                if reply is not None:
                    text = self._continuation(prompts[row], reply.text)
                    answers[row][i] = Sampled(text, reply.finish_reason)
                missing[row] -= 1
                if not missing[row]:
                    tick(1, prompts[row].language)
        return answers

    def log_likelihoods(
        self,
        prompts: Sequence[Prompt],
        continuations: Sequence[Sequence[str]],
        tick: Tick = no_tick,
    ) -> list[list[Likelihood | None]]:
        """How likely the answer to each prompt begins with each of a few short labels.

        The first token alone is looked at, among the 20 likeliest, so this is for labels that
        differ there (`A` and `B`, `yes` and `no`), and not for scoring texts. None where the server
        tells no log-probabilities, or where they do not tell the labels apart.
        """
        answers: list[list[Likelihood | None]] = [[None] * len(labels) for labels in continuations]
        decoding = {"temperature": 1.0, "logprobs": True, "top_logprobs": _TOP_LOGPROBS}
        requests = [self._request(prompt, decoding, 1, 0) for prompt in prompts]
        with closing(self._replies(requests)) as replies:
            for place, reply in replies:
                if reply is not None and reply.top:
                    answers[place] = label_likelihoods(continuations[place], reply.top)
                tick(1, prompts[place].language)
        return answers

    def _request(
        self, prompt: Prompt, decoding: Mapping[str, Any], max_tokens: int, sample: int
    ) -> _Request:
        config = self._config
        messages = [dict(message) for message in prompt.prompt]
        # OpenAI's newer models refuse the name that all other servers know.
        limit = {_LIMITS[_is_vendor(config)]: max_tokens}
        primed = config.prefill if messages[-1]["role"] == "assistant" else {}
        body = {"model": config.model, "messages": messages, **limit, **decoding, **primed}
        body = {key: value for key, value in (body | config.extra).items() if value is not None}
        # A token is a byte at least, in every tokenizer and script.
        num_bytes = sum(len(message["content"].encode(errors="replace")) for message in messages)
        template = _TEMPLATE_TOKENS + _TEMPLATE_TOKENS_PER_MESSAGE * len(messages)
        limits = [value for key in _LIMITS if isinstance(value := body.get(key), int)]
        most = max(limits, default=max_tokens)  # `extra` may say otherwise
        return _Request(body, sample, Charge(num_bytes + template, most))

    def _continuation(self, prompt: Prompt, text: str) -> str:
        last = prompt.prompt[-1]
        if last["role"] == "assistant" and not self._config.prefill:
            return text.removeprefix(last["content"])
        return text

    def _replies(self, requests: Sequence[_Request]) -> Generator[tuple[int, Reply | None]]:
        """The place of each request and its reply, as they come; None where there is none.

        Two requests that are the same are asked once. Ending early waits for the answers under way,
        since they are paid for.
        """
        places: dict[str, list[int]] = {}
        revision = server_revision(self._config)
        for place, request in enumerate(requests):
            key = answer_key(revision, request.body, request.sample)
            places.setdefault(key, []).append(place)
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._config.max_concurrency)
        try:
            futures = {
                pool.submit(self._reply_or_stop, key, requests[twins[0]], stop): twins
                for key, twins in places.items()
            }
            for future in as_completed(futures):
                for place in futures[future]:
                    yield place, future.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def _reply_or_stop(self, key: str, request: _Request, stop: threading.Event) -> Reply | None:
        try:
            return self._reply(key, request, stop)
        except Exception:
            stop.set()  # now: the other threads would ask on until the caller hears of it
            raise

    def _reply(self, key: str, request: _Request, stop: threading.Event) -> Reply | None:
        if self._cache is not None and (known := self._cache.get(key)) is not None:
            reply = Reply(**known)
            self._meter.count_cached(reply.prompt_tokens, reply.completion_tokens)
            return reply
        wants_top = "logprobs" in request.body
        if wants_top and self._tells_log_probabilities is False:
            return None
        try:
            reply = self._server.ask(request.body, request.charge, stop)
        except NoReply as failure:
            if not stop.is_set():
                self._failed(failure)
            return None
        is_answer = reply.finish_reason != FinishReason.ERROR and (reply.top or reply.text)
        if self._cache is not None and is_answer and (reply.top or not wants_top):
            self._cache.put(key, reply._asdict())
        with self._lock:
            self._ever_answered = True
            self._num_failed_in_a_row = 0
            if wants_top:
                told = self._tells_log_probabilities or reply.top is not None
                self._tells_log_probabilities = told
        return reply

    def _failed(self, failure: NoReply) -> None:
        """Count a failure; where nothing but failures comes, end the run before it wastes hours."""
        self._meter.count_failure(failure.reason)
        with self._lock:
            if failure.reason == NO_LOG_PROBABILITIES:
                self._tells_log_probabilities = False
            elif failure.again or not self._ever_answered:
                self._num_failed_in_a_row += 1
            if self._num_failed_in_a_row < max(_GIVE_UP_AFTER, 2 * self._config.max_concurrency):
                return
            num, self._num_failed_in_a_row = self._num_failed_in_a_row, 0
        raise InputError(
            f"expected answers from {self._config.base_url}, got none to {num} prompts in a row "
            f"({failure.reason}); mend the server and give the same command, which goes on from "
            f"the answers in the cache"
        )


def _decoding(sampling: Sampling, sample: int) -> dict[str, Any]:
    decoding: dict[str, Any] = {"temperature": sampling.temperature}
    if sampling.temperature > 0:
        decoding |= {"top_p": sampling.top_p, "seed": sampling.seed + sample}
    if sampling.repetition_penalty != 1:  # not in OpenAI's API, though in most servers
        decoding["repetition_penalty"] = sampling.repetition_penalty
    return decoding


def _is_vendor(config: OpenAIConfig) -> bool:
    host = urlsplit(config.base_url).hostname or ""
    return f".{host}".endswith(f".{_VENDOR}")  # eu.api.openai.com too


def _api_key(config: OpenAIConfig) -> tuple[str | None, str | None]:
    """The name of the environment variable and the key in it; None where the server needs none."""
    name = config.api_key_env or ("OPENAI_API_KEY" if _is_vendor(config) else None)
    if name is None:
        return None, None
    key = os.environ.get(name, "").strip()
    if not key:
        raise InputError(
            f"expected a key for {config.base_url} in the environment variable {name}, got none; "
            f"export it, or correct api_key_env"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise InputError(
            f"expected a key of printable ASCII in the environment variable {name}, got other "
            f"characters; copy it again"
        )
    return name, key
