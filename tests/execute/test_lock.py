"""One process at a time in a run directory: a second is told of the first, a killed one leaves."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from isoglot.core.errors import InputError
from isoglot.execute.child import run_in_child
from isoglot.execute.lock import LOCK_FILES, locked

HOLDER = """
import sys
from pathlib import Path
from isoglot.execute.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of a folder until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, tmp_path / "run"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def take(folder):
    with locked(folder):
        return sorted(path.name for path in folder.iterdir())


def test_a_second_process_is_told_who_holds_it(holder, tmp_path):
    with pytest.raises(InputError) as refused:
        take(tmp_path / "run")
    assert re.fullmatch(
        rf"{tmp_path}/run is in use by process {holder.pid} on {socket.gethostname()} since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d: wait for it, end it, or choose .* --out",
        str(refused.value),
    )
    assert take(tmp_path / "other") == [*LOCK_FILES]
    holder.stdin.close()
    holder.wait(10)
    assert take(tmp_path / "run") == [*LOCK_FILES]


def test_a_killed_process_leaves_no_lock(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(10)
    assert (tmp_path / "run/.lock.json").exists()
    assert take(tmp_path / "run") == [*LOCK_FILES]
    assert list((tmp_path / "run").iterdir()) == []


def test_a_lock_leaves_the_folder_as_it_was(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new"):
        raise ZeroDivisionError
    assert not (tmp_path / "new").exists()
    with locked(tmp_path / "new"):
        (tmp_path / "new/rows").touch()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rows"]


def test_a_record_that_is_not_written_yet_is_no_obstacle(holder, tmp_path):
    (tmp_path / "run/.lock.json").write_text("{")
    with pytest.raises(InputError, match=r"run is in use by another process: wait"):
        take(tmp_path / "run")
    assert holder.poll() is None


def test_a_child_works_under_the_lock_of_its_parent(tmp_path):
    with locked(tmp_path / "run"):
        assert run_in_child(take, tmp_path / "run/stage") == [*LOCK_FILES]
        with pytest.raises(InputError, match=f"in use by process {os.getpid()} "):
            run_in_child(take, tmp_path / "run")
