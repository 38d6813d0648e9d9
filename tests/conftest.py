"""Doubles that many tests share: a tiny random Llama with a real tokenizer and chat template."""

from pathlib import Path

import pytest
from published import ABSENT
from tiny_model import save_tiny_model
from tiny_run import stopping_copy, tiny_recipe

from isoglot.commands.main import main
from isoglot.line.pipeline import run_recipe


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """The folder of a tiny random Llama; treat it as read-only."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_policy(tiny_model, tmp_path_factory) -> Path:
    """The tiny Llama, made to end most of its answers; treat it as read-only."""
    return stopping_copy(tiny_model, tmp_path_factory.mktemp("policies") / "tiny")


@pytest.fixture(scope="session")
def finished_run(tiny_policy, tmp_path_factory) -> Path:
    """The folder of a whole tiny run that nothing interrupted; treat it as read-only."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    run_recipe(tiny_recipe(tiny_policy), out, silent=True)
    return out


@pytest.fixture
def isoglot(capsys):
    """A command's exit code, what it printed, and its error."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return call


def pytest_terminal_summary(terminalreporter):
    """Say in one line how many tests wanted data that is not here."""
    skipped = terminalreporter.stats.get("skipped", [])
    num = sum(ABSENT in str(report.longrepr) for report in skipped)
    if num:
        terminalreporter.write_line(f"{num} tests were skipped because {ABSENT}")
