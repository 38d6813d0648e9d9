"""What an interrupted training says of itself is what one that nothing interrupted says."""

import json
import shutil

import pytest
from by_hand import Killed, log_lines, preference_rows, write_rows

from isoglot.core.errors import InputError
from isoglot.train.log import forget_lines_after, read_log
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft

TRAINING = {
    "use_cpu": True,
    "per_device_train_batch_size": 4,
    "max_steps": 7,
    "logging_steps": 3,
    "save_steps": 2,
}


@pytest.fixture
def train(tiny_model, tmp_path):
    rows = write_rows(tmp_path / "rows.parquet", preference_rows(24))

    def train(name, kill_at=None):
        def on_step(step, *_):
            if step == kill_at:
                raise Killed

        config = TrainConfig(method="sft", training=TRAINING)
        policy = Policy(str(tiny_model))
        return train_sft([rows], policy, tmp_path / name, config, seed=3, on_step=on_step)

    return train


def test_the_log_and_the_loss_after_a_resume(train, tmp_path):
    whole = train("whole")
    with pytest.raises(Killed):
        train("cut", kill_at=6)
    cut = train("cut")
    assert cut["resumed_from"] == "checkpoint-4"
    lines = [log_lines(tmp_path / name) for name in ("whole", "cut")]
    assert [line["step"] for line in lines[0]] == [2, 3, 4, 6, 7]
    assert lines[0] == lines[1]
    differ = {key for key in whole if whole[key] != cut[key]}
    assert differ <= {"policy", "seconds", "resumed_from"}
    losses = {line["step"]: line["loss"] for line in lines[0]}
    by_hand = 2 * losses[2] + losses[3] + losses[4] + 2 * losses[6] + losses[7]
    assert whole["loss"] == pytest.approx(by_hand / 7)


def test_what_a_kill_before_the_end_left_goes(train, tmp_path):
    summary = train("out")
    (tmp_path / "out/checkpoints/checkpoint-6").mkdir(parents=True)
    (tmp_path / "out/best").mkdir()
    assert train("out") == summary
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("inputs.json", "log.jsonl", "policy", "train.json")
    }


def test_checkpoints_of_nobody_knows_what_are_refused(train, tmp_path):
    with pytest.raises(Killed):
        train("out", kill_at=5)
    (tmp_path / "out/inputs.json").unlink()
    with pytest.raises(InputError, match=r"inputs\.json, came none: remove the folder"):
        train("out")
    shutil.rmtree(tmp_path / "out")
    assert train("out")["num_steps"] == 7


def test_a_damaged_line_of_the_log_is_named(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    forget_lines_after(log, "checkpoint-2")
    assert read_log(log) == [{"step": 1}, {"step": 2}]
    for damage in ("{", "[1]", json.dumps({"loss": 1})):
        log.write_text(f'{{"step": 1}}\n{damage}\n{{"step": 3}}\n')
        with pytest.raises(InputError, match=r"log\.jsonl: expected an object with a step"):
            read_log(log)
