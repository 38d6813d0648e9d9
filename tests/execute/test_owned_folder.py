"""One process and one kind of work in a folder; what is written at once is whole or not there."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from tiny_run import contents

from isoglot.core.errors import InputError
from isoglot.execute.child import run_in_child
from isoglot.execute.folder import LOCK_FILES, MARKER, owned_folder, whole_folder

HOLDER = """
import sys
from pathlib import Path
from isoglot.execute.folder import owned_folder

with owned_folder(Path(sys.argv[1]), "run"):
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


HELD = sorted([MARKER, *LOCK_FILES])


def take(folder):
    with owned_folder(folder, "run"):
        return sorted(path.name for path in folder.iterdir())


def test_a_second_process_is_told_who_holds_it(holder, tmp_path):
    with pytest.raises(InputError) as refused:
        take(tmp_path / "run")
    assert re.fullmatch(
        rf"{tmp_path}/run is in use by process {holder.pid} on {socket.gethostname()} since "
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d: wait for it, end it, or choose .* --out",
        str(refused.value),
    )
    assert take(tmp_path / "other") == HELD
    holder.stdin.close()
    holder.wait(10)
    assert take(tmp_path / "run") == HELD


def test_a_killed_process_leaves_no_lock(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(10)
    assert (tmp_path / "run/.lock.json").exists()
    assert take(tmp_path / "run") == HELD
    assert list((tmp_path / "run").iterdir()) == []


def test_a_lock_leaves_the_folder_as_it_was(tmp_path):
    with pytest.raises(ZeroDivisionError), owned_folder(tmp_path / "new", "run"):
        raise ZeroDivisionError
    assert not (tmp_path / "new").exists()
    with owned_folder(tmp_path / "new", "run"):
        (tmp_path / "new/rows").touch()
    assert contents(tmp_path / "new").keys() == {MARKER, "rows"}


def test_a_record_that_is_not_written_yet_is_no_obstacle(holder, tmp_path):
    (tmp_path / "run/.lock.json").write_text("{")
    with pytest.raises(InputError, match=r"run is in use by another process: wait"):
        take(tmp_path / "run")
    assert holder.poll() is None


def test_a_child_works_under_the_lock_of_its_parent(tmp_path):
    with owned_folder(tmp_path / "run", "run"):
        assert run_in_child(take, tmp_path / "run/stage") == HELD
        with pytest.raises(InputError, match=f"in use by process {os.getpid()} "):
            run_in_child(take, tmp_path / "run")


def test_a_folder_is_of_one_kind(tmp_path):
    out = tmp_path / "out"
    with owned_folder(out, "training"):
        (out / "checkpoints").mkdir()
    with owned_folder(out, "training"):
        pass
    with pytest.raises(InputError, match="holds the files of a training, not of a run"):
        take(out)
    for name in (MARKER, *LOCK_FILES):  # a marker that was not copied, or cannot be read
        (out / name).write_bytes(b"\xff")
    with pytest.raises(InputError, match="holds other files than a run, such as checkpoints"):
        take(out)
    (out / "run.json").write_text('{"name": "of another program"}')
    with pytest.raises(InputError, match="holds other files than a run"):
        take(out)
    (out / "run.json").write_text('{"recipe": {}}')
    assert MARKER in take(out)
    assert (out / MARKER).read_text() == "run\n"


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file/below"):
        with pytest.raises(InputError, match="expected a folder"):
            take(path)
    with pytest.raises(InputError, match="is a file"), whole_folder(tmp_path / "file"):
        pass


def write(out, name, replaced=(), meanwhile=lambda: None):
    with whole_folder(out, replaced) as folder:
        (folder / name).write_text(name)
        meanwhile()


def test_a_whole_folder_is_there_or_not(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError):
        write(out, "half", meanwhile=lambda: 1 / 0)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".out.tmp/left").mkdir(parents=True)  # by a killed process
    write(out, "a")
    assert contents(tmp_path) == {"out/a": b"a"}
    with pytest.raises(InputError, match="is there already, with a: give a new"):
        write(out, "b")
    write(out, "b", {"a"})
    assert contents(tmp_path) == {"out/b": b"b"}


def of_somebody(out):
    out.mkdir()
    (out / "note").write_text("mine")


def test_a_whole_folder_leaves_what_came_meanwhile(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="with note"):
        write(out, "a", meanwhile=lambda: of_somebody(out))
    assert contents(tmp_path) == {"out/note": b"mine"}


def test_one_process_at_a_time_writes_a_whole_folder(tmp_path):
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a").touch()
        with pytest.raises(InputError, match=f"out is in use by process {os.getpid()} "):
            write(tmp_path / "out", "b")
    assert contents(tmp_path).keys() == {"out/a"}
