"""A signal ends a command as Ctrl-C does: tidied up, one line, 128 and its number."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"
LINES = {
    signal.SIGINT: "isoglot: interrupted; the same command resumes from here\n",
    signal.SIGTERM: "isoglot: ended by SIGTERM; the same command resumes from here\n",
    signal.SIGHUP: "isoglot: ended by SIGHUP; the same command resumes from here\n",
}

pytestmark = pytest.mark.slow


def waiting(folder, road, **environment):
    """A command that has written half a file."""
    paths = os.pathsep.join([str(FIXTURES), os.environ.get("PYTHONPATH", "")])
    command = subprocess.Popen(
        [sys.executable, FIXTURES / "failing.py", "fail", road, "wait"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout.readline() == "ready\n"
    return command


@pytest.mark.parametrize("number", LINES)
def test_a_signal_is_one_line_and_leaves_nothing(number, tmp_path):
    command = waiting(tmp_path, "here")
    command.send_signal(number)
    _, error = command.communicate(timeout=30)
    assert (command.returncode, error) == (128 + number, LINES[number])
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_ends_it_at_once_without_a_traceback(tmp_path):
    command = waiting(tmp_path, "here", SECONDS_TO_END="60")
    command.send_signal(signal.SIGINT)
    assert command.stdout.readline() == "ending\n"
    command.send_signal(signal.SIGINT)
    _, error = command.communicate(timeout=30)
    assert (command.returncode, error) == (130, LINES[signal.SIGINT])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_child_ends_with_it(number, tmp_path):
    import psutil

    command = waiting(tmp_path, "child")
    family = psutil.Process(command.pid).children(recursive=True)
    assert family
    command.send_signal(number)
    _, error = command.communicate(timeout=30)
    assert (command.returncode, error) == (128 + number, LINES[number])
    assert not [each for each in psutil.wait_procs(family, timeout=30)[1] if each.is_running()]


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; children inherit it
    try:
        command = waiting(tmp_path, "here")
    finally:
        signal.signal(signal.SIGHUP, before)
    command.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        command.wait(1)
    command.send_signal(signal.SIGTERM)
    assert command.wait(30) == 128 + signal.SIGTERM
