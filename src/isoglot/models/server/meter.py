"""Cost and pace of the requests to a server, used from the event loop only."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from isoglot.core.errors import InputError
from isoglot.models.server.requests import stopped_within
from isoglot.models.server.spending import Spending

_POLL_SECONDS = 0.1


class CostCapReached(InputError):
    """The next request could exceed `max_cost_usd`; the answers so far are in the cache."""


@dataclass(slots=True)
class Usage:
    """Requests, tokens and cost of one sampler in this process."""

    num_requests: int = 0
    """Requests sent, including retries."""
    num_cached: int = 0
    """Answers from the cache."""
    num_unmetered: int = 0
    """Requests whose tokens the server did not report; their cost is the upper bound."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Tokens as reported by the server, including thinking."""
    cost_usd: float | None = None
    """None if the config gives no prices."""
    cached_cost_usd: float | None = None
    """Original cost of the answers from the cache, at the present prices."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests without an answer, by the reason of the last attempt, or the finish reason."""
    unknown_endings: Counter[str] = field(default_factory=Counter)
    """Answers taken as finished, by a finish reason whose meaning is not known."""

    @property
    def num_failed(self) -> int:
        return self.failures.total()


class Charge(NamedTuple):
    """Upper bound of a request, reserved until its actual figures are known."""

    prompt_tokens: int
    completion_tokens: int


class Meter:
    """Counts tokens and cost, and lets no request start that could exceed the cap.

    A request reserves its upper bound while it is under way, so the cap holds even if every answer
    has the maximum length.
    """

    def __init__(
        self,
        usd_per_million_prompt_tokens: float | None = None,
        usd_per_million_completion_tokens: float | None = None,
        max_cost_usd: float | None = None,
        spending: Spending | None = None,
    ) -> None:
        """`spending` is what counts for the cap: by default, that of this meter alone."""
        prices = (usd_per_million_prompt_tokens, usd_per_million_completion_tokens)
        self._priced = prices != (None, None)
        self._prices = tuple((price or 0.0) / 1e6 for price in prices)
        self._cap = max_cost_usd
        self._spending = spending or Spending("")
        self._held = 0.0
        zero = 0.0 if self._priced else None
        self.usage = Usage(cost_usd=zero, cached_cost_usd=zero)

    async def reserve(self, charge: Charge, stop: asyncio.Event) -> bool:
        """Reserve a charge, waiting for requests under way if the cap leaves no room for it.

        Returns False if `stop` was set meanwhile. Raises CostCapReached if there would be no room
        even if those requests cost nothing.
        """
        bound = self._usd(*charge)
        while self._cap is not None and self._spending.usd + self._held + bound > self._cap:
            if self._spending.usd + bound > self._cap:
                raise CostCapReached(
                    f"max_cost_usd is {self._cap:g} and {self._spending.usd:.4f} USD are spent in "
                    f"this folder, on {self.usage.num_requests} requests of this command and all "
                    f"of those before, and the next may cost up to {bound:.4f} USD; with `cache` "
                    "on, the same command with a higher max_cost_usd continues from here"
                )
            if await stopped_within(stop, _POLL_SECONDS):
                return False
        self._held += bound
        self.usage.num_requests += 1
        return True

    def settle(
        self, charge: Charge, prompt_tokens: int | None, completion_tokens: int | None
    ) -> None:
        """Record the actual figures of a request; unknown ones count at the upper bound."""
        cost = self._usd(*charge)
        self._held -= cost
        if prompt_tokens is None or completion_tokens is None:
            self.usage.num_unmetered += 1
        else:
            self.usage.prompt_tokens += prompt_tokens
            self.usage.completion_tokens += completion_tokens
            cost = self._usd(prompt_tokens, completion_tokens)
        if self.usage.cost_usd is not None:
            self.usage.cost_usd += cost
        self._spending.add(cost)

    def release(self, charge: Charge) -> None:
        """Release the charge of a request that the server refused: it cost nothing."""
        self._held -= self._usd(*charge)

    def count_cached(self, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """Record an answer from the cache."""
        self.usage.num_cached += 1
        if self.usage.cached_cost_usd is not None:
            self.usage.cached_cost_usd += self._usd(prompt_tokens or 0, completion_tokens or 0)

    def count_failure(self, reason: str) -> None:
        """Record a request without an answer."""
        self.usage.failures[reason] += 1

    def _usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        return self._prices[0] * prompt_tokens + self._prices[1] * completion_tokens


class Pace:
    """Spaces requests evenly, so that requests and tokens per minute stay below their limits.

    A request takes its upper bound of tokens; `refund` returns those that it did not use.
    """

    def __init__(
        self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_request = self._next_tokens = self._resume = 0.0

    async def wait(self, num_tokens: int, stop: asyncio.Event) -> None:
        """Wait until a request of so many tokens may start, or `stop` is set."""
        now = time.monotonic()
        start = max(now, self._next_request, self._next_tokens)
        self._next_request = start + self._per_request
        self._next_tokens = start + self._per_token * num_tokens
        left = max(start, self._resume) - now
        while left > 0 and not await stopped_within(stop, left):
            left = self._resume - time.monotonic()

    def refund(self, num_tokens: int) -> None:
        """Return tokens that a request did not use."""
        self._next_tokens -= self._per_token * num_tokens

    def pause(self, seconds: float) -> None:
        """Delay all further requests, as the server demanded."""
        self._resume = max(self._resume, time.monotonic() + seconds)
