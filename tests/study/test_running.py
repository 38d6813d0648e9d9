"""How a run of a study ends that fails: by the user's error, by a bug, by a killed process."""

import json
import os
import signal

import pytest
from tiny_run import tiny_recipe

from isoglot.core.errors import InputError
from isoglot.recipe.recipe import Recipe
from isoglot.study.grid import GridCell
from isoglot.study.running import grid_runs, run_all


class Buggy(Recipe):
    @property
    def num_rounds(self):
        return len(list(zip([1], [1, 2], strict=True)))


class Refusing(Recipe):
    @property
    def num_rounds(self):
        raise InputError("expected less,\ncame more; take away")


class Deadly(Recipe):
    @property
    def num_rounds(self):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def ending(tiny_model, tmp_path, capfd):
    """The error in the record of a run of a recipe that is of this class, its log and the line."""

    def of(kind):
        recipe = tiny_recipe(tiny_model)
        fields = {name: getattr(recipe, name) for name in Recipe.model_fields}
        cell = GridCell({"a": "b"}, {1: kind.model_construct(**fields)}, None)
        (run,) = grid_runs([cell], tmp_path)
        errors = run_all([run], num_processes=1, redo=False)
        assert errors == {run.name: json.loads(run.record.read_text())["error"]}
        return errors[run.name], run.log.read_text(), capfd.readouterr().err

    return of


def test_bad_input_is_told_as_bad_input(ending):
    error, log, line = ending(Refusing)
    assert error == "expected less, came more; take away"
    assert line == f"b/seed-1: failed: {error}\n"
    assert "Traceback" in log


def test_a_bug_is_told_as_a_bug_and_its_traceback_stays_in_the_log(ending, tmp_path):
    error, log, line = ending(Buggy)
    assert error == (
        "ValueError: zip() argument 2 is longer than argument 1 "
        f"(a bug of isoglot; see the traceback in {tmp_path / 'b/seed-1.log'})"
    )
    assert line == f"b/seed-1: failed: {error}\n"
    assert "Traceback" in log
    assert "in num_rounds" in log


def test_a_killed_run_names_the_signal(ending):
    error, _, _ = ending(Deadly)
    assert "ended by SIGKILL" in error
    assert "bug" not in error
