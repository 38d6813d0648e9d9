"""Trackers get what TRL logs, the means of each language, and the evaluations of each round."""

import json
import os
import sqlite3
import subprocess
import sys
from importlib.util import find_spec

import pytest
from by_hand import log_lines

from isoglot.core.errors import InputError
from isoglot.line.metrics import track_evaluations
from isoglot.train.dpo import train_dpo
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.trackers import check_trackers, trackers_of, without_trackers

EVALUATED = {"round": 1, "task": "mgsm", "sw/accuracy": 0.5, "sw/off_target_rate": 0.25}


def scalars(folder):
    """Tag → values of the TensorBoard files in a folder."""
    module = "tensorboard.backend.event_processing.event_accumulator"
    reader = pytest.importorskip(module).EventAccumulator(str(folder))
    reader.Reload()
    return {
        tag: [(row.step, row.value) for row in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


def test_tensorboard_keeps_the_training_by_language(tiny_model, preferences, training, tmp_path):
    pytest.importorskip("tensorboard")
    config = TrainConfig(training={**training, "report_to": "tensorboard"})
    out = tmp_path / "out"
    train_dpo(preferences, Policy(str(tiny_model)), out, config, seed=3)
    assert not (out / "checkpoints").exists()
    found = scalars(out / "tensorboard")
    assert {"train/loss", "train/rewards/margins", "train/learning_rate"} <= found.keys()
    for line in log_lines(out):
        for language, row in line["languages"].items():
            tracked = dict(found[f"train/{language}/reward_margin"])
            assert tracked[line["step"]] == pytest.approx(row["reward_margin"], rel=1e-5)


def test_tensorboard_has_the_evaluations_by_round(tmp_path):
    pytest.importorskip("tensorboard")
    step = {"round": 0, "step": 3, "loss": 1.0}
    track_evaluations(["tensorboard"], tmp_path, [step, EVALUATED])
    assert scalars(tmp_path / "tensorboard") == {
        "evaluate/mgsm/sw/accuracy": [(1, 0.5)],
        "evaluate/mgsm/sw/off_target_rate": [(1, 0.25)],
    }


def tracked_elsewhere(name, run, **environment):
    """Track in a process of its own: these packages read the environment when imported."""
    code = (
        "import sys; from pathlib import Path; from isoglot.line.metrics import track_evaluations;"
        "from isoglot.train.trackers import check_trackers;"
        "check_trackers({'report_to': sys.argv[1]});"
        f"track_evaluations([sys.argv[1]], Path(sys.argv[2]), [{EVALUATED}])"
    )
    command = [sys.executable, "-c", code, name, str(run)]
    subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True)


@pytest.mark.slow
def test_trackio_has_the_evaluations_by_round(tmp_path):
    if find_spec("trackio") is None:
        pytest.skip("needs trackio: pip install 'isoglot[trackio]'")
    tracked_elsewhere("trackio", tmp_path / "run", TRACKIO_DIR=str(tmp_path))
    with sqlite3.connect(tmp_path / "isoglot.db") as connection:
        rows = connection.execute("select step, metrics from metrics").fetchall()
    assert [(step, json.loads(metrics)) for step, metrics in rows] == [
        (1, {"evaluate/mgsm/sw/accuracy": 0.5, "evaluate/mgsm/sw/off_target_rate": 0.25})
    ]


def test_wandb_offline_needs_no_key_and_no_network(tmp_path):
    if find_spec("wandb") is None:
        pytest.skip("needs W&B: pip install 'isoglot[wandb]'")
    tracked_elsewhere("wandb", tmp_path / "run", WANDB_MODE="offline", WANDB_DIR=str(tmp_path))
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))


def test_a_tracker_does_not_decide_the_weights():
    with_one = TrainConfig(training={"report_to": ["trackio"], "max_steps": 3})
    assert without_trackers(with_one) == without_trackers(TrainConfig(training={"max_steps": 3}))
    assert with_one.training["report_to"] == ["trackio"]


@pytest.mark.parametrize(
    ("given", "names"),
    [(None, []), ("none", []), ("wandb", ["wandb"]), (["trackio", "wandb"], ["trackio", "wandb"])],
)
def test_the_names_are_those_of_transformers(given, names):
    assert trackers_of({"report_to": given} if given else {}) == names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tensorbord", r"unknown tracker 'tensorbord' in `report_to`; did you mean 'tensorboard'"),
        (
            "mlflow",
            r"report_to: mlflow needs the package of mlflow.*or remove mlflow from",
        ),
    ],
)
def test_a_tracker_that_cannot_work_is_one_line(name, message):
    with pytest.raises(InputError, match=message) as caught:
        check_trackers({"report_to": name})
    assert "\n" not in str(caught.value)
