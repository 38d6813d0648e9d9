"""The baseline: loss on the chosen side alone, with the same files and the same resuming."""

import pytest
from by_hand import (
    Killed,
    demonstration_rows,
    largest_difference,
    log_lines,
    preference_rows,
    sequence_logps,
    write_rows,
)

from isoglot.train.common import Policy, TrainConfig
from isoglot.train.sft import train_sft


@pytest.mark.parametrize("rows_of", [preference_rows, demonstration_rows])
def test_loss_by_hand(tiny_model, tmp_path, rows_of):
    """On the answers alone, whether they are demonstrations or the chosen side of preferences."""
    rows = preference_rows(4)
    training = {"per_device_train_batch_size": 4, "max_steps": 1, "logging_steps": 1}
    config = TrainConfig(method="sft", training=training)
    train_sft(
        [write_rows(tmp_path / "p.parquet", rows_of(4))],
        Policy(str(tiny_model)),
        tmp_path / "out",
        config,
        seed=0,
    )
    (line,) = log_lines(tmp_path / "out")
    chosen = [sequence_logps(tiny_model, row, "chosen") for row in rows]
    assert line["loss"] == pytest.approx(-sum(map(sum, chosen)) / sum(map(len, chosen)), rel=1e-5)
    assert line["languages"]["sw"] == pytest.approx(
        {
            "logp_chosen": sum(chosen[2]),
            "logp_chosen_per_token": sum(chosen[2]) / len(chosen[2]),
            "n": 1,
        },
        rel=1e-5,
    )


@pytest.mark.parametrize("lora", [None, {"r": 2, "alpha": 4}])
def test_resumed_is_uninterrupted(tiny_model, preferences, training, tmp_path, lora):
    """Also of a mixture, and of demonstrations."""
    config = TrainConfig(method="sft", lora=lora, training=training)
    if lora:
        preferences = [write_rows(tmp_path / "d.parquet", demonstration_rows(24)[:22])]
        mixing = {"method": "uniform", "num_examples": 24}
        config = TrainConfig(method="sft", lora=lora, training=training, mixing=mixing)
    train_sft(preferences, Policy(str(tiny_model)), tmp_path / "whole", config, seed=3)

    def kill(step, _total):
        if step == 7:
            raise Killed

    with pytest.raises(Killed):
        train_sft(
            preferences, Policy(str(tiny_model)), tmp_path / "cut", config, seed=3, on_step=kill
        )
    summary = train_sft(preferences, Policy(str(tiny_model)), tmp_path / "cut", config, seed=3)
    assert summary["resumed_from"] == "checkpoint-4"
    assert summary["num_demonstrations" if lora else "num_preferences"] == 24
    assert largest_difference(tmp_path / "whole/policy", tmp_path / "cut/policy") < 1e-6


def test_packing_is_refused(tiny_model, preferences, tmp_path):
    config = TrainConfig(method="sft", training={"packing": True})
    with pytest.raises(ValueError, match="packing"):
        train_sft(preferences, Policy(str(tiny_model)), tmp_path / "out", config, seed=0)


def test_every_row_is_in_the_log(tiny_model, tmp_path):
    """Also of a step whose batches end with the rows: the last one has two, the others four."""
    files = [write_rows(tmp_path / "p.parquet", preference_rows(10))]
    training = {
        "per_device_train_batch_size": 4, "gradient_accumulation_steps": 3, "max_steps": 1,
    }  # fmt: skip
    config = TrainConfig(method="sft", training=training)
    train_sft(files, Policy(str(tiny_model)), tmp_path / "out", config, seed=0)
    (line,) = log_lines(tmp_path / "out")
    assert sum(row["n"] for row in line["languages"].values()) == 10
