"""A child process: its answer, its errors, its death."""

import os
import signal
import subprocess
import sys
import time

import pytest

from isoglot.execute.child import run_in_child, run_in_children


def where_it_ran(text: str) -> tuple[str, int]:
    return text, os.getpid()


def refuse(text: str) -> None:
    raise ValueError(f"expected less, got {text}")


def fail() -> None:
    raise KeyError("a bug")


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_answer_comes_from_another_process():
    answer, process_id = run_in_child(where_it_ran, "x" * 1_000_000)
    assert answer == "x" * 1_000_000
    assert process_id != os.getpid()


def test_value_error_keeps_its_message():
    with pytest.raises(ValueError, match=r"^expected less, got more$"):
        run_in_child(refuse, "more")


def test_any_other_error_prints_its_traceback(capfd):
    with pytest.raises(RuntimeError, match=r"fail failed in its child process \(exit code 1\)"):
        run_in_child(fail)
    assert "KeyError: 'a bug'" in capfd.readouterr().err


def test_killed_child_names_the_signal_and_the_mend():
    with pytest.raises(RuntimeError, match=r"be_killed was ended by SIGKILL .*smaller batch"):
        run_in_child(be_killed)


def answer_or_die(number: int) -> int:
    if number == 1:
        be_killed()
    return number


def test_several_children_end_one_by_one_and_the_death_of_one_is_its_own():
    started: list[int] = []
    tasks = [(number,) for number in range(3)]
    found = {}
    for number, child in run_in_children(answer_or_die, tasks, 2, started.append):
        try:
            found[number] = child.answer()
        except RuntimeError as error:
            found[number] = str(error)
    assert started == [0, 1, 2]
    assert (found[0], found[2]) == (0, 2)
    assert "SIGKILL" in found[1]


def sleep_long(path: str) -> None:
    with open(path, "w") as file:
        print(os.getpid(), file=file)
    time.sleep(60)


def test_children_at_work_are_killed_when_the_caller_stops(tmp_path):
    written = tmp_path / "pid"

    def started(number: int) -> None:
        if number == 1:  # the first one is at work
            wait_until(lambda: written.exists() and written.read_text().endswith("\n"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_in_children(sleep_long, [(str(written),), ("x",)], 2, started))
    assert not runs(int(written.read_text()))


LONG_STAGE = """
import os, sys, time
from isoglot.execute.child import run_in_child

def stage(path):
    with open(path, "w") as file:
        print(os.getpid(), file=file)
    time.sleep(60)

if __name__ == "__main__":
    run_in_child(stage, sys.argv[1])
"""


def test_child_ends_when_its_parent_is_killed(tmp_path):
    script, written = tmp_path / "command.py", tmp_path / "pid"
    script.write_text(LONG_STAGE)
    with subprocess.Popen([sys.executable, str(script), str(written)]) as command:
        wait_until(lambda: written.exists() and written.read_text().endswith("\n"))
        command.kill()
    child = int(written.read_text())
    wait_until(lambda: not runs(child))


def runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process_id}/stat") as file:  # a zombie waits for its reaper, and runs not
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(true, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)
