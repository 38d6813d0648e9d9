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

from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
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


@pytest.mark.parametrize("lora", [None, pytest.param({"r": 2, "alpha": 4}, marks=pytest.mark.slow)])
def test_resumed_is_uninterrupted(tiny_model, preferences, training, tmp_path, lora):
    """Also of a mixture, and of demonstrations."""
    config = TrainConfig(method="sft", lora=lora, training=training)
    if lora:
        preferences = [write_rows(tmp_path / "d.parquet", demonstration_rows(24)[:22])]
        mixing = {"method": "uniform", "num_examples": 24}
        config = TrainConfig(method="sft", lora=lora, training=training, mixing=mixing)
    train_sft(preferences, Policy(str(tiny_model)), tmp_path / "whole", config, seed=3)

    def kill(step, *_):
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


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_packed_rows_are_learned_as_if_they_were_alone(tiny_model, tmp_path, attention):
    """Log, loss and weights of a step, whose 12 rows are packed into fewer sequences."""
    file = write_rows(tmp_path / "d.parquet", demonstration_rows(12))
    training = {
        "per_device_train_batch_size": 12, "max_steps": 1, "logging_steps": 1, "max_length": 60,
        "model_init_kwargs": {"attn_implementation": attention}, "optim": "sgd", "learning_rate": 1,
    }  # fmt: skip
    for name, packing in (("alone", False), ("packed", True)):
        config = TrainConfig(method="sft", training={**training, "packing": packing})
        summary = train_sft([file], Policy(str(tiny_model)), tmp_path / name, config, seed=0)
        assert (summary["num_demonstrations"], summary["num_dropped"]) == (12, 0)
    (alone,), (packed,) = log_lines(tmp_path / "alone"), log_lines(tmp_path / "packed")
    assert packed["loss"] == pytest.approx(alone["loss"], rel=1e-4)
    assert sum(row["n"] for row in packed["languages"].values()) == 12
    for language, row in alone["languages"].items():
        assert packed["languages"][language] == pytest.approx(row, rel=1e-4)
    moved = largest_difference(tiny_model, tmp_path / "alone/policy")
    assert largest_difference(tmp_path / "alone/policy", tmp_path / "packed/policy") < moved / 1e3


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"packing": True, "packing_strategy": "wrapped"}, "wrapped, which cuts rows up"),
        ({"padding_free": True}, "set packing: true"),
    ],
)
def test_packing_that_mixes_rows_is_refused(training, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(method="sft", training=training)
    with pytest.raises(ValueError, match="balance_languages, which orders rows"):
        TrainConfig(method="sft", balance_languages=True, training={"packing": True})


def test_a_row_that_is_too_long_is_left_out_whole(tiny_model, tmp_path, capsys):
    rows = demonstration_rows(12)
    rows[4]["messages"][0]["content"] *= 30
    file = write_rows(tmp_path / "d.parquet", rows)
    training = {"max_steps": 1, "max_length": 100, "per_device_train_batch_size": 12}
    config = TrainConfig(method="sft", training=training)
    summary = train_sft([file], Policy(str(tiny_model)), tmp_path / "out", config, seed=0)
    assert summary["too_long"] == {"es": 1}
    assert {tag: row["n"] for tag, row in summary["languages"].items()} == {
        "en": 4,
        "es": 3,
        "sw": 4,
    }
    assert (summary["num_dropped"], summary["num_truncated"]) == (1, 0)
    told = "isoglot: 1 of 12 rows have more than max_length 100 tokens and are left out: es 1\n"
    assert capsys.readouterr().err == told
    for row in rows[1::3]:
        row["messages"][0]["content"] *= 30
    file = write_rows(tmp_path / "e.parquet", rows)
    with pytest.raises(ValueError, match=r"max_length 100 .* got none in es \(the shortest"):
        train_sft([file], Policy(str(tiny_model)), tmp_path / "other", config, seed=0)


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
