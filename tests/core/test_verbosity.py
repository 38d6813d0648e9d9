"""Verbosity: one level for a process and all that it starts."""

import subprocess
import sys

import pytest

from isoglot.core.verbosity import Verbosity, set_verbosity, verbosity


@pytest.mark.parametrize("level", list(Verbosity))
def test_a_level_reaches_child_processes(monkeypatch, level):
    monkeypatch.setenv("ISOGLOT_VERBOSITY", "normal")  # restored after the test
    set_verbosity(level)
    assert verbosity() is level
    ask = "from isoglot.core.verbosity import verbosity; print(verbosity())"
    assert subprocess.check_output([sys.executable, "-c", ask], text=True).strip() == level


def test_an_unknown_level_of_the_environment_is_the_normal_one(monkeypatch):
    monkeypatch.setenv("ISOGLOT_VERBOSITY", "loud")
    assert verbosity() is Verbosity.NORMAL
