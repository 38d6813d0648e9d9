"""Shards made by the workers of a real Ray cluster of two nodes: the same bytes as on one machine.

Both nodes are on this machine, with one core each; the file system is therefore shared.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from tiny_run import contents, tiny_overrides, tiny_recipe

from isoglot.core.day import VARIABLE, day
from isoglot.core.errors import InputError, RunError
from isoglot.core.protocols import Sampling
from isoglot.core.records import Completion, Dropped, Prompt
from isoglot.core.store import read_shard, shard_path, shard_paths, write_shard
from isoglot.data.generate import generate
from isoglot.execute.local import ShardCounts, map_shards
from isoglot.execute.progress import Bar
from isoglot.execute.ray import map_shards_on_ray
from isoglot.line.answers import make_completions, make_translations
from isoglot.line.job import Job, Shards
from isoglot.line.pairs import make_scores
from isoglot.line.pipeline import run_recipe
from isoglot.line.prompts import make_prompt_translations
from isoglot.models.load import load_sampler

pytestmark = pytest.mark.slow

ray = pytest.importorskip("ray", reason="needs Ray: pip install 'isoglot[ray]'")

# A worker cannot import the tests; the stages of a recipe lie in the package, which it can.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

NUM_SHARDS = 6
LANGUAGES = ("en", "es", "sw")


@pytest.fixture(scope="module")
def cluster():
    """A head with one core, which this process joins, and room for a second node."""
    from ray.cluster_utils import Cluster

    made = started(Cluster, initialize_head=True, head_node_args=node())
    ray.init(made.address, log_to_driver=False, logging_level="CRITICAL")
    yield made
    ray.shutdown()
    made.shutdown()


def started(start, **settings):
    """What Ray starts; it gives itself 30 seconds, which a machine under load may not have."""
    for _ in range(4):
        try:
            return start(**settings)
        except Exception as error:
            if type(error) is not Exception:
                raise
    return start(**settings)


def node():
    return {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


@pytest.fixture
def second(cluster):
    """The node that a test may kill."""
    added = started(cluster.add_node, num_cpus=1, object_store_memory=80 * 2**20)
    cluster.wait_for_nodes()
    yield added
    if added in cluster.list_all_nodes():
        cluster.remove_node(added)


@pytest.fixture
def prompts(tmp_path):
    """Six shards of three prompts in each of three languages."""
    folder = tmp_path / "prompts"
    for k in range(NUM_SHARDS):
        texts = [f"How many apples are left of {i + k}?" for i in range(3)]
        rows = [Prompt.from_text(text, language=tag) for text in texts for tag in LANGUAGES]
        write_shard(shard_path(folder, k), rows, Prompt)
    return folder


class Answers:
    """`generate` of a tiny model, which leaves a mark for every shard: who made it, how often."""

    def __init__(self, marks, policy, doomed=None):
        self.marks = Path(marks)
        self.policy = str(policy)
        self.doomed = doomed
        """The node whose worker hangs in its second shard, until it is killed."""

    def load(self):
        config = {"engine": "transformers", "path": self.policy, "device": "cpu"}
        from pydantic import TypeAdapter

        from isoglot.models.load import ModelConfig

        return load_sampler(TypeAdapter(ModelConfig).validate_python(config))

    def __call__(self, prompts, sampler, tick):
        sampling = Sampling(max_new_tokens=8, temperature=1.0, num_samples=2, seed=3)
        answers = generate(prompts, sampler, sampling, tick)
        where = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "here"
        self.mark(prompts[0].text, where)
        if where == self.doomed and len(self.shards_of(where)) == 2:
            time.sleep(600)
        elif self.doomed and where != self.doomed:  # leaves it its second shard
            wait_until(lambda: len(self.shards_of(self.doomed)) == 2)
        return answers

    def mark(self, shard, where):
        self.marks.mkdir(exist_ok=True)
        (self.marks / f"{time.time_ns()}-{os.getpid()}").write_text(f"{where}\n{shard}")

    def made(self):
        """Node and shard of every mark, in order."""
        whole = [path.read_text().split("\n") for path in sorted(self.marks.glob("*"))]
        return [(mark[0], mark[1]) for mark in whole if len(mark) == 2]

    def shards_of(self, where):
        return [shard for node, shard in self.made() if node == where]


def wait_until(true, seconds=240):  # a worker imports torch, on a machine that does other things
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def answered(stage, prompts, out, executor, **options):
    return executor(stage, [(prompts, Prompt)], out, Completion, load=stage.load, **options)


class Seen(Bar):
    """A bar that keeps its ticks and marks."""

    def __init__(self, total=NUM_SHARDS * 9):
        super().__init__("stage", total)
        self.num = 0
        self.reached = []

    def __call__(self, num, language, num_tokens=0):
        assert language in {*LANGUAGES, ""}
        self.num += num
        super().__call__(num, language, num_tokens)

    def skip(self, num):
        super().skip(num)
        self.reached.append(num)

    def reach(self, num, language=""):
        super().reach(num, language)
        if num and not language:
            self.reached.append(num)


@pytest.mark.usefixtures("second")
def test_two_nodes_give_the_bytes_of_one_process(prompts, tiny_policy, tmp_path):
    here, there = Answers(tmp_path / "a", tiny_policy), Answers(tmp_path / "b", tiny_policy)
    local, far = Seen(), Seen()
    for stage, out, executor, seen in (
        (here, "local", map_shards, local),
        (there, "ray", map_shards_on_ray, far),
    ):
        counts = answered(stage, prompts, tmp_path / out, executor, bar=seen, ticks=True)
        assert counts == ShardCounts(NUM_SHARDS, 0, NUM_SHARDS * 9 * 2, 0)
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    assert len({node for node, _ in there.made()}) == 2, "only one node worked"
    assert len({shard for _, shard in there.made()}) == len(there.made()) == NUM_SHARDS
    assert (far.num, far.reached[-1]) == (local.num, local.reached[-1]) == (54, 54)


def test_killed_node_loses_nothing_and_makes_nothing_twice(
    cluster, second, prompts, tiny_policy, tmp_path
):
    whole = Answers(tmp_path / "a", tiny_policy)
    answered(whole, prompts, tmp_path / "local", map_shards, bar=Seen(), ticks=True)
    stage, out, seen = (
        Answers(tmp_path / "b", tiny_policy, second.node_id),
        tmp_path / "out",
        Seen(),
    )
    standing = {}

    def kill_when_it_hangs():
        wait_until(lambda: len(stage.shards_of(second.node_id)) == 2)
        standing.update({path: path.stat().st_mtime_ns for path in shard_paths(out)})
        cluster.remove_node(second, allow_graceful=False)

    killer = threading.Thread(target=kill_when_it_hangs, daemon=True)
    killer.start()
    counts = answered(stage, prompts, out, map_shards_on_ray, bar=seen, ticks=True)
    killer.join(10)
    assert counts == ShardCounts(NUM_SHARDS, 0, NUM_SHARDS * 9 * 2, 0)
    assert contents(out) == contents(tmp_path / "local")
    kept, lost = stage.shards_of(second.node_id)
    assert standing, "nothing stood when the node was killed"
    assert [path for path, mtime in standing.items() if path.stat().st_mtime_ns != mtime] == []
    made = [shard for _, shard in stage.made()]
    assert {shard: made.count(shard) for shard in made} == {
        shard: 2 if shard == lost else 1 for shard in {shard for _, shard in whole.made()}
    }
    assert kept in made
    assert seen.num == NUM_SHARDS * 9, "the ticks of the lost shard were counted twice"


def upper(prompts):
    """Half of the rows kept, half dropped."""
    rows = [
        Completion(p.family, p.prompt_id, p.language, "m@1", 0, p.text.upper(), "stop")
        for p in prompts
    ]
    gone = [Dropped(r.family, r.prompt_id, r.language, "", "odd", r.text, "") for r in rows[1::2]]
    return rows[::2], gone


@pytest.mark.usefixtures("cluster")
def test_what_stands_is_kept_and_what_is_missing_or_damaged_is_made(prompts, tmp_path):
    whole, out, inputs = tmp_path / "whole", tmp_path / "out", [(prompts, Prompt)]
    map_shards(upper, inputs, whole, Completion)
    map_shards(upper, inputs, out, Completion)
    shard_path(out, 1).unlink()
    shard_path(out, 3).write_bytes(b"half")
    kept = {k: shard_path(out, k).stat().st_mtime_ns for k in (0, 2, 4, 5)}
    bar = Seen()
    counts = map_shards_on_ray(upper, inputs, out, Completion, bar=bar)
    assert counts == ShardCounts(NUM_SHARDS, 4, NUM_SHARDS * 5, NUM_SHARDS * 4)
    assert contents(out) == contents(whole)
    assert {k: shard_path(out, k).stat().st_mtime_ns for k in kept} == kept
    assert bar.reached == [36, 45, 54, 54]
    assert len(read_shard(shard_path(out / "dropped", 3), Dropped)) == 4


def with_day(prompts):
    """Answer with the day that the worker takes for today."""
    return [
        Completion(p.family, p.prompt_id, p.language, "m", 0, f"{day()}", "stop") for p in prompts
    ]


@pytest.mark.usefixtures("cluster")
def test_workers_have_the_day_of_the_run(prompts, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "2026-02-28")
    map_shards_on_ray(with_day, [(prompts, Prompt)], tmp_path / "out", Completion)
    rows = read_shard(shard_path(tmp_path / "out", 0), Completion)
    assert {row.text for row in rows} == {"2026-02-28"}


def test_no_ray_is_needed_when_every_shard_stands(prompts, tmp_path):
    inputs = [(prompts, Prompt)]
    map_shards(upper, inputs, tmp_path / "out", Completion)
    code = (
        "import sys; from pathlib import Path; from isoglot.core.records import *; "
        "from isoglot.execute.ray import map_shards_on_ray; "
        f"map_shards_on_ray(len, [(Path({str(prompts)!r}), Prompt)], "
        f"Path({str(tmp_path / 'out')!r}), Completion, address='127.0.0.1:1'); "
        "print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def refuse(prompts):
    if prompts[0].text.endswith("of 2?"):
        raise InputError("expected a model that answers, got none; give another one")
    return upper(prompts)


@pytest.mark.usefixtures("cluster")
def test_bad_input_is_the_same_line_as_in_this_process(prompts, tmp_path):
    inputs, said = [(prompts, Prompt)], []
    for executor in (map_shards, map_shards_on_ray):
        with pytest.raises(InputError) as refused:
            executor(refuse, inputs, tmp_path / executor.__name__, Completion)
        said.append(str(refused.value))
    assert said == ["expected a model that answers, got none; give another one"] * 2
    counts = map_shards_on_ray(upper, inputs, tmp_path / "map_shards_on_ray", Completion)
    assert counts.num_shards == NUM_SHARDS, "the run cannot be taken up again"


def trip(prompts):
    return prompts[0].no_such_name


@pytest.mark.usefixtures("cluster")
def test_a_bug_comes_with_its_traceback_and_its_shard(prompts, tmp_path):
    with pytest.raises(RuntimeError, match=r"^AttributeError: .*no_such_name") as raised:
        map_shards_on_ray(trip, [(prompts, Prompt)], tmp_path / "out", Completion)
    assert not isinstance(raised.value, RunError)
    (note,) = raised.value.__notes__
    assert re.match(r"In the Ray worker of part-0000\d\.parquet:\nTraceback", note)
    assert "in trip" in note


def die(prompts):
    if prompts[0].text.endswith("of 2?"):
        os.kill(os.getpid(), 9)
    return upper(prompts)


@pytest.mark.usefixtures("cluster")
def test_a_shard_that_kills_its_workers_is_given_up_by_name(prompts, tmp_path, capfd):
    out = tmp_path / "out"
    with pytest.raises(RunError, match=r"^part-00002.parquet: 3 Ray workers died .*memory"):
        map_shards_on_ray(die, [(prompts, Prompt)], out, Completion)
    assert shard_path(out, 1).exists()
    assert not shard_path(out, 2).exists()
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.usefixtures("cluster")
def test_a_run_on_ray_is_the_run_of_one_process(tiny_policy, finished_run, tmp_path):
    only = ("rounds=1", "train=null", "evaluate.validation=null", "execute.kind=ray")
    run_recipe(tiny_recipe(tiny_policy, *only, "evaluate.tasks.0.num_families=1"), tmp_path / "run")
    parts = {name: data for name, data in contents(tmp_path / "run").items() if "/part-" in name}
    whole = contents(finished_run)
    smaller = {name for name in parts if parts[name] != whole[name]}
    assert {name.split("/")[2] for name in smaller} <= {"lab_math"}
    assert {name.split("/")[1] for name in parts} > {"generate", "translate", "filter", "evaluate"}


class Noted(Job):
    """A job that ships its stages nowhere and says how large they would be."""

    sizes: list[int] = []  # noqa: RUF012

    def executor(self, *_models):
        def note(function, *_, load=None, **__):
            self.sizes.append(len(ray.cloudpickle.dumps((function, load))))
            return ShardCounts(1, 0, 1, 0)

        return note


def test_neither_rows_nor_models_are_shipped(finished_run, tiny_policy, tmp_path):
    recipe = tiny_recipe(tiny_policy, "score={scorers: [language_match]}")
    recipe = recipe.model_copy(
        update={"prompts": recipe.prompts.model_copy(update={"translate_from": "en"})}
    )
    stages = finished_run / "round-0"
    inputs = {name: Shards(stages / name, Completion) for name in ("generate", "translate")}
    inputs |= {"prompts": Shards(stages / "prompts", Prompt), "completions": inputs["translate"]}
    job = Noted(recipe, 0, str(tiny_policy), inputs, silent=True)
    made = (make_completions, make_translations, make_prompt_translations, make_scores)
    for make in made:
        make(job, tmp_path / make.__name__)
    assert len(job.sizes) == len(made)
    assert max(job.sizes) < 30_000


@pytest.fixture
def listening():
    """host:port of somebody who is no Ray."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "refused"),
        ("somewhere", "no host:port"),
        ("listening", "got Token authentication is enabled but no authentication token was found;"),
    ],
)
def test_a_cluster_that_is_not_there_is_one_line(address, said, tiny_policy, tmp_path, listening):
    where = listening if address == "listening" else address
    overrides = tiny_overrides(tiny_policy, "execute.kind=ray", f"execute.address={where}")
    command = [sys.executable, "-m", "isoglot", "run", "lidr-lab", "--out", str(tmp_path / "run")]
    env = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "HOME": str(tmp_path),
        "RAY_AUTH_MODE": "token",
        "TMPDIR": str(tmp_path),
        "RAY_TMPDIR": str(tmp_path),
    }
    done = subprocess.run([*command, *overrides], capture_output=True, text=True, env=env)
    assert done.returncode == 2
    *progress, line = done.stderr.splitlines()
    assert all(each.startswith("round 0 · ") for each in progress), progress
    assert line.startswith("isoglot: execute.address: expected a Ray cluster at")
    assert said in line
