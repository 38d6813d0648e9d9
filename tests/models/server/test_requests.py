"""Many requests at a time: each answered once, never more than allowed, none after a stop."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.models.server.requests import Requests, stopped_within


class Server:
    """Counts the requests in flight, and answers each with its square."""

    def __init__(self, *, seconds=0.01, fails_at=None):
        self.num_started = self.num_in_flight = self.most_in_flight = self.num_ended = 0
        self._seconds, self._fails_at = seconds, fails_at

    async def send(self, request, _stop):
        self.num_started += 1
        self.num_in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.num_in_flight)
        try:
            if request == self._fails_at:
                raise ValueError(f"no {request}")
            await asyncio.sleep(self._seconds)
            return request**2
        finally:
            self.num_in_flight -= 1
            self.num_ended += 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.integers(1, 12))
def test_each_is_answered_once_and_never_more_are_in_flight(num, most):
    server = Server(seconds=0.001)
    replies = dict(Requests(server.send, most).replies(range(num)))
    assert replies == {i: i**2 for i in range(num)}
    assert server.num_started == num
    assert server.most_in_flight <= most


def test_hundreds_are_in_flight_and_callers_share_the_limit():
    server = Server(seconds=0.2)
    requests = Requests(server.send, 256)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: len(list(requests.replies(range(300)))), range(3)))
    assert found == [300] * 3
    assert server.most_in_flight == 256


def test_an_error_starts_no_more_and_awaits_those_under_way():
    server = Server(fails_at=5)
    with pytest.raises(ValueError, match="no 5"):
        list(Requests(server.send, 4).replies(range(100)))
    assert server.num_started < 20
    assert server.num_ended == server.num_started


def test_closing_early_starts_no_more_and_awaits_those_under_way():
    server = Server()
    with closing(Requests(server.send, 4).replies(range(100))) as replies:
        next(replies)
    assert server.num_started < 20
    assert server.num_ended == server.num_started


def test_a_wait_ends_when_it_is_stopped():
    async def wait():
        stop = asyncio.Event()
        assert not await stopped_within(stop, 0.01)
        asyncio.get_running_loop().call_later(0.02, stop.set)
        return await stopped_within(stop, 60)

    assert asyncio.run(wait())


RACE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from isoglot.models.server.requests import event_loop

sys.setswitchinterval(1e-6)
together = Barrier(16)

def first_call(_):
    together.wait()
    return event_loop()

with ThreadPoolExecutor(16) as pool:
    print(len(set(pool.map(first_call, range(16)))))
"""


def test_threads_that_begin_together_share_one_loop():
    """In a fresh process: the shards of a stage send their first requests at the same time."""
    found = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"
