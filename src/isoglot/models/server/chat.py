"""Asking a chat server over HTTP: paced, metered, and again where that can help."""

import json
import math
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.records import FinishReason
from isoglot.core.text import without_thinking
from isoglot.models.server.meter import Charge, Meter, Pace

if TYPE_CHECKING:
    from tenacity import RetryCallState

_AGAIN = {408, 409, 425, 429}
_PAUSE = {429, 503}
_LONGEST_WAIT_SECONDS = 600
"""A server that asks for more than this has a quota, and the run ends."""
_LONGEST_BACKOFF_SECONDS = 60
_CONNECT_SECONDS = 10
_FINISH_REASONS = {
    "stop": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
}
"""Anything else (`content_filter`, `tool_calls`, none) is an error."""
_OF_THE_PROMPT = re.compile(
    r"context.?(length|window|size)|too long|content.?(filter|policy|management)", re.IGNORECASE
)
"""What a 400 says when only this prompt is at fault."""
NO_LOG_PROBABILITIES = "no log-probabilities"
_TIME_OUT = "time-out"
_BROKEN_OFF = "broken off"


class Reply(NamedTuple):
    """What the server answered."""

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    top: list[tuple[str, float]] | None
    """The likeliest first tokens with their log-probabilities, best first; None if not told."""


class NoReply(Exception):
    """No answer to this prompt, for a reason that may pass or that lies in the prompt itself."""

    def __init__(self, reason: str, *, again: bool, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.wait_seconds = wait_seconds


class ChatServer:
    """`POST URL/chat/completions`, from as many threads as there are connections.

    Raises InputError for what asking again cannot mend: no server at the address, a key that is
    refused, a model or a setting that the server does not know. The key is in no message.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        key_name: str | None,
        *,
        meter: Meter,
        pace: Pace,
        max_connections: int,
        timeout_seconds: float,
        max_attempts: int,
        backoff_seconds: float,
    ) -> None:
        try:
            import httpx2
            import tenacity  # noqa: F401
        except ModuleNotFoundError as error:
            raise InputError(
                f"expected the packages that ask a server, got no {error.name}; pip install "
                f"'isoglot[openai]'"
            ) from None
        self._url = url
        self._key = api_key
        self._key_name = key_name
        self._meter = meter
        self._pace = pace
        self._timeout_seconds = timeout_seconds
        self._max_attempts = max_attempts
        self._backoff_seconds = backoff_seconds
        self._reached = False
        self._client = httpx2.Client(
            headers={"User-Agent": "isoglot", "Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {api_key}"} if api_key else {}),
            timeout=httpx2.Timeout(
                timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS), pool=None
            ),
            limits=httpx2.Limits(
                max_connections=max_connections, max_keepalive_connections=max_connections
            ),
            trust_env=not is_loopback(url),  # a proxy does not know this machine's ports
        )

    def ask(self, body: Mapping[str, Any], charge: Charge, stop: threading.Event) -> Reply:
        """The answer to one request; NoReply once the attempts are used up or `stop` is set."""
        import tenacity

        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda e: isinstance(e, NoReply) and e.again),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._max_attempts), tenacity.stop_when_event_set(stop)
            ),
            wait=self._wait_seconds,
            sleep=tenacity.sleep_using_event(stop),
            reraise=True,
        )
        content = json.dumps(body).encode()
        return again(self._attempt, content, str(body.get("model")), charge, stop)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _wait_seconds(self, state: "RetryCallState") -> float:
        import tenacity

        backoff = tenacity.wait_random_exponential(
            multiplier=self._backoff_seconds, max=_LONGEST_BACKOFF_SECONDS
        )(state)
        failure = state.outcome.exception() if state.outcome else None
        return backoff + (failure.wait_seconds if isinstance(failure, NoReply) else 0.0)

    def _attempt(self, content: bytes, model: str, charge: Charge, stop: threading.Event) -> Reply:
        self._pace.wait(sum(charge), stop)
        if stop.is_set() or not self._meter.reserve(charge, stop):
            raise NoReply("stopped", again=False)
        spent: tuple[int | None, int | None] | None = None
        try:
            status, headers, answer = self._post(content)
            if status == 200:
                spent = (None, None)  # whatever it holds, it may be on the bill
                reply = _read(answer)
                spent = (reply.prompt_tokens, reply.completion_tokens)
                return reply
            raise self._refusal(status, headers, answer, model)
        except NoReply as failure:
            if failure.reason in (_TIME_OUT, _BROKEN_OFF):
                # the server may have written an answer, and billed it
                spent = (None, None)
            raise
        finally:
            if spent is None:
                self._meter.release(charge)
                self._pace.refund(sum(charge))
            else:
                self._meter.settle(charge, *spent)
                known = [tokens for tokens in spent if tokens is not None]
                self._pace.refund(sum(charge) - sum(known) if len(known) == 2 else 0)

    def _post(self, content: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and the whole body, within the time-out from beginning to end."""
        import httpx2

        deadline = time.monotonic() + self._timeout_seconds
        answer = bytearray()
        try:
            with self._client.stream("POST", self._url, content=content) as response:
                self._reached = True
                # The client's own time-out is for each read, and a server may drip.
                for part in response.iter_bytes():
                    answer += part
                    if time.monotonic() > deadline:
                        raise NoReply(_TIME_OUT, again=True)
                return response.status_code, response.headers, bytes(answer)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
            if self._reached:
                raise NoReply("no connection", again=True) from None
            raise InputError(
                f"expected a server at {self._url}, got {self._clean(str(error)) or 'none'}; "
                f"start it or correct base_url"
            ) from None
        except httpx2.TimeoutException:
            raise NoReply(_TIME_OUT, again=True) from None
        except httpx2.RequestError:
            raise NoReply(_BROKEN_OFF, again=True) from None

    def _refusal(
        self, status: int, headers: Mapping[str, str], answer: bytes, model: str
    ) -> NoReply | ValueError:
        """What to raise for an answer that is no success."""
        said = self._clean(_said(answer))
        got = f"got HTTP {status}" + (f" ({said})" if said else "")
        if status == 429 and "insufficient_quota" in answer.decode(errors="replace"):
            return InputError(f"expected an account with credit left at {self._url}, {got}; top up")
        if status in _AGAIN or status >= 500:
            return self._later(status, headers, got)
        if status == 413 or (status in (400, 422) and _OF_THE_PROMPT.search(said)):
            return NoReply(f"refused: {said or status}", again=False)
        if status in (400, 422) and "logprob" in said:
            return NoReply(NO_LOG_PROBABILITIES, again=False)
        if status in (401, 403):
            where = (
                f"set {self._key_name} to a valid one"
                if self._key_name
                else "name the environment variable that holds it in api_key_env"
            )
            return InputError(f"expected a key that {self._url} accepts, {got}; {where}")
        if status == 404:
            return InputError(
                f"expected model {model!r} at {self._url}, {got}; correct model or base_url, "
                f"which ends in /v1 on most servers"
            )
        return InputError(
            f"expected a request that {self._url} accepts for model {model!r}, {got}; correct "
            f"model, base_url or sampling, or take a setting out with null in `extra`"
        )

    def _later(self, status: int, headers: Mapping[str, str], got: str) -> NoReply | ValueError:
        wait_seconds = retry_after_seconds(headers)
        if wait_seconds > _LONGEST_WAIT_SECONDS:
            return InputError(
                f"expected an answer of {self._url} within {_LONGEST_WAIT_SECONDS} s, {got} and a "
                f"wait of {wait_seconds:.0f} s; give the same command after that"
            )
        if status in _PAUSE:
            self._pace.pause(wait_seconds)  # for every thread, not this one alone
        return NoReply(f"HTTP {status}", again=True, wait_seconds=wait_seconds)

    def _clean(self, text: str) -> str:
        """One short line without the key, which some servers repeat."""
        if self._key:
            text = text.replace(self._key, "***")
        printable = "".join(char if char.isprintable() else " " for char in text)
        return " ".join(printable.split())[:200]


def is_loopback(url: str) -> bool:
    """Whether a URL is of this machine."""
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", host) is not None


def retry_after_seconds(headers: Mapping[str, str]) -> float:
    """The wait that `Retry-After` asks for, as seconds or as a date (RFC 9110, 10.2.3); else 0."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):  # no date; a date without a zone beside one with it
        return 0.0


def _read(answer: bytes) -> Reply:
    """The reply that a body holds; NoReply where it is not what the API says."""
    try:
        body = json.loads(answer)
        choice = body["choices"][0]
        message = choice["message"]
        text = without_thinking(_text(message.get("content")))
        reason = _FINISH_REASONS.get(choice.get("finish_reason"), FinishReason.ERROR)
        usage = body.get("usage") or {}
        return Reply(
            text or "",
            FinishReason.LENGTH if text is None else reason,
            _count(usage.get("prompt_tokens")),
            _count(usage.get("completion_tokens")),
            _top(choice.get("logprobs")),
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NoReply("nonsense", again=True) from None


def _text(content: Any) -> str:
    """The text of a message; thinking, which stands beside it or in parts of its own, is none."""
    if content is None:
        return ""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    if not isinstance(content, str):
        raise TypeError
    # Half a surrogate pair, the end of a cut-off emoji, can be written nowhere.
    return content.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _top(logprobs: Any) -> list[tuple[str, float]] | None:
    if not logprobs or not logprobs.get("content"):
        return None
    first = logprobs["content"][0]
    tokens = [(top["token"], float(top["logprob"])) for top in first.get("top_logprobs") or [first]]
    known = [(_text(token), min(value, 0.0)) for token, value in tokens if math.isfinite(value)]
    return sorted(known, key=lambda top: -top[1]) or None


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def _said(answer: bytes) -> str:
    """The message in an error body: OpenAI's, FastAPI's, Ollama's form, or the text itself."""
    text = answer.decode(errors="replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return text
    said = body
    for key in ("error", "detail", "message"):
        if isinstance(said, dict) and key in said:
            said = said[key]
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
