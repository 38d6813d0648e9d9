"""What was put in comes out, from every thread and process, after a kill too."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.models.server.cache import AnswerCache, answer_key, user_cache

PUT = """
import os, sys
from isoglot.models.server.cache import AnswerCache
cache = AnswerCache(__import__("pathlib").Path(sys.argv[1]))
for i in range(int(sys.argv[3])):
    cache.put(f"{sys.argv[2]}-{i}", {"text": str(i)})
print("done", flush=True)
sys.stdin.read()
"""


def put_elsewhere(path, name, num):
    return subprocess.Popen(
        [sys.executable, "-c", PUT, str(path), name, str(num)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@given(answers=st.dictionaries(st.text(), st.text() | st.none() | st.integers()))
@settings(max_examples=30, deadline=None)
def test_an_answer_comes_back_as_it_was(tmp_path_factory, answers):
    path = tmp_path_factory.mktemp("cache") / "new" / "answers.sqlite"
    for _ in range(2):  # made, then found
        cache = AnswerCache(path)
        for key, value in answers.items():
            cache.put(key, {"text": value})
            cache.put(key, {"text": "the second is not kept"})
        assert {key: cache.get(key) for key in answers} == {
            key: {"text": value} for key, value in answers.items()
        }
        assert cache.get("never put" * 9) is None
        cache.close()


def test_each_part_is_in_the_key_and_order_of_keys_is_not():
    body = {"model": "m", "messages": [{"role": "user", "content": "¿Cuántas?"}], "seed": 1}
    others = [
        ("r", body, 1),
        ("s", body, 0),
        ("r", {**body, "seed": 2}, 0),
        ("r", {**body, "model": "n"}, 0),
    ]
    keys = {answer_key(*parts) for parts in [("r", body, 0), *others]}
    assert len(keys) == 5
    assert answer_key("r", dict(reversed(body.items())), 0) == answer_key("r", body, 0)


def test_threads_and_processes_share_a_file_and_a_kill_loses_nothing(tmp_path):
    path = tmp_path / "answers.sqlite"
    processes = [put_elsewhere(path, name, 100) for name in "ab"]
    cache = AnswerCache(path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: cache.put(f"c-{i}", {"text": str(i)}), range(100)))
    for process in processes:
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert all(cache.get(f"{name}-{i}") == {"text": str(i)} for name in "abc" for i in range(100))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_the_owner_reads_it(tmp_path):
    cache = AnswerCache(tmp_path / "mine" / "answers.sqlite")
    cache.put("key", {"text": "answer"})
    for path in (tmp_path / "mine").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o700


def test_what_is_no_cache_is_not_written_over(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and longer than the header of one is" * 9)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    newer = tmp_path / "newer.sqlite"
    AnswerCache(newer).close()
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    before = {path: path.read_bytes() for path in (text, other, newer)}
    for path in (text, other, newer, tmp_path):
        with pytest.raises(ValueError, match="expected an answer cache") as caught:
            AnswerCache(path)
        assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in before} == before


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path))
    assert user_cache() == tmp_path / "answers.sqlite"
    monkeypatch.delenv("ISOGLOT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert user_cache() == tmp_path / "isoglot" / "answers.sqlite"
