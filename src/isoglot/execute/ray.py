"""A stage over its shards on a Ray cluster: one shard for each task, one model for each worker.

Shards go through the file system and not through Ray, which carries names, counts and progress. So
every node must see the working directory, `--out` and the files of the recipe under the same paths
(a shared file system), and have this version of isoglot, its extras, and the keys of servers in its
own environment: Ray's logs would show a key that was sent. A limit of requests or tokens per minute
holds for each worker.
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

from isoglot.core.day import VARIABLE, day
from isoglot.core.errors import Failure, InputError, RunError, require
from isoglot.core.protocols import Tick
from isoglot.execute.local import Input, IsFinal, ShardBar, ShardCounts, ShardSize, ShardTask
from isoglot.execute.progress import Bar

_MAX_DEATHS = 3
"""After so many deaths of a worker on one shard, the shard most likely kills it."""
_START_SECONDS = 600
"""Patience for a first worker: a cluster may have to start a machine for it."""
_TICK_SECONDS = 0.5
_VISIBLE_SECONDS = 60
"""Delay after which a network file system shows the files of another machine."""
_CONNECT_SECONDS = 10
_OBJECT_STORE_BYTES = 100 * 2**20  # the least that Ray runs well with: no rows go through it
_Ticked = tuple[str, int, str, int]
"""A part and the arguments of its tick."""
_QUIET = {"log_to_driver": False, "logging_level": "CRITICAL"}


def check_ray() -> None:
    """Raise InputError if Ray is not installed; imports nothing."""
    require("ray", "execute.kind ray", "set execute.kind=local")


def map_shards_on_ray(
    function: Callable[..., Any],
    inputs: Sequence[Input],
    out: Path,
    output: type,
    *,
    load: Callable[[], Any] | None = None,
    bar: Bar | None = None,
    ticks: bool = False,
    num_workers: int | None = None,
    address: str = "local",
    is_final: IsFinal | None = None,
) -> ShardCounts:
    """Make the missing shards of a stage by workers, in any order; otherwise as `map_shards`.

    `function` and `load` are sent to the workers and must not hold rows or a model; the bar stays
    here. A shard whose worker or node died is made again by another one. `num_workers` is
    by default the number of GPUs of the cluster, or else of its CPU cores; workers that it has no
    room for wait until it grows. `address` is `local` (a Ray of this machine alone), `auto` (the
    cluster that this machine belongs to) or host:port. Ray is not started if no shard is missing.

    Raises:
        InputError: as `map_shards`; no Ray, no cluster there, no shared file system.
        RunError: workers that die on one shard, or a Ray that does not start in time.
        RuntimeError: a bug in the stage; the notes hold the traceback of the worker.
    """
    task = ShardTask(function, inputs, out, output, load, is_final)
    shown = ShardBar(bar, task)
    if shown.missing:
        _connect(address)
        shown.bar.loading()
        tick = shown.bar if ticks else None
        for part, size in _Pool(task, shown.missing, tick, num_workers).made():
            shown.add(part, size, at_work=ticks)
        shown.mark()
    return shown.counts


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
    """Raise RuntimeError that names the token, for a cluster that refuses the one of this machine.

    Ray writes this to the file of the standard error alone, once a second, past every setting of
    its log, and then raises only that it cannot connect.
    """
    with tempfile.TemporaryFile() as log:
        stderr = os.dup(2)
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
            os.dup2(stderr, 2)
            os.close(stderr)


def _check_listening(address: str) -> None:
    """Raise OSError if nothing listens: Ray would wait for minutes, and then end the process."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError("no host:port")
    socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()


def _resources_of(num_workers: int | None, num_parts: int) -> tuple[int, dict[str, int]]:
    """Return the number of workers, and the resources of its node that each takes."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if num_gpus := int(sum(node.get("GPU", 0) for node in nodes)):
        return min(num_workers or num_gpus, num_parts), {"num_gpus": 1, "num_cpus": 1}
    cores = [int(node.get("CPU", 0)) for node in nodes]
    num = min(num_workers or max(1, sum(cores)), num_parts)
    fitting = (n for n in range(max(cores), 1, -1) if sum(core // n for core in cores) >= num)
    return num, {"num_cpus": next(fitting, 1)}  # Ray gives torch as many threads


@dataclass(eq=False, slots=True)
class _Handle:
    """A worker, as seen by the driver."""

    actor: Any
    started: bool = False
    part: str | None = None


class _Pool:
    """The workers of one stage, the parts that they are making, and the parts still missing."""

    def __init__(
        self,
        task: ShardTask,
        parts: Sequence[str],
        tick: Tick | None,
        num_workers: int | None,
    ) -> None:
        import ray

        self._task = task
        self._missing = deque(parts)
        self._tick = tick
        self._num_workers, self._resources = _resources_of(num_workers, len(parts))
        self._pickled = ray.cloudpickle.dumps(task)
        self._workers: list[_Handle] = []
        self._pending: dict[Any, tuple[str, _Handle]] = {}
        self._ticked: Counter[str] = Counter()
        self._deaths: Counter[str] = Counter()

    def made(self) -> Iterator[tuple[str, ShardSize]]:
        """Yield each part when it is made, then end the workers; raises as `map_shards_on_ray`."""
        import ray

        try:
            self._start_workers()
            while self._missing or any(worker.part for worker in self._workers):
                idle = not any(worker.started for worker in self._workers)
                patience = _START_SECONDS if idle else None
                ready, _ = ray.wait(list(self._pending), num_returns=1, timeout=patience)
                if not ready:
                    raise InputError(
                        f"execute: expected room for a worker ({self._resources}) on the Ray "
                        f"cluster within {_START_SECONDS} s, got none; it has "
                        f"{ray.cluster_resources()}, free are {ray.available_resources()}: start "
                        "a node, or stop other work there"
                    )
                what, worker = self._pending.pop(ready[0])
                try:
                    answer = ray.get(ready[0])
                except ray.exceptions.RayError as error:
                    self._replace(worker, error)
                    continue
                if isinstance(answer, Failure):
                    raise answer.exception(f"the Ray worker of {worker.part or 'this stage'}")
                yield from self._take(what, worker, answer)
        finally:
            for worker in self._workers:
                ray.kill(worker.actor)

    def _take(self, what: str, worker: _Handle, answer: Any) -> Iterator[tuple[str, ShardSize]]:
        if what == "ticks":
            self._add_ticks(answer)
            if worker.part:
                self._call("ticks", worker)
            return
        if what == "start":
            worker.started = True
            self._deaths[""] = 0
        elif worker.part:
            part, worker.part = worker.part, None
            written, ticks = answer
            self._add_ticks(ticks)
            _await_file(self._task.out / part, "this machine")
            yield part, written
        self._assign(worker)

    def _start_workers(self) -> None:
        """Start as many workers as there is work for."""
        import ray

        remote = ray.remote(concurrency_groups={"work": 1, "progress": 1})(_Worker)
        busy = sum(worker.part is not None for worker in self._workers)
        for _ in range(min(self._num_workers, len(self._missing) + busy) - len(self._workers)):
            options = {**self._resources, "scheduling_strategy": "SPREAD"}
            ticking = self._tick is not None
            given = os.getcwd(), day().isoformat(), self._pickled
            actor = remote.options(**options).remote(*given, ticking=ticking)
            self._workers.append(_Handle(actor))
            self._call("start", self._workers[-1])

    def _assign(self, worker: _Handle) -> None:
        if not self._missing:
            return
        worker.part = self._missing.popleft()
        self._call("make", worker, worker.part)
        if self._tick and ("ticks", worker) not in self._pending.values():
            self._call("ticks", worker)

    def _call(self, what: str, worker: _Handle, *arguments: str) -> None:
        """Call a method of a worker; its result is one of the pending ones."""
        group = "progress" if what == "ticks" else "work"  # a thread for each
        method = getattr(worker.actor, what).options(concurrency_group=group)
        self._pending[method.remote(*arguments)] = (what, worker)

    def _replace(self, worker: _Handle, error: Exception) -> None:
        """Give the part of a lost worker to another one, and take back its ticks."""
        import ray

        ray.kill(worker.actor)  # if only its node cannot be reached, it must not write later
        self._workers.remove(worker)
        self._pending = {ref: wait for ref, wait in self._pending.items() if wait[1] is not worker}
        part = worker.part or ""
        if not worker.started or part:
            self._deaths[part] += 1
        if self._deaths[part] >= _MAX_DEATHS:
            raise RunError(_cause_of_death(part, error))
        if part:
            self._add_ticks([(part, -self._ticked[part], "", 0)])
            self._missing.appendleft(part)
        self._start_workers()
        for other in self._workers:
            if other.started and other.part is None:
                self._assign(other)

    def _add_ticks(self, ticks: Sequence[_Ticked]) -> None:
        for part, num, language, num_tokens in ticks:
            self._ticked[part] += num
            if self._tick:
                self._tick(num, language, num_tokens)


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
    """An actor, a process on some node, that holds the model and makes one shard after another."""

    def __init__(self, folder: str, day: str, pickled: bytes, *, ticking: bool) -> None:
        self._folder, self._day = folder, day
        self._pickled = pickled
        self._ticking = ticking
        self._task: ShardTask | None = None
        self._arguments: list[Any] | None = None
        self._part = ""
        self._ticks: list[_Ticked] = []
        self._lock = threading.Lock()

    def start(self) -> Failure | None:
        """Go to the working directory, so that relative paths of the recipe hold; keep the day."""
        import ray

        try:
            os.chdir(self._folder)
        except OSError as error:
            message = (
                f"{self._folder} ({error.strerror}) on node {socket.gethostname()}: "
                "expected a file system that all nodes of the Ray cluster share"
            )
            return Failure.of(InputError(message))
        os.environ[VARIABLE] = self._day
        self._task = ray.cloudpickle.loads(self._pickled)
        return None

    def make(self, part: str) -> tuple[ShardSize, list[_Ticked]] | Failure:
        """Make a part, after loading the model; return the ticks that nobody fetched.

        A failure is returned: Ray would wrap an exception, and may not be able to carry it.
        """
        task = self._task
        assert task is not None
        self._part = part
        try:
            for folder, _ in task.inputs:
                _await_file(folder / part, f"node {socket.gethostname()}")
            if self._arguments is None:
                self._arguments = task.loaded(self._tick if self._ticking else None)
                self._tick(0, "")  # the model is loaded
            written = task.make(part, self._arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver raises it
            return Failure.of(error)
        return written, self._fetched()

    def ticks(self) -> list[_Ticked]:
        """Return the ticks since the last call, after a moment, so that polling costs nothing."""
        time.sleep(_TICK_SECONDS)
        return self._fetched()

    def _tick(self, num: int, language: str, num_tokens: int = 0) -> None:
        with self._lock:
            self._ticks.append((self._part, num, language, num_tokens))

    def _fetched(self) -> list[_Ticked]:
        with self._lock:
            ticks, self._ticks = self._ticks, []
        return ticks


def _await_file(path: Path, where: str) -> None:
    """Raise InputError if a file that another machine wrote cannot be seen on this one."""
    end = time.monotonic() + _VISIBLE_SECONDS
    while not path.exists():
        if time.monotonic() > end:
            raise InputError(
                f"{path} cannot be seen on {where}: expected a file system that all nodes of the "
                "Ray cluster share; put --out on one"
            )
        time.sleep(0.2)
