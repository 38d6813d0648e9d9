"""A package that is not installed: one line with the command that brings it, from every verb."""

import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from isoglot.commands.main import VERBS
from isoglot.core.errors import BROUGHT_ALONG, EXTRAS

pytestmark = pytest.mark.slow  # a process for each verb

ROOT = Path(__file__).parents[2]
ALL = ",".join(
    [*BROUGHT_ALONG, *(name.partition(".")[0] for names in EXTRAS.values() for name in names)]
)
ANSWERS = "answers.jsonl"
NEEDS = {
    "demo": ("train", ["--quick"]),
    "run": ("train", ["lidr-lab"]),
    "new": ("train", ["lidr", "--model", "lab", "--languages", "en,sw"]),
    "plan": ("train", ["lidr-lab"]),
    "study": ("train", ["rlhf-lab"]),
    "report": (None, ["run"]),
    "audit": (None, ["run"]),
    "try": (None, ["run", "How many?"]),
    "evaluate": ("train", ["lab", "--tasks", "lab_math", "--limit", "1"]),
    "judge": ("train", [ANSWERS, ANSWERS, "--judge", "lab"]),
    "rewards": ("train", ["lab:reward", "--on", "tata", "--data", str(ROOT / "tests/data_rows")]),
    "import-rankings": (None, ["ranked.jsonl"]),
    "compare": (None, ["run", "run"]),
    "export": (None, ["run", "x.csv"]),
    "push": ("train", ["run", "--to", "me/mine"]),
    "recipes": (None, []),
    "inspect": (None, ["rows.jsonl"]),
    "benchmarks": (None, []),
    "languages": (None, ["--tier", "low"]),
    "env": (None, []),
    "train sft": ("train", ["rows.jsonl", "--model", "lab"]),
    "train dpo": ("train", ["pairs.jsonl", "--model", "lab"]),
    "train reward": ("train", ["pairs.jsonl", "--model", "lab"]),
    "lab build": ("train", ["policy"]),
}
"""The extra that each verb asks for first in an environment without any, and arguments."""


def isoglot(hidden, *arguments, at):
    command = [sys.executable, ROOT / "tests/fixtures/without.py", hidden, "-q", *arguments]
    done = subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr.splitlines()


@pytest.fixture
def folder(tmp_path):
    """A folder with input for every verb."""
    answer = {"prompt": "How many?", "completion": "Two.", "language": "en"}
    (tmp_path / ANSWERS).write_text(json.dumps(answer))
    (tmp_path / "rows.jsonl").write_text(json.dumps(answer))
    pair = {"prompt": "How many?", "chosen": "Two.", "rejected": "Many.", "language": "en"}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair))
    ranked = {"prompt": "How many?", "completions": ["Two.", "Many."], "ranks": [1, 2]}
    (tmp_path / "ranked.jsonl").write_text(json.dumps(ranked))
    return tmp_path


def test_every_verb_is_tried():
    assert set(VERBS) == {verb for verb in NEEDS if " " not in verb}


@pytest.mark.parametrize("verb", NEEDS)
def test_a_verb_without_any_extra_works_or_says_what_to_install(verb, folder):
    extra, arguments = NEEDS[verb]
    code, _, errors = isoglot(ALL, *verb.split(), *arguments, at=folder)
    assert "Traceback" not in "".join(errors), errors
    if extra is None:
        assert (code, errors) == (0, []) or "`isoglot run`" in errors[0], "there is no such run"
        return
    assert code == 2
    errors = [line for line in errors if ": read " not in line]  # what was understood
    assert len(errors) == 1, errors
    assert errors[0].startswith("isoglot: ")
    assert errors[0].count(f"pip install 'isoglot[{extra}]'") == 1


@pytest.mark.parametrize("hidden", ["plotly", "jinja2", "trl", "peft"])
def test_a_run_finds_out_before_it_works(hidden, folder):
    code, _, errors = isoglot(hidden, "run", "lidr-lab", at=folder)
    extra = next(extra for extra, modules in EXTRAS.items() if hidden in modules)
    assert code == 2
    assert errors[-1].endswith(f"which is not installed; pip install 'isoglot[{extra}]'")
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("name", ["tensorboard", "trackio", "wandb"])
def test_a_tracker_without_its_package_is_found_out_before_work(name, folder):
    tracker = f"train.training.report_to={name}"
    code, _, errors = isoglot(name, "run", "lidr-lab", tracker, at=folder)
    assert code == 2
    assert errors[-1].startswith(f"isoglot: report_to: {name} needs the package {name}, which is")
    assert f"pip install 'isoglot[{name}]'" in errors[-1]
    assert not (folder / "runs").exists()


def test_a_package_that_no_extra_brings_is_a_bug(folder):
    code, _, errors = isoglot("ruamel", "recipes", at=folder)
    assert code == 1
    assert "Traceback" in errors[0]
    assert "ruamel" in "".join(errors)


def test_the_extras_are_those_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    described = project["optional-dependencies"]
    names = {
        extra: {row.partition(">")[0].partition("[")[0].strip() for row in described[extra]}
        for extra in EXTRAS
    }
    distributions = {
        "fasttext": "fasttext-community",
        "google.cloud.translate_v2": "google-cloud-translate",
        "math_verify": "math-verify",
    }
    assert names == {
        extra: {distributions.get(module, module) for module in modules}
        for extra, modules in EXTRAS.items()
    }
    assert find_spec("torch"), "the tests hide what is installed"
