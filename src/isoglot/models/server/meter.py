"""What asking a server costs, and how fast it may be asked."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from isoglot.core.errors import InputError

_LOOK_SECONDS = 0.2


class CostCapReached(InputError):
    """The next request could pass `max_cost_usd`; what was answered so far is in the cache."""


@dataclass(slots=True)
class Usage:
    """What was asked and spent so far, by this sampler in this process."""

    num_requests: int = 0
    """Requests that were sent, repeated ones included."""
    num_cached: int = 0
    """Answers that came from the cache."""
    num_unmetered: int = 0
    """Requests whose tokens the server did not report; the cost counts their upper bound."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Tokens as the server reports them, thinking included."""
    cost_usd: float | None = None
    """None where the config gives no prices."""
    cached_cost_usd: float | None = None
    """What the answers from the cache cost when they were asked, at the prices of now."""
    failures: Counter[str] = field(default_factory=Counter)
    """Answers that never came, by the reason of the last attempt."""

    @property
    def num_failed(self) -> int:
        return self.failures.total()


class Charge(NamedTuple):
    """The most that a request can take; held back until its true figures are known."""

    prompt_tokens: int
    completion_tokens: int


class Meter:
    """Counts tokens and money over threads, and lets no request start that could pass the cap.

    A request holds back its upper bound while it is under way, so the cap holds even if every
    answer is as long as it may be.
    """

    def __init__(
        self,
        usd_per_million_prompt_tokens: float | None = None,
        usd_per_million_completion_tokens: float | None = None,
        max_cost_usd: float | None = None,
    ) -> None:
        prices = (usd_per_million_prompt_tokens, usd_per_million_completion_tokens)
        self._priced = prices != (None, None)
        self._prices = tuple((price or 0.0) / 1e6 for price in prices)
        self._cap = max_cost_usd
        self._held = 0.0
        self._changed = threading.Condition()
        zero = 0.0 if self._priced else None
        self.usage = Usage(cost_usd=zero, cached_cost_usd=zero)

    def reserve(self, charge: Charge, stop: threading.Event) -> bool:
        """Hold back a charge, waiting for requests under way where the cap leaves no room now.

        False when `stop` was set meanwhile. Raises CostCapReached where there would be no room even
        if those cost nothing.
        """
        bound = self._usd(*charge)
        with self._changed:
            while self._cap is not None and self._spent + self._held + bound > self._cap:
                if stop.is_set():
                    return False
                if self._spent + bound > self._cap:
                    raise self._reached(bound)
                self._changed.wait(_LOOK_SECONDS)
            self._held += bound
            self.usage.num_requests += 1
            return True

    def settle(
        self, charge: Charge, prompt_tokens: int | None, completion_tokens: int | None
    ) -> None:
        """Book what a request took; what the server does not say counts at its upper bound."""
        with self._changed:
            self._held -= self._usd(*charge)
            if prompt_tokens is None or completion_tokens is None:
                self.usage.num_unmetered += 1
                cost = self._usd(*charge)
            else:
                self.usage.prompt_tokens += prompt_tokens
                self.usage.completion_tokens += completion_tokens
                cost = self._usd(prompt_tokens, completion_tokens)
            if self.usage.cost_usd is not None:
                self.usage.cost_usd += cost
            self._changed.notify_all()

    def release(self, charge: Charge) -> None:
        """Book a request that the server turned down: it cost nothing."""
        with self._changed:
            self._held -= self._usd(*charge)
            self._changed.notify_all()

    def count_cached(self, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """Book an answer that was there already."""
        with self._changed:
            self.usage.num_cached += 1
            if self.usage.cached_cost_usd is not None:
                self.usage.cached_cost_usd += self._usd(prompt_tokens or 0, completion_tokens or 0)

    def count_failure(self, reason: str) -> None:
        """Book an answer that will not come."""
        with self._changed:
            self.usage.failures[reason] += 1

    @property
    def _spent(self) -> float:
        return self.usage.cost_usd or 0.0

    def _usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        return self._prices[0] * prompt_tokens + self._prices[1] * completion_tokens

    def _reached(self, bound: float) -> CostCapReached:
        return CostCapReached(
            f"max_cost_usd is {self._cap:g} and {self._spent:.4f} USD are spent on "
            f"{self.usage.num_requests} requests, and the next may cost up to {bound:.4f} USD; "
            f"with `cache` on, the same command with a higher max_cost_usd goes on from here"
        )


class Pace:
    """Spaces requests evenly, so that neither requests nor tokens a minute pass their limit.

    A request takes its upper bound of tokens; `refund` gives back what it did not use.
    """

    def __init__(
        self, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_request = self._next_tokens = self._resume = 0.0
        self._lock = threading.Lock()

    def wait(self, num_tokens: int, stop: threading.Event) -> None:
        """Return when a request of so many tokens may start, or `stop` is set."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_request, self._next_tokens)
            self._next_request = start + self._per_request
            self._next_tokens = start + self._per_token * num_tokens
        stop.wait(start - now)
        while (left := self._resume - time.monotonic()) > 0 and not stop.wait(left):
            pass

    def refund(self, num_tokens: int) -> None:
        """Give back tokens that a request did not use."""
        with self._lock:
            self._next_tokens -= self._per_token * num_tokens

    def pause(self, seconds: float) -> None:
        """Start no request for so long: the server asked for it."""
        with self._lock:
            self._resume = max(self._resume, time.monotonic() + seconds)
