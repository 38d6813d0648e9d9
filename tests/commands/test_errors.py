"""Bad input, a failed run and a bug are told apart on every road, to the end of the command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"
ROADS = [
    "here",
    "child",
    pytest.param("ray", marks=pytest.mark.slow),
    pytest.param("launched", marks=pytest.mark.slow),
]
BAD_INPUT = "isoglot: expected less, came more; take away"


@pytest.fixture
def isoglot(tmp_path):
    """The exit code and the lines of the error of the command `fail ROAD HOW`."""

    def call(*arguments):
        paths = os.pathsep.join([str(FIXTURES), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, FIXTURES / "failing.py", *arguments]
        environment = {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr.splitlines()

    return call


@pytest.mark.parametrize("road", ROADS)
def test_bad_input_is_one_line(road, isoglot):
    assert isoglot("fail", road, "refuse") == (2, [BAD_INPUT])


@pytest.mark.parametrize("road", ROADS)
def test_a_bug_keeps_its_traceback(road, isoglot):
    code, lines = isoglot("fail", road, "trip")
    assert code == 1
    assert "Traceback (most recent call last):" in lines[0]
    assert any('failing.py", line' in line and line.endswith("in trip") for line in lines)
    assert sum("zip() argument 2 is longer than argument 1" in line for line in lines) >= 1
    assert lines[-1].startswith("isoglot: this is a bug of isoglot, not of your input: please")
    assert "`isoglot env`" in lines[-1]
    assert len([line for line in lines if line.startswith("isoglot: ")]) == 1


@pytest.mark.parametrize("road", ROADS)
def test_a_failed_run_is_one_line_and_no_bug(road, isoglot):
    assert isoglot("fail", road, "give_up") == (1, ["isoglot: the server went away"])


@pytest.mark.parametrize("road", ["here", "child"])
def test_a_full_memory_is_no_bug(road, isoglot):
    line = "isoglot: the memory is full (MemoryError); a smaller batch size helps"
    assert isoglot("fail", road, "fill_memory") == (1, [line])


def test_a_killed_child_is_no_bug(isoglot):
    code, lines = isoglot("fail", "child", "be_killed")
    assert (code, len(lines)) == (1, 1)
    assert "be_killed was ended by SIGKILL" in lines[0]


@pytest.mark.parametrize("road", ROADS)
def test_debug_shows_the_traceback_of_bad_input(road, isoglot):
    code, lines = isoglot("--debug", "fail", road, "refuse")
    assert code == 2
    assert lines[0].startswith("Traceback")
    assert any(line.endswith("in refuse") for line in lines)
    assert lines[-1] == BAD_INPUT


def test_an_interrupt_is_one_line(isoglot):
    line = "isoglot: interrupted; the same command resumes from here"
    assert isoglot("fail", "here", "interrupt") == (130, [line])
