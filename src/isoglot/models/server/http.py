"""Requests to an OpenAI-compatible server over HTTP: paced, metered, and retried."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from isoglot.core.errors import InputError
from isoglot.models.server.config import OpenAIConfig
from isoglot.models.server.key import read_key
from isoglot.models.server.meter import Charge, Meter, Pace
from isoglot.models.server.requests import run_soon, stopped_within

if TYPE_CHECKING:
    from tenacity import RetryCallState

_RETRIED = {408, 409, 425, 429}
_PAUSE = {429, 503}
_MAX_WAIT_SECONDS = 600
"""A server that wants a longer wait has a quota, and the run ends."""
_MAX_BACKOFF_SECONDS = 60
_CONNECT_SECONDS = 10
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A longer answer is none: 64 MiB hold more than any context window."""
_PROMPT_AT_FAULT = re.compile(
    r"context.?(length|window|size)|too long|content.?(filter|policy|management)", re.IGNORECASE
)
"""Message of a status 400 that concerns this prompt only."""
NO_LOG_PROBABILITIES = "no log-probabilities"
_TIME_OUT = "time-out"
_BROKEN_OFF = "broken off"
_ENDLESS = "endless"


class Reply(Protocol):
    """Any reply, with its cost in tokens."""

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens read; None if the server does not report them."""

    @property
    def completion_tokens(self) -> int | None:
        """Tokens written; None if the server does not report them."""


_Reply = TypeVar("_Reply", bound=Reply)


class NoReply(Exception):
    """No reply to this prompt; `again` says that a retry may help."""

    def __init__(self, reason: str, *, again: bool, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.wait_seconds = wait_seconds


class HttpServer:
    """Asynchronous client for the endpoints of one OpenAI-compatible server.

    Raises InputError for errors that a retry cannot mend: no server at the address, a key that is
    refused, a model or a setting that the server does not know. No message contains the key.
    """

    def __init__(self, config: OpenAIConfig, meter: Meter, key: str | None = None) -> None:
        """`key` is that of a server which this process has started and found healthy."""
        try:
            import httpx2
            import tenacity  # noqa: F401
        except ModuleNotFoundError as error:
            raise InputError(
                f"expected the packages of the client for servers, got no {error.name}; "
                f"pip install 'isoglot[openai]'"
            ) from None
        self._config, self._meter = config, meter
        self._pace = Pace(config.requests_per_minute, config.tokens_per_minute)
        named = read_key(config.key_name, config.base_url) if config.key_name else None
        self._key = key or named
        self._reached = key is not None
        timeout, connections = config.timeout_seconds, config.max_concurrency
        self._client = httpx2.AsyncClient(
            headers={
                "User-Agent": "isoglot",
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",  # a few bytes could hold gigabytes
            }
            | ({"Authorization": f"Bearer {self._key}"} if self._key else {}),
            timeout=httpx2.Timeout(None, connect=min(timeout, _CONNECT_SECONDS)),
            limits=httpx2.Limits(
                max_connections=connections, max_keepalive_connections=connections
            ),
            trust_env=not _is_loopback(config.base_url),  # a proxy cannot reach this machine
        )

    async def post(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        charge: Charge,
        stop: asyncio.Event,
        read: Callable[[bytes], _Reply],
    ) -> _Reply:
        """Send one request, and return its reply as `read` parses it.

        Raises NoReply once the attempts are used up or `stop` is set.
        """
        import tenacity

        async def sleep(seconds: float) -> None:
            await stopped_within(stop, seconds)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, NoReply) and e.again),
            stop=lambda state: stop.is_set() or state.attempt_number >= self._config.max_attempts,
            wait=self._wait_seconds,
            sleep=sleep,
            reraise=True,
        )
        return await retrying(self._attempt, endpoint, body, charge, stop, read)

    def close(self) -> None:
        """Close the connections."""
        run_soon(self._client.aclose()).result()

    def _wait_seconds(self, state: "RetryCallState") -> float:
        import tenacity

        backoff = tenacity.wait_random_exponential(
            multiplier=self._config.backoff_seconds, max=_MAX_BACKOFF_SECONDS
        )(state)
        failure = state.outcome.exception() if state.outcome else None
        return backoff + (failure.wait_seconds if isinstance(failure, NoReply) else 0.0)

    async def _attempt(
        self,
        endpoint: str,
        body: Mapping[str, Any],
        charge: Charge,
        stop: asyncio.Event,
        read: Callable[[bytes], _Reply],
    ) -> _Reply:
        await self._pace.wait(sum(charge), stop)
        if stop.is_set() or not await self._meter.reserve(charge, stop):
            raise NoReply("stopped", again=False)
        spent: tuple[int | None, int | None] | None = None
        url = f"{self._config.base_url}/{endpoint}"
        try:
            status, headers, answer = await self._post(url, json.dumps(body).encode())
            if status == 200:
                spent = (None, None)  # whatever it contains, it may be billed
                reply = read(answer)
                spent = (reply.prompt_tokens, reply.completion_tokens)
                return reply
            raise self._refusal(url, status, headers, answer, str(body.get("model")))
        except NoReply as failure:
            if failure.reason in (_TIME_OUT, _BROKEN_OFF, _ENDLESS):
                spent = (None, None)  # the server may have written an answer, and billed it
            raise
        finally:
            if spent is None:
                self._meter.release(charge)
                self._pace.refund(sum(charge))
            else:
                self._meter.settle(charge, *spent)
                known = [tokens for tokens in spent if tokens is not None]
                self._pace.refund(sum(charge) - sum(known) if len(known) == 2 else 0)

    async def _post(self, url: str, content: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body, within one time-out for the whole request."""
        import httpx2

        try:
            async with (
                asyncio.timeout(self._config.timeout_seconds),
                self._client.stream("POST", url, content=content) as response,
            ):
                self._reached = True
                self._client.cookies.clear()  # each request stands alone
                return response.status_code, response.headers, await _body(response)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            if self._reached:
                raise NoReply("no connection", again=True) from None
            raise InputError(
                f"expected a server at {url}, got {self._clean(str(error)) or 'none'}; "
                f"start it or correct base_url"
            ) from None
        except TimeoutError:
            self._reached = True
            raise NoReply(_TIME_OUT, again=True) from None
        except httpx2.RequestError:
            self._reached = True
            raise NoReply(_BROKEN_OFF, again=True) from None

    def _refusal(
        self, url: str, status: int, headers: Mapping[str, str], answer: bytes, model: str
    ) -> NoReply | InputError:
        """Return the exception for a status other than 200."""
        message = self._clean(_error_message(answer))
        got = f"got HTTP {status}" + (f" ({message})" if message else "")
        if status == 429 and "insufficient_quota" in answer.decode(errors="replace"):
            return InputError(f"expected an account with credit left at {url}, {got}; top up")
        if status in _RETRIED or status >= 500:
            return self._postpone(url, status, headers, got)
        if status == 413 or (status in (400, 422) and _PROMPT_AT_FAULT.search(message)):
            return NoReply(f"refused: {message or status}", again=False)
        if status in (400, 422) and "logprob" in message:
            return NoReply(NO_LOG_PROBABILITIES, again=False)
        if status in (401, 403):
            mend = (
                f"set {self._config.key_name} to a valid one"
                if self._config.key_name
                else "name the environment variable that holds it in api_key_env"
            )
            return InputError(f"expected a key that {url} accepts, {got}; {mend}")
        if status == 404:
            return InputError(
                f"expected model {model!r} at {url}, {got}; correct model or base_url, "
                f"which ends in /v1 on most servers"
            )
        return InputError(
            f"expected a request that {url} accepts for model {model!r}, {got}; correct "
            f"model, base_url or sampling, or take a setting out with null in `extra`"
        )

    def _postpone(
        self, url: str, status: int, headers: Mapping[str, str], got: str
    ) -> NoReply | InputError:
        wait_seconds = _retry_after_seconds(headers)
        if wait_seconds > _MAX_WAIT_SECONDS:
            return InputError(
                f"expected an answer of {url} within {_MAX_WAIT_SECONDS} s, {got} and a "
                f"wait of {wait_seconds:.0f} s; give the same command after that"
            )
        if status in _PAUSE:
            self._pace.pause(wait_seconds)  # for all requests
        return NoReply(f"HTTP {status}", again=True, wait_seconds=wait_seconds)

    def _clean(self, text: str) -> str:
        """Shorten to one line without the key, which some servers repeat."""
        if self._key:
            text = text.replace(self._key, "***")
        printable = "".join(char if char.isprintable() else " " for char in text)
        return " ".join(printable.split())[:200]


async def _body(response: Any) -> bytes:
    """Read a body within bounds; raise NoReply for one beyond them."""
    if response.headers.get("content-encoding", "identity") not in ("identity", "gzip"):
        raise NoReply("nonsense", again=True)  # of others, one chunk could fill the memory
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _MAX_ANSWER_BYTES:
            raise NoReply(_ENDLESS, again=True)
    return bytes(body)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None


def _retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Read `Retry-After`, as seconds or as a date (RFC 9110, 10.2.3); 0 without it."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # no date; only one of the two with a time zone
        return 0.0


def _error_message(answer: bytes) -> str:
    """Return the message in an error body: OpenAI's, FastAPI's, Ollama's form, or the text."""
    text = answer.decode(errors="replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for key in ("error", "detail", "message"):
        if isinstance(body, dict) and key in body:
            body = body[key]
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
