"""Reward training against a computation by hand; resuming; what the scorer then reads."""

import json
import math
import shutil

import pytest
from by_hand import LANGUAGES, Killed, largest_difference, log_lines, preference_rows, write_rows

from isoglot.core.records import Completion, Prompt
from isoglot.core.scorers import RewardModelConfig
from isoglot.models.local.reward import RewardModel
from isoglot.train.policy import Policy
from isoglot.train.reward import RewardTrainConfig, train_reward


def rewards(folder, rows, side):
    """What the scorer gives the sides of training rows."""
    prompts = [
        Prompt.from_text(row["prompt"][0]["content"], language=row["language"]) for row in rows
    ]
    completions = [
        Completion(p.family, p.prompt_id, p.language, "m", 0, row[side][0]["content"], "stop")
        for p, row in zip(prompts, rows, strict=True)
    ]
    return RewardModel(RewardModelConfig(path=str(folder))).score(prompts, completions)


@pytest.fixture(scope="module")
def trained(tiny_model, tmp_path_factory):
    """A reward model that has seen every pair often."""
    out = tmp_path_factory.mktemp("reward")
    files = [write_rows(out / "p.parquet", preference_rows())]
    training = {
        "per_device_train_batch_size": 8, "learning_rate": 3e-3, "num_train_epochs": 8,
        "logging_steps": 3, "lr_scheduler_type": "constant",
    }  # fmt: skip
    config = RewardTrainConfig(training=training)
    return out, train_reward(files, Policy(str(tiny_model)), out / "out", config, seed=0)


def test_it_learns_and_the_scorer_reads_it(trained):
    out, summary = trained
    rows = preference_rows()
    chosen, rejected = (rewards(out / "out/policy", rows, side) for side in ("chosen", "rejected"))
    assert all(a > b for a, b in zip(chosen, rejected, strict=True))
    lines = log_lines(out / "out")
    assert set(lines[-1]["languages"]) == set(LANGUAGES) == set(summary["languages"])
    assert all(row["accuracy"] == 1.0 for row in summary["languages"].values())
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert summary["num_dropped"] == 0


def test_loss_accuracy_and_rewards_by_hand(trained, tmp_path):
    """At rate 0 the start stands as it was, and the scorer says what the log must hold."""
    out, _ = trained
    start, rows = out / "out/policy", preference_rows(6)
    rows[0]["chosen"], rows[0]["rejected"] = rows[0]["rejected"], rows[0]["chosen"]
    training = {
        "per_device_train_batch_size": 6, "max_steps": 1, "logging_steps": 1, "learning_rate": 0.0
    }  # fmt: skip
    files = [write_rows(tmp_path / "p.parquet", rows)]
    config = RewardTrainConfig(training=training)
    train_reward(files, Policy(str(start)), tmp_path / "out", config, seed=0)
    (line,) = log_lines(tmp_path / "out")
    chosen, rejected = (rewards(start, rows, side) for side in ("chosen", "rejected"))
    margins = [a - b for a, b in zip(chosen, rejected, strict=True)]
    loss = sum(math.log1p(math.exp(-margin)) for margin in margins) / 6
    assert line["loss"] == pytest.approx(loss, rel=1e-4)
    english = line["languages"]["en"]
    assert english["reward_chosen"] == pytest.approx((chosen[0] + chosen[3]) / 2, rel=1e-4)
    assert english["reward_rejected"] == pytest.approx((rejected[0] + rejected[3]) / 2, rel=1e-4)
    assert english["reward_margin"] == pytest.approx((margins[0] + margins[3]) / 2, rel=1e-4)
    assert (english["accuracy"], english["n"]) == (0.5, 2), "the one that was turned round"
    assert line["languages"]["es"]["accuracy"] == 1.0


def test_equal_sides_are_half_right(tiny_model, tmp_path):
    rows = preference_rows(2)
    rows[0]["rejected"] = rows[0]["chosen"]
    training = {"per_device_train_batch_size": 2, "max_steps": 1, "logging_steps": 1}
    files = [write_rows(tmp_path / "p.parquet", rows)]
    config = RewardTrainConfig(training=training)
    summary = train_reward(files, Policy(str(tiny_model)), tmp_path / "out", config, seed=0)
    assert summary["languages"]["en"]["accuracy"] == 0.5


@pytest.mark.parametrize("lora", [None, pytest.param({"r": 2, "alpha": 4}, marks=pytest.mark.slow)])
def test_resumed_is_uninterrupted(tiny_model, preferences, training, tmp_path, lora):
    config = RewardTrainConfig(lora=lora, training=training)
    base = Policy(str(tiny_model))
    train_reward(preferences, base, tmp_path / "whole", config, seed=3)

    def kill(step, total, *_):
        assert total == 12
        if step == 7:
            raise Killed

    with pytest.raises(Killed):
        train_reward(preferences, base, tmp_path / "cut", config, seed=3, on_step=kill)
    assert not (tmp_path / "cut/policy").exists()
    summary = train_reward(preferences, base, tmp_path / "cut", config, seed=3)
    assert summary["resumed_from"] == "checkpoint-4"
    assert largest_difference(tmp_path / "whole/policy", tmp_path / "cut/policy") < 1e-6
    again = train_reward(preferences, base, tmp_path / "cut", config, seed=3)
    assert again == summary
    with pytest.raises(ValueError, match=r"was made with seed = \d+ \(now \d+\): remove"):
        train_reward(preferences, base, tmp_path / "cut", config, seed=4)
    head = RewardModel(RewardModelConfig(path=str(tmp_path / "cut/policy"))).model.score.weight
    assert float(head.detach().std()) > 0


def test_lora_trains_the_new_head_and_merges(tiny_model, preferences, training, tmp_path):
    from by_hand import weights

    config = RewardTrainConfig(lora={"r": 2, "alpha": 4, "targets": ["q_proj"]}, training=training)
    base = Policy(str(tiny_model))
    train_reward(preferences, base, tmp_path / "out", config, seed=0)
    still = RewardTrainConfig(training={"learning_rate": 0.0, "max_steps": 1})
    train_reward(preferences, base, tmp_path / "start", still, seed=0)
    before, after = weights(tmp_path / "start/policy"), weights(tmp_path / "out/policy")
    assert before.keys() == after.keys()
    moved = {key for key in before if not before[key].equal(after[key])}
    heads = {f"model.layers.{i}.self_attn.q_proj.weight" for i in (0, 1)}
    assert moved == {*heads, "score.weight"}


def test_pairs_that_are_too_long_are_counted(tiny_model, preferences, training, tmp_path):
    training |= {"max_length": 30, "max_steps": 1}
    base = Policy(str(tiny_model))
    config = RewardTrainConfig(training=training)
    summary = train_reward(preferences, base, tmp_path / "out", config, seed=0)
    assert 0 < summary["num_dropped"] < 24
    none_left = RewardTrainConfig(training={**training, "max_length": 3})
    with pytest.raises(ValueError, match="at most 3 tokens, got none among 24; raise"):
        train_reward(preferences, base, tmp_path / "none", none_left, seed=0)


def test_a_base_with_two_labels_is_refused(trained, preferences, tmp_path):
    base = shutil.copytree(trained[0] / "out/policy", tmp_path / "base")
    config = json.loads((base / "config.json").read_text())
    config |= {"id2label": {"0": "bad", "1": "good"}, "label2id": {"bad": 0, "good": 1}}
    (base / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="one label to start from, got 2 labels"):
        train_reward(preferences, Policy(str(base)), tmp_path / "out", RewardTrainConfig(), seed=0)
    assert not (tmp_path / "out/inputs.json").exists()


def test_settings_of_another_method_are_refused(tiny_model, preferences, tmp_path):
    config = RewardTrainConfig(training={"beta": 0.1})
    with pytest.raises(ValueError, match="expected one of RewardConfig"):
        train_reward(preferences, Policy(str(tiny_model)), tmp_path / "out", config, seed=0)
    with pytest.raises(ValueError, match="nll"):
        RewardTrainConfig(nll="sequence_mean")
