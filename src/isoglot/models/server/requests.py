"""Many requests at a time, sent from one event loop of this process for all servers."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import wait
from functools import cache
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class Requests(Generic[_Request, _Reply]):
    """Sends requests from synchronous code, as many at a time as the server may have.

    Threads may share an instance; the limit holds for all of them together.
    """

    def __init__(
        self, send: Callable[[_Request, asyncio.Event], Awaitable[_Reply]], max_concurrency: int
    ) -> None:
        """`send` gets a request and an event; once that is set, it should wait for no retry."""
        self._send = send
        self._max_concurrency = max_concurrency
        self._room = asyncio.Semaphore(max_concurrency)

    def replies(self, requests: Sequence[_Request]) -> Generator[tuple[int, _Reply]]:
        """Yield the index of each request with its reply, as the replies arrive.

        The first exception of `send` ends it. No request is started after that, or after the
        generator was closed; those under way are awaited, since they are paid for.
        """
        arrived: SimpleQueue[tuple[int, _Reply] | None] = SimpleQueue()
        stop = asyncio.Event()
        sending = run_soon(self._send_all(requests, arrived.put, stop))
        sending.add_done_callback(lambda _: arrived.put(None))
        try:
            while (item := arrived.get()) is not None:
                yield item
            sending.result()
        finally:
            event_loop().call_soon_threadsafe(stop.set)
            wait([sending])

    async def _send_all(
        self,
        requests: Sequence[_Request],
        arrived: Callable[[tuple[int, _Reply]], None],
        stop: asyncio.Event,
    ) -> None:
        waiting = iter(enumerate(requests))
        errors: list[BaseException] = []

        async def work() -> None:
            for index, request in waiting:
                async with self._room:
                    if stop.is_set():
                        return
                    try:
                        arrived((index, await self._send(request, stop)))
                    except BaseException as error:
                        errors.append(error)
                        stop.set()
                        raise

        num = min(len(requests), self._max_concurrency)
        await asyncio.gather(*(work() for _ in range(num)), return_exceptions=True)
        if errors:
            raise errors[0]


_STARTING = Lock()


def event_loop() -> asyncio.AbstractEventLoop:
    """The one event loop of the requests, in a thread of its own; threads share it."""
    with _STARTING:  # a cache alone calls the function twice for two threads at once
        return _started_loop()


@cache
def _started_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, name="isoglot-requests", daemon=True).start()
    return loop


def run_soon(coroutine: Any) -> Any:
    """Start a coroutine on the event loop; returns its `concurrent.futures.Future`."""
    return asyncio.run_coroutine_threadsafe(coroutine, event_loop())


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Sleep for so many seconds, or until `stop` is set; returns True if it is set."""
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return stop.is_set()
