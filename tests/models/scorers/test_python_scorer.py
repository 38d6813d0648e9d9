"""Scorers of the user's own: what they return, and what is said of what they must not."""

import re

import pytest

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Prompt
from isoglot.core.scorers import PythonConfig
from isoglot.line.checks import check_settings
from isoglot.models.scorers.load import load_scorers, scorer_config, scorer_settings
from isoglot.planning.plan import plan_of
from isoglot.recipe.recipe import load_recipe
from isoglot.report.pages.run_notes import own_code
from isoglot.report.results.summary import RunSummary

SOURCE = """
def letters(prompts, completions):
    assert len(prompts) == len(completions)
    return [len(row.text) or None for row in completions]

def by_gold(prompts, completions):
    return [float(row.text) - float(prompt.gold) for prompt, row in zip(prompts, completions)]

def short(prompts, completions):
    return [1.0]

def texts(prompts, completions):
    return ["good" for row in completions]

def number(prompts, completions):
    return 1.0

best = 7
"""
PROMPT = Prompt.from_text("1 + 1?", language="en")
ROWS = [Completion.from_text(PROMPT, text, sampler="m") for text in ("two", "", "2")]


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    """A module of a name of its own in each test, since Python imports a name once."""
    name = re.sub(r"\W", "_", f"rewards_{tmp_path.name}")
    (tmp_path / f"{name}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def score(path):
    (scorer,) = load_scorers([PythonConfig(path=path)], None)
    return scorer.score([PROMPT] * len(ROWS), ROWS)


def test_its_values_are_the_rewards(module):
    assert score(f"{module}:letters") == [3.0, None, 1.0]
    assert scorer_config(f"python:{module}:letters") == PythonConfig(path=f"{module}:letters")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("by_gold", r"raised ValueError: could not convert .*'two'.*\.py:7\); mend it there"),
        ("short", "expected a list of 3 rewards, one for each completion, got list of 1"),
        ("number", "expected a list of 3 rewards, one for each completion, got float;"),
        ("texts", r"expected a number or None as reward, got 'good' \(str\)"),
        ("best", "expected a function of prompts and completions at .*, got int"),
        ("worst", "got no such name"),
    ],
)
def test_another_result_is_refused_in_one_line(module, name, problem):
    with pytest.raises(InputError, match=problem) as caught:
        score(f"{module}:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("no_such_module:score", "expected the module 'no_such_module' .* name its folder"),
        ("no_such.module:score", "expected the module 'no_such.module'"),
        ("itertools:chain", "expected a module with a source file in 'itertools:chain'"),
    ],
)
def test_a_module_that_is_not_there_is_named(path, problem):
    with pytest.raises(InputError, match=problem):
        scorer_settings(PythonConfig(path=path))


def test_a_module_that_fails_is_the_users(tmp_path):
    (tmp_path / "broken_rewards.py").write_text("def score(:\n", encoding="utf-8")
    with pytest.raises(InputError, match="broken_rewards:score cannot be imported: SyntaxError"):
        score("broken_rewards:score")


@pytest.mark.parametrize("path", ["rewards", "rewards.py:score", "a b:c", ":c", "../x:y"])
def test_only_an_import_path_is_one(path):
    if path == "rewards.py:score":  # a module `py` of a package, which is not there
        with pytest.raises(InputError, match=r"expected the module 'rewards\.py'"):
            scorer_settings(PythonConfig(path=path))
        return
    with pytest.raises(InputError, match=r"scorer python:.*: path"):
        scorer_config(f"python:{path}")


def test_the_source_decides_the_fingerprint(module, tmp_path):
    config = PythonConfig(path=f"{module}:letters")
    before = scorer_settings(config)
    assert scorer_settings(config) == before
    assert scorer_settings(PythonConfig(path=f"{module}:short")) != before
    (tmp_path / f"{module}.py").write_text(SOURCE + "\n# another\n", encoding="utf-8")
    assert scorer_settings(config) != before


def recipe_with(path):
    scorers = [{"kind": "python", "path": path}, "language_match"]
    return load_recipe("grpo-language-lab", {"score.scorers": scorers})


def test_it_is_tried_before_anything_runs_and_named_loudly(module, tmp_path):
    recipe = recipe_with(f"{module}:letters")
    check_settings(recipe, tmp_path)
    plan = plan_of(recipe)
    assert f"{module}:letters: CODE OF YOUR OWN, which a run executes" in plan.notes
    (line,) = own_code(RunSummary(own_code=recipe.own_code))
    assert f"{module}:letters" in line
    assert own_code(RunSummary()) == []
    with pytest.raises(InputError, match=f"{module}:short: expected a list of 12 rewards"):
        check_settings(recipe_with(f"{module}:short"), tmp_path)
    assert not list(tmp_path.glob("round-*"))
