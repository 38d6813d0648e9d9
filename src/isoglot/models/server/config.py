"""Settings of a model on an OpenAI-compatible server."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator

from isoglot.core.errors import InputError
from isoglot.core.section import Section
from isoglot.core.thinking import ThoughtMarks
from isoglot.models.server.key import KeyVariable

_VENDOR = "api.openai.com"
OPENAI_OPERATION = frozenset(
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
"""Settings that do not change answers; `server_revision` covers the address."""


class OpenAIConfig(Section):
    """A model on a server with OpenAI's chat completions API: a vendor's, vLLM, TGI, llama.cpp,
    Ollama, `transformers serve`."""

    model_config = ConfigDict(hide_input_in_errors=True)  # it may be a key in the wrong place

    engine: Literal["openai"] = "openai"
    model: str
    """The name of the model at the server."""
    base_url: str = f"https://{_VENDOR}/v1"
    """Address of the server, up to `/v1`."""
    api_key_env: KeyVariable = None
    """The environment variable with the key. By default OPENAI_API_KEY for OpenAI's own address and
    none for any other: a key is sent only where it belongs."""
    revision: str = ""
    """The version that the server runs under this name, such as a commit: part of the sampler's
    name and of the cache key. By default the address."""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Added to every request as it is; null removes a setting that the server does not know."""
    thought_marks: ThoughtMarks = "auto"
    """The marks around a thought in the text of an answer, as in the config of a local model, where
    the server does not tell it apart (`reasoning_content`, `reasoning`, `thinking`)."""
    prefill: dict[str, JsonValue] = Field(default_factory=dict)
    """Added to a request whose last turn is the assistant's, so that the server continues it.
    vLLM and SGLang: `{add_generation_prompt: false, continue_final_message: true}`; llama.cpp
    continues by itself; OpenAI and `transformers serve` begin a new turn, and a prefill that the
    answer repeats is removed."""
    max_concurrency: int = Field(8, ge=1, le=10_000)
    """Requests in flight at a time."""
    requests_per_minute: float | None = Field(None, ge=0.1, allow_inf_nan=False)
    """Limit of requests; default: none."""
    tokens_per_minute: float | None = Field(None, ge=10, allow_inf_nan=False)
    """Limit for prompts and completions together."""
    timeout_seconds: float = Field(300, gt=0, le=86_400)
    """For one request, from its start to the end of the answer."""
    max_attempts: int = Field(6, ge=1, le=1000)
    """Attempts at one request, after rate limits, time-outs and errors of the server."""
    backoff_seconds: float = Field(1.0, ge=0, le=3600)
    """Upper bound of the first wait; it doubles with each attempt, the wait is drawn below it."""
    cache: Path | Literal["user"] | None = "user"
    """A SQLite file; `user` is the one in the user's cache folder (or in ISOGLOT_CACHE), null is
    none."""
    usd_per_million_prompt_tokens: float | None = Field(None, ge=0)
    """Price of a million tokens of prompts, in US dollars."""
    usd_per_million_completion_tokens: float | None = Field(None, ge=0)
    """Price of a million tokens of completions, in US dollars."""
    max_cost_usd: float | None = Field(None, gt=0)
    """No request starts that could exceed it, together with what the model has cost in the same
    output folder before; cached answers are free."""

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018 - reading it checks it
        except ValueError as error:
            raise InputError(
                f"expected a base_url such as http://localhost:8000/v1, got {error}; correct it"
            ) from None
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InputError(
                "expected a base_url without user, key or query; put keys in api_key_env"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"expected a base_url such as http://localhost:8000/v1, got {url!r}")
        return url.rstrip("/")

    @field_validator("extra")
    @classmethod
    def _keeps_own_settings(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
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

    @property
    def is_vendor(self) -> bool:
        """True for OpenAI's own addresses, such as eu.api.openai.com."""
        return f".{urlsplit(self.base_url).hostname or ''}".endswith(f".{_VENDOR}")

    @property
    def key_name(self) -> str | None:
        """The environment variable with the key; None if no key is sent."""
        return self.api_key_env or ("OPENAI_API_KEY" if self.is_vendor else None)


def server_model_name(config: OpenAIConfig) -> str:
    """Return `model@revision`, with the last part of a model that is a path at its server."""
    is_path = config.model.startswith("/")
    model = config.model.rstrip("/").rpartition("/")[2] if is_path else config.model
    return f"{model}@{server_revision(config)}"


def server_revision(config: OpenAIConfig) -> str:
    """Return the revision of the config, or the address, where the name may be another model's."""
    parts = urlsplit(config.base_url)
    return config.revision or parts.netloc + parts.path.removesuffix("/v1")
