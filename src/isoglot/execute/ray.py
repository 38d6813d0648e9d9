"""A stage over its shards on a Ray cluster: a shard for each task, a model for each worker.

Shards go through the file system and not through Ray, which carries names, counts and progress. So
every node must see the working directory, `--out` and the files that the recipe names under the
same paths (a shared file system), and have this version of isoglot, its extras, and in its own
environment the keys of the servers that are asked: Ray's logs would show a key that was sent.
A limit of requests or tokens per minute holds for each worker.
"""

import os
import socket
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.errors import Failure, InputError, RunError
from isoglot.execute.local import Counts, Input, Stage, Written

_MAX_DEATHS = 3
"""A shard whose worker died so often is most likely what kills it."""
_START_SECONDS = 600
"""How long to wait for a first worker: a cluster may have to start a machine for it."""
_TICK_SECONDS = 0.5
_VISIBLE_SECONDS = 60
"""How long a network file system may hide what another machine has written."""
_CONNECT_SECONDS = 10
_OBJECT_STORE_BYTES = 100 * 2**20  # the least that Ray runs well with: no rows go through it
_QUIET = {"log_to_driver": False, "logging_level": "CRITICAL"}


def check_ray() -> None:
    """Raise InputError where Ray is not installed; imports nothing."""
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise InputError(
            "execute.kind ray: expected Ray, which is not installed; pip install 'isoglot[ray]', "
            "or set execute.kind=local"
        )


def map_shards_on_ray(
    function: Callable[..., Any],
    inputs: Sequence[Input],
    out: Path,
    output: type,
    *,
    load: Callable[[], Any] | None = None,
    tick: Callable[[int, str], None] | None = None,
    reached: Callable[[int], None] = lambda num: None,  # noqa: ARG005
    num_workers: int | None = None,
    address: str = "local",
) -> Counts:
    """As `local.map_shards`, with the shards that are missing made by workers, in any order.

    `function` and `load` are shipped to the workers and must not hold rows or a model; `tick` stays
    here. A shard whose worker or node died is made again by another one. `num_workers` is by
    default one for each GPU of the cluster, or else for each CPU core; those that it has no room
    for wait until it grows. `address` is `local` (a Ray of this machine alone), `auto` (the
    cluster that this machine belongs to) or host:port. No Ray is started when every shard stands.

    Raises:
        InputError: as `map_shards`; no Ray, no cluster there, no shared file system.
        RunError: workers that die on one shard, or a Ray that does not start in time.
        RuntimeError: a bug in the stage; the notes hold the traceback of the worker.
    """
    stage = Stage(function, inputs, out, output, load)
    parts = stage.parts()
    rows = {part: stage.num_rows(part) for part in parts}
    standing = {part: there for part in parts if (there := stage.standing(part)) is not None}
    num_kept, num_behind = len(standing), sum(rows[part] for part in standing)
    reached(num_behind)
    missing = [part for part in parts if part not in standing]
    if missing:
        _connect(address)
        for part, written in _Pool(stage, missing, tick, num_workers).made():
            standing[part] = written
            num_behind += rows[part]
            if tick is None:  # else the ticks of other shards are already further
                reached(num_behind)
        reached(num_behind)
    num_rows, num_dropped = (sum(nums) for nums in zip(*standing.values(), strict=True))
    return Counts(len(parts), num_kept, num_rows, num_dropped)


def _connect(address: str) -> None:
    check_ray()
    # Nothing about a run leaves the machine; Ray reads this when it starts.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    if ray.is_initialized():
        return
    try:
        if address == "local":
            store = _OBJECT_STORE_BYTES
            ray.init("local", object_store_memory=store, include_dashboard=False, **_QUIET)
        else:
            if address != "auto":
                _check_listening(address)
            with _naming_a_token():
                ray.init(address, **_QUIET)
    except (OSError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        why = str(error).strip().split("\n", 1)[0].split(". ", 1)[0]
        raise InputError(
            f"execute.address: expected a Ray cluster at {address!r}, got {why}; start one with "
            "`ray start --head`, correct the address, set RAY_AUTH_MODE=token if it asks for its "
            "token, or set execute.address=local"
        ) from None
    except Exception as error:
        if type(error) is not Exception:  # a bare one: its processes took more than 30 s to start
            raise
        raise RunError(
            "Ray did not start in time: this machine is most likely too busy; the same command "
            "goes on from here"
        ) from None


@contextmanager
def _naming_a_token() -> Iterator[None]:
    """For Ray's attempts to join a cluster whose token it does not have.

    It tells them to the file of the standard error alone, once a second, past every setting of its
    log, and then says only that it cannot connect.
    """
    with tempfile.TemporaryFile() as log:
        told = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except (OSError, RuntimeError):  # its way of saying that it cannot connect
            log.seek(0)
            if b"InvalidAuthToken" not in log.read():
                raise
            raise RuntimeError(
                "one that refuses this machine's token (RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or "
                "~/.ray/auth_token)"
            ) from None
        finally:
            os.dup2(told, 2)
            os.close(told)


def _check_listening(address: str) -> None:
    """Ray waits for minutes, and then ends the process, where nobody listens."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError("no host:port")
    socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()


def _room(num_workers: int | None, num_parts: int) -> tuple[int, dict[str, int]]:
    """How many workers to ask for, and what each takes of its node."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if num_gpus := int(sum(node.get("GPU", 0) for node in nodes)):
        return min(num_workers or num_gpus, num_parts), {"num_gpus": 1, "num_cpus": 1}
    cores = [int(node.get("CPU", 0)) for node in nodes]
    num = min(num_workers or max(1, sum(cores)), num_parts)
    fitting = (n for n in range(max(cores), 1, -1) if sum(core // n for core in cores) >= num)
    return num, {"num_cpus": next(fitting, 1)}  # Ray gives torch as many threads


@dataclass(eq=False, slots=True)
class _Hand:
    """A worker as the driver sees it."""

    actor: Any
    started: bool = False
    part: str | None = None


class _Pool:
    """The workers of one stage: who makes what, and what is still to be made."""

    def __init__(
        self,
        stage: Stage,
        parts: Sequence[str],
        tick: Callable[[int, str], None] | None,
        num_workers: int | None,
    ) -> None:
        import ray

        self._stage = stage
        self._todo = deque(parts)
        self._tick = tick
        self._num_workers, self._resources = _room(num_workers, len(parts))
        self._shipped = ray.cloudpickle.dumps(stage)
        self._hands: list[_Hand] = []
        self._waits: dict[Any, tuple[str, _Hand]] = {}
        self._ticked: Counter[str] = Counter()
        self._deaths: Counter[str] = Counter()

    def made(self) -> Iterator[tuple[str, Written]]:
        """Each part when it stands; raises as `map_shards_on_ray`. No worker outlives it."""
        import ray

        try:
            self._hire()
            while self._todo or any(hand.part for hand in self._hands):
                idle = not any(hand.started for hand in self._hands)
                patience = _START_SECONDS if idle else None
                ready, _ = ray.wait(list(self._waits), num_returns=1, timeout=patience)
                if not ready:
                    raise InputError(self._no_room())
                what, hand = self._waits.pop(ready[0])
                try:
                    answer = ray.get(ready[0])
                except ray.exceptions.RayError as error:
                    self._bury(hand, error)
                    continue
                if isinstance(answer, Failure):
                    raise answer.exception(f"the Ray worker of {hand.part or 'this stage'}")
                yield from self._take(what, hand, answer)
        finally:
            for hand in self._hands:
                ray.kill(hand.actor)

    def _take(self, what: str, hand: _Hand, answer: Any) -> Iterator[tuple[str, Written]]:
        if what == "ticks":
            self._show(answer)
            if hand.part:
                self._ask("ticks", hand)
            return
        if what == "start":
            hand.started = True
            self._deaths[""] = 0
        elif hand.part:
            part, hand.part = hand.part, None
            written, ticks = answer
            self._show(ticks)
            _await_file(self._stage.out / part, "this machine")
            yield part, written
        self._give(hand)

    def _hire(self) -> None:
        """As many workers as there is work for."""
        import ray

        remote = ray.remote(concurrency_groups={"work": 1, "progress": 1})(_Worker)
        busy = sum(hand.part is not None for hand in self._hands)
        for _ in range(min(self._num_workers, len(self._todo) + busy) - len(self._hands)):
            options = {**self._resources, "scheduling_strategy": "SPREAD"}
            ticking = self._tick is not None
            actor = remote.options(**options).remote(os.getcwd(), self._shipped, ticking=ticking)
            self._hands.append(_Hand(actor))
            self._ask("start", self._hands[-1])

    def _give(self, hand: _Hand) -> None:
        if not self._todo:
            return
        hand.part = self._todo.popleft()
        self._ask("make", hand, hand.part)
        if self._tick and ("ticks", hand) not in self._waits.values():
            self._ask("ticks", hand)

    def _ask(self, what: str, hand: _Hand, *arguments: str) -> None:
        """Call a method of a worker; the answer is waited for with all others."""
        group = "progress" if what == "ticks" else "work"  # a thread for each
        method = getattr(hand.actor, what).options(concurrency_group=group)
        self._waits[method.remote(*arguments)] = (what, hand)

    def _bury(self, hand: _Hand, error: Exception) -> None:
        """A worker is lost: its part goes to another one, and the bar goes back."""
        import ray

        ray.kill(hand.actor)  # where only its node cannot be reached, it must not write later
        self._hands.remove(hand)
        self._waits = {ref: wait for ref, wait in self._waits.items() if wait[1] is not hand}
        part = hand.part or ""
        if not hand.started or part:
            self._deaths[part] += 1
        if self._deaths[part] >= _MAX_DEATHS:
            raise RunError(_cause_of_death(part, error))
        if part:
            self._show([(part, -self._ticked[part], "")])
            self._todo.appendleft(part)
        self._hire()
        for other in self._hands:
            if other.started and other.part is None:
                self._give(other)

    def _show(self, ticks: Sequence[tuple[str, int, str]]) -> None:
        for part, num, language in ticks:
            self._ticked[part] += num
            if self._tick and num:
                self._tick(num, language)

    def _no_room(self) -> str:
        import ray

        return (
            f"execute: expected room for a worker ({self._resources}) on the Ray cluster within "
            f"{_START_SECONDS} s, got none; it has {ray.cluster_resources()}, free are "
            f"{ray.available_resources()}: start a node, or stop what else runs there"
        )


def _cause_of_death(part: str, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    why = lines[-1] if lines else type(error).__name__
    if not part:
        return f"a Ray worker cannot start ({why}): every node needs isoglot with its extras"
    return (
        f"{part}: {_MAX_DEATHS} Ray workers died while they made it ({why}): the memory was most "
        "likely full; a smaller batch size, fewer workers or fewer families_per_shard help"
    )


class _Worker:
    """In a process of its own on some node: holds the model, makes one shard after another."""

    def __init__(self, folder: str, shipped: bytes, *, ticking: bool) -> None:
        self._folder = folder
        self._shipped = shipped
        self._ticking = ticking
        self._stage: Stage | None = None
        self._given: list[Any] | None = None
        self._part = ""
        self._ticks: list[tuple[str, int, str]] = []
        self._lock = threading.Lock()

    def start(self) -> Failure | None:
        """Go to the working directory, so that relative paths of the recipe hold."""
        import ray

        try:
            os.chdir(self._folder)
        except OSError as error:
            message = (
                f"{self._folder} ({error.strerror}) on node {socket.gethostname()}: "
                "expected a file system that all nodes of the Ray cluster share"
            )
            return Failure.of(InputError(message))
        self._stage = ray.cloudpickle.loads(self._shipped)
        return None

    def make(self, part: str) -> tuple[Written, list[tuple[str, int, str]]] | Failure:
        """Make a part, after loading the model; return the ticks that nobody fetched.

        A failure is returned: Ray would wrap an exception, and may not be able to carry it.
        """
        stage = self._stage
        assert stage is not None
        self._part = part
        try:
            for folder, _ in stage.inputs:
                _await_file(folder / part, f"node {socket.gethostname()}")
            if self._given is None:
                self._given = [*stage.loaded(), *([self._tick] if self._ticking else [])]
            written = stage.make(part, self._given)
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver raises it
            return Failure.of(error)
        return written, self._fetched()

    def ticks(self) -> list[tuple[str, int, str]]:
        """What was ticked since the last call; answers after a moment, so that it costs nothing."""
        time.sleep(_TICK_SECONDS)
        return self._fetched()

    def _tick(self, num: int, language: str) -> None:
        with self._lock:
            self._ticks.append((self._part, num, language))

    def _fetched(self) -> list[tuple[str, int, str]]:
        with self._lock:
            ticks, self._ticks = self._ticks, []
        return ticks


def _await_file(path: Path, where: str) -> None:
    """Raise InputError where a file that another machine wrote cannot be seen on this one."""
    end = time.monotonic() + _VISIBLE_SECONDS
    while not path.exists():
        if time.monotonic() > end:
            raise InputError(
                f"{path} cannot be seen on {where}: expected a file system that all nodes of the "
                "Ray cluster share; put --out on one"
            )
        time.sleep(0.2)
