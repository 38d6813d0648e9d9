"""A child process: its answer, its errors, its death."""

import os
import signal
import subprocess
import sys
import time

import pytest

from isoglot.core.errors import InputError, RunError
from isoglot.execute.child import run_in_child, run_in_children


def where_it_ran(text: str) -> tuple[str, int]:
    return text, os.getpid()


def refuse(text: str) -> None:
    raise InputError(f"expected less, got {text}")


def fail() -> None:
    raise KeyError("a bug")


def make_a_function() -> object:
    return lambda: None


def leave() -> None:
    os._exit(3)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_answer_comes_from_another_process():
    answer, process_id = run_in_child(where_it_ran, "x" * 1_000_000)
    assert answer == "x" * 1_000_000
    assert process_id != os.getpid()


def test_bad_input_keeps_its_kind_and_message():
    with pytest.raises(InputError) as raised:
        run_in_child(refuse, "more")
    assert str(raised.value) == "expected less, got more"


def test_a_bug_comes_with_its_traceback(capfd):
    with pytest.raises(RuntimeError, match="KeyError: 'a bug'") as raised:
        run_in_child(fail)
    assert not isinstance(raised.value, RunError)
    (note,) = raised.value.__notes__
    assert note.startswith("In the child process of fail:\nTraceback")
    assert 'raise KeyError("a bug")' in note
    assert capfd.readouterr().err == ""


def test_an_answer_that_cannot_be_sent_is_a_bug():
    with pytest.raises(RuntimeError, match=r"(?i)pickle"):
        run_in_child(make_a_function)


def test_killed_child_names_the_signal_and_the_mend():
    with pytest.raises(RunError, match=r"be_killed was ended by SIGKILL .*smaller batch"):
        run_in_child(be_killed)


def test_a_child_that_leaves_without_an_answer_names_its_exit_code():
    with pytest.raises(RunError, match=r"^the child process of leave ended .*\(exit code 3\)$"):
        run_in_child(leave)


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
            found[number] = child.result()
        except RunError as error:
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
