"""`kill -9` in every stage that holds a model, then the same command: nothing is done twice."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from tiny_run import contents, mtimes, tiny_overrides

from isoglot.commands.main import main

pytestmark = pytest.mark.slow

DYING = """
import os, signal, sys
from isoglot.commands.main import main

where = sys.argv.pop(1)

def die(event, arguments):
    if event in ("open", "os.rename") and any(where in str(a) for a in arguments):
        os.kill(os.getpid(), signal.SIGKILL)

if where:
    sys.addaudithook(die)
try:
    main()
finally:
    print("torch" in sys.modules)
"""
"""The command line that kills itself -9 as it opens, or gives its final name to, a certain file."""

KILLS = {
    "evaluate M0": "round-0/evaluate/lab_open/prompts/part-00001.parquet",
    "generate": "round-0/generate/part-00001.parquet",
    "translate": "round-0/translate/part-00001.parquet",
    "train": "checkpoint-2/trainer_state.json",
    "evaluate M1": "round-1/evaluate/lab_math/completions/part-00001.parquet",
}
"""The second shard of a stage, when the first one stands; the second checkpoint, half-written."""


def command(policy, out):
    return ["run", "lidr-lab", "--out", str(out), *tiny_overrides(policy)]


def process(arguments, die_at=""):
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", DYING, die_at, *arguments], capture_output=True, text=True, env=env
    )


def without_times(path):
    summary = json.loads(path.read_text())
    del summary["seconds"]
    return summary


@pytest.fixture(scope="module")
def resumed(tiny_policy, tmp_path_factory):
    """A run that was killed in five places and then let finish; what stood after each kill."""
    out = tmp_path_factory.mktemp("killed") / "run"
    standing = []
    for where in KILLS.values():
        died = process(command(tiny_policy, out), where)
        assert died.returncode == -signal.SIGKILL, died.stderr
        standing.append(mtimes(out))
    with pytest.raises(SystemExit) as ended:
        main(command(tiny_policy, out))
    assert ended.value.code == 0
    return out, standing


def test_each_kill_came_where_it_was_meant_to(resumed):
    _, standing = resumed
    first, second = (
        f"round-0/{stage}/part-0000{i}.parquet" for stage, i in (("generate", 0), ("generate", 1))
    )
    assert (first in standing[1], second in standing[1]) == (True, False)
    assert "round-0/translate/part-00000.parquet" in standing[2]
    assert "round-0/translate/part-00001.parquet" not in standing[2]
    assert "round-0/filter/part-00002.parquet" in standing[3]
    assert "round-1/evaluate/lab_math/completions/part-00000.parquet" in standing[4]
    assert "round-1/evaluate/lab_math/completions/part-00001.parquet" not in standing[4]


def test_finished_shards_are_never_written_again(resumed):
    out, standing = resumed
    for before, after in zip(standing, [*standing[1:], mtimes(out)], strict=True):
        assert before.items() < after.items()


def test_training_goes_on_from_the_last_whole_checkpoint(resumed, finished_run):
    out, _ = resumed
    summary = json.loads((out / "round-0/train/train.json").read_text())
    assert summary["resumed_from"] == "checkpoint-1"
    assert summary["num_steps"] > 2
    policies = [run / "round-0/train/policy" for run in (out, finished_run)]
    assert contents(policies[0]) == contents(policies[1])


def test_a_resumed_run_is_the_same_as_one_that_nothing_interrupted(resumed, finished_run):
    out, _ = resumed
    parts = contents(out)
    assert [n for n in parts if n.endswith(".tmp")] == []
    whole = {n: data for n, data in contents(finished_run).items() if n.endswith(".parquet")}
    assert {n for n in parts if n.endswith(".parquet")} == whole.keys()
    assert [n for n, data in whole.items() if parts[n] != data] == []
    assert any(n.startswith("round-0/filter/part") for n in whole)
    for task in ("lab_math", "lab_open", "lab_math_validation"):
        for round in (0, 1):
            graded = f"round-{round}/evaluate/{task}/graded.parquet"
            assert parts[graded] == (finished_run / graded).read_bytes()
    assert without_times(out / "summary.json") == without_times(finished_run / "summary.json")


def test_a_finished_run_repeated_loads_nothing_and_writes_no_shard(
    tiny_policy, finished_run, tmp_path
):
    shutil.copytree(finished_run, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.*")}
    done = process(command(tiny_policy, tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False", "torch was imported"
    changed = {path.name for path, mtime in before.items() if path.stat().st_mtime_ns != mtime}
    assert changed == {"summary.json", "metrics.jsonl"}
