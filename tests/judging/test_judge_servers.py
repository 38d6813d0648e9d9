"""`isoglot judge` from the command line against servers: read, stopped, killed, capped, resumed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from serving import Misbehaving, TransformersServe, answer

from isoglot.core.records import Rated, Verdict
from isoglot.core.store import read_shard, shard_paths
from isoglot.lab.shipped import POLICY

pytestmark = pytest.mark.slow

NUM = 24
CONCURRENCY = 8  # of a server by default
REPLIES = {"verdict": "Both are short.\nVerdict: A", "grade": "Short.\nRating: 6"}


def completions(path: Path, model: str, num: int = NUM) -> Path:
    """A file of completions in two languages."""
    rows = [
        {"language": tag, "id": i, "model": model, "prompt": f"{tag} {i}?", "completion": model * 3}
        for i in range(num)
        for tag in ("sw", "de")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path) -> list[Path]:
    return [completions(tmp_path / f"{name}.jsonl", name) for name in ("a", "b")]


@pytest.fixture
def started(tmp_path):
    """Starts `isoglot judge`; answers of servers are cached in the test's own folder."""
    running = []

    def start(*arguments) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "isoglot", "judge", *map(str, arguments)]
        environment = {
            **os.environ,
            "ISOGLOT_CACHE": str(tmp_path / "cache"),
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "200",
        }
        running.append(
            subprocess.Popen(
                command,
                env=environment,
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def judged(started):
    """Runs `isoglot judge` to its end: exit code, output, error."""

    def call(*arguments) -> tuple[int, str, str]:
        process = started(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    return call


def priced(path: Path, url: str) -> Path:
    """A judge with prices: 0.0015 USD for ten tokens of a prompt and five of an answer."""
    path.write_text(
        f"engine: openai\nmodel: court\nbase_url: {url}\nmax_concurrency: 4\n"
        "usd_per_million_prompt_tokens: 100\nusd_per_million_completion_tokens: 100\n"
    )
    return path


def last_line(err: str) -> str:
    return err.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def lab_server(tmp_path_factory):
    with TransformersServe(POLICY, tmp_path_factory.mktemp("serve") / "log.txt") as server:
        yield server


@pytest.mark.parametrize("num_models", [1, 2])
def test_a_real_model_that_does_not_judge_is_stopped_with_one_line(
    lab_server, files, judged, tmp_path, num_models
):
    """The lab's policy writes sums, never a verdict or a grade."""
    name = f"{lab_server.url}#{lab_server.model}"
    some = [completions(path, path.stem, 30) for path in files[:num_models]]
    code, out, err = judged(*some, "--judge", name, "--reading", "text", "--out", tmp_path / "out")
    said = "grades from 1 to 10" if num_models == 1 else "verdicts"
    assert code == 2, err
    assert last_line(err).startswith(f"isoglot: expected {said} (`")
    assert "came 50 replies and none that can be read" in last_line(err)
    assert "Traceback" not in err
    assert "report:" not in out
    assert not (tmp_path / "out" / "results.json").exists()
    record = json.loads((tmp_path / "out" / "judge.json").read_text())
    assert record["judge"].startswith(f"{POLICY.name}@")


@pytest.mark.parametrize("what", ["verdict", "grade"])
def test_a_killed_run_goes_on_and_asks_for_nothing_twice(files, started, judged, tmp_path, what):
    num_asked, num_first = 4 * NUM if what == "verdict" else 2 * NUM, 21
    reply = answer(REPLIES[what])

    def until_enough(handler, asked):
        with lock:
            if is_answered := len(answered) < num_first:
                answered.append(asked.text)
            if len(server.asked) == num_first + CONCURRENCY:
                enough.set()
        if is_answered:
            reply(handler, asked)
        else:
            handler.close_connection = True
            released.wait(60)

    enough, released = threading.Event(), threading.Event()
    lock, answered = threading.Lock(), []
    options = [*files, "--reading", "text"] if what == "verdict" else files[:1]
    server = Misbehaving(default=until_enough)
    with server.serve() as url:
        options = [*options, "--judge", f"{url}#court", "--out", tmp_path / "out"]
        process = started(*options)
        assert enough.wait(60)
        wait_for_cached(tmp_path / "cache", num_first)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        released.set()
        first = [asked.text for asked in server.asked]
        server.default = reply
        code, out, err = judged(*options)
        again = [asked.text for asked in server.asked[len(first) :]]
        assert code == 0, err
        assert "report:" in out
        assert judged(*options)[0] == 0
        assert len(server.asked) == len(first) + len(again), "the third run asks nothing"
    assert not Counter(answered) & Counter(again)
    assert len(answered) + len(again) == num_asked
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    metric = "win_rate" if what == "verdict" else "rating"
    rows = {r["language"]: r for r in results["results"] if r["metric"] == metric}
    assert [rows[tag]["n"] for tag in ("de", "sw")] == [NUM, NUM]
    assert rows["sw"]["value"] == pytest.approx(0.5 if what == "verdict" else 0.6)
    assert len(said(tmp_path / "out", what)) == 2 * NUM


def wait_for_cached(folder: Path, num: int) -> None:
    """Until so many answers are on the disk."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for path in folder.rglob("*.sqlite"):
            with closing(sqlite3.connect(path)) as cache:
                (count,) = cache.execute("SELECT count(*) FROM answers").fetchone()
            if count >= num:
                return
        time.sleep(0.05)
    raise AssertionError(f"expected {num} answers in {folder}")


def said(out: Path, what: str) -> list:
    kind, folder = (Verdict, "verdicts") if what == "verdict" else (Rated, "ratings")
    return [row for path in shard_paths(out / folder) for row in read_shard(path, kind)]


@pytest.mark.parametrize("what", ["verdict", "grade"])
def test_a_cap_stops_and_a_higher_one_goes_on(files, judged, tmp_path, what):
    """A request holds back far more than it costs until it is answered."""
    some = files[: 2 if what == "verdict" else 1]
    num_asked = 4 * NUM if what == "verdict" else 2 * NUM
    server = Misbehaving(default=answer(REPLIES[what], usage=(10, 5)))
    with server.serve() as url:
        judge = priced(tmp_path / "judge.yaml", url)
        options = [*some, "--judge", judge, "--out", tmp_path / "out"]
        options += ["--reading", "text"] if what == "verdict" else []
        code, out, err = judged(*options, "--max-cost", "0.25")
        assert code == 2, err
        assert "max_cost_usd is 0.25 and 0." in last_line(err)
        assert "report:" not in out
        num_first = len(server.asked)
        assert 0 < num_first < num_asked
        record = json.loads((tmp_path / "out" / "judge.json").read_text())
        assert record["cost_usd"] == pytest.approx(num_first * 0.0015)
        assert record["cost_usd"] <= 0.25
        code, out, err = judged(*options, "--max-cost", "1")
        assert code == 0, err
        assert len(server.asked) == num_asked
    texts = [asked.text for asked in server.asked]
    assert len(set(texts)) == len(texts)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["cost_usd"] == pytest.approx(num_asked * 0.0015)
    assert f"report: {tmp_path / 'out' / 'report.html'}" in out
