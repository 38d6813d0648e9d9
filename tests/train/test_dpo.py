"""DPO and its likelihood term against a computation by hand; resuming; what is written."""

import math
import os
import subprocess
import sys
from shutil import copytree

import pytest
from by_hand import (
    Killed,
    largest_difference,
    log_lines,
    preference_rows,
    sequence_logps,
    weights,
    write_rows,
)
from safetensors.torch import save_file

from isoglot.core.errors import InputError
from isoglot.train.dpo import train_dpo
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig


@pytest.mark.parametrize("precompute", [True, False])
@pytest.mark.parametrize("nll", ["sequence_mean", "token_mean", "none"])
def test_loss_by_hand(tiny_model, tmp_path, nll, precompute):
    """At first the policy is its own reference: DPO is log 2, and the rest is likelihood."""
    rows = preference_rows(4)
    weighted = {} if nll == "none" else {"loss_weights": [1.0, 5.0]}
    files = [write_rows(tmp_path / "p.parquet", rows)]
    training = {"per_device_train_batch_size": 4, "max_steps": 1, "logging_steps": 1, **weighted}
    training["precompute_ref_log_probs"] = precompute
    train_dpo(
        files,
        Policy(str(tiny_model)),
        tmp_path / "out",
        TrainConfig(nll=nll, training=training),
        seed=0,
    )
    (line,) = log_lines(tmp_path / "out")
    chosen = [sequence_logps(tiny_model, row, "chosen") for row in rows]
    rejected = [sequence_logps(tiny_model, row, "rejected") for row in rows]
    assert len({len(logps) for logps in chosen}) > 1
    term = {
        "none": 0.0,
        "token_mean": -sum(map(sum, chosen)) / sum(map(len, chosen)),
        "sequence_mean": -sum(sum(logps) / len(logps) for logps in chosen) / len(chosen),
    }[nll]
    assert line["loss"] == pytest.approx(math.log(2) + 5.0 * term, rel=1e-5)
    english = line["languages"]["en"]
    assert english["n"] == 2
    assert english["logp_chosen"] == pytest.approx((sum(chosen[0]) + sum(chosen[3])) / 2, rel=1e-5)
    assert english["logp_rejected"] == pytest.approx(
        (sum(rejected[0]) + sum(rejected[3])) / 2, rel=1e-5
    )
    per_token = [sum(logps) / len(logps) for logps in chosen]
    assert english["logp_chosen_per_token"] == pytest.approx(
        (per_token[0] + per_token[3]) / 2, rel=1e-5
    )
    assert english["reward_margin"] == pytest.approx(0, abs=1e-5)


def test_margin_after_a_step_by_hand(tiny_model, tmp_path):
    """The second step's margin is that of the policy after the first step against the start."""
    rows = preference_rows(4)
    files = [write_rows(tmp_path / "p.parquet", rows)]
    training = {
        "per_device_train_batch_size": 4,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "beta": 0.3,
        "loss_weights": [1.0, 5.0],
    }
    for steps in (1, 2):
        config = TrainConfig(training={**training, "max_steps": steps})
        train_dpo(files, Policy(str(tiny_model)), tmp_path / str(steps), config, seed=0)
    margin = log_lines(tmp_path / "2")[1]["languages"]["es"]["reward_margin"]

    def gain(side):
        after = sequence_logps(tmp_path / "1" / "policy", rows[1], side)
        return sum(after) - sum(sequence_logps(tiny_model, rows[1], side))

    assert margin == pytest.approx(0.3 * (gain("chosen") - gain("rejected")), rel=1e-3)
    assert abs(margin) > 1e-2


@pytest.mark.parametrize("lora", [None, pytest.param({"r": 2, "alpha": 4}, marks=pytest.mark.slow)])
def test_resumed_is_uninterrupted(tiny_model, preferences, training, tmp_path, lora):
    config = TrainConfig(lora=lora, training=training)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train_dpo(preferences, Policy(str(tiny_model)), whole, config, seed=3)

    phases = []

    def kill(step, total, num_tokens=0, phase=""):
        phases.append(phase)
        assert num_tokens > 0 or step in (0, 0.5)
        if phase:
            return
        assert total == 12
        if step == 11:
            raise Killed

    with pytest.raises(Killed):
        train_dpo(preferences, Policy(str(tiny_model)), cut, config, seed=3, on_step=kill)
    assert not (cut / "policy").exists()
    half_written = cut / "checkpoints" / "checkpoint-10"
    half_written.mkdir()
    (half_written / "trainer_state.json").write_text('{"global_step": 10, "log_h')
    steps = []
    summary = train_dpo(
        preferences,
        Policy(str(tiny_model)),
        cut,
        config,
        seed=3,
        on_step=lambda step, *_: steps.append(step),
    )
    assert summary["resumed_from"] == "checkpoint-8"
    assert [step for step in steps if step % 1 == 0] == [8, 9, 10, 11, 12]
    assert largest_difference(whole / "policy", cut / "policy") < 1e-6
    assert [line["step"] for line in log_lines(cut)] == [2, 4, 6, 8, 10, 12]
    for resumed, uninterrupted in zip(log_lines(cut), log_lines(whole), strict=True):
        assert resumed["loss"] == pytest.approx(uninterrupted["loss"], rel=1e-5)
        for language, row in uninterrupted["languages"].items():
            assert resumed["languages"][language] == pytest.approx(row, rel=1e-4)
    assert sorted(path.name for path in cut.iterdir()) == [
        "inputs.json",
        "log.jsonl",
        "policy",
        "train.json",
    ]


def test_same_seed_same_weights_other_seed_others(tiny_model, preferences, training, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_dpo(
            preferences,
            Policy(str(tiny_model)),
            tmp_path / name,
            TrainConfig(training=training),
            seed=seed,
        )
    assert largest_difference(tmp_path / "a/policy", tmp_path / "b/policy") == 0
    assert largest_difference(tmp_path / "a/policy", tmp_path / "c/policy") > 1e-5
    assert largest_difference(tmp_path / "a/policy", tiny_model) > 1e-4


def test_the_revision_of_a_policy_is_the_same_in_every_folder(
    tiny_model, preferences, training, tmp_path
):
    from isoglot.models.local.weights import model_revision

    config = TrainConfig(training={**training, "max_steps": 2})
    for name in ("a", "b"):
        train_dpo(preferences, Policy(str(tiny_model)), tmp_path / name, config, seed=1)
    a, b = (model_revision(str(tmp_path / name / "policy")) for name in ("a", "b"))
    assert a == b != model_revision(str(tiny_model))


def test_lora_is_merged(tiny_model, preferences, training, tmp_path):
    config = TrainConfig(lora={"r": 2, "alpha": 4, "targets": ["q_proj"]}, training=training)
    train_dpo(preferences, Policy(str(tiny_model)), tmp_path / "out", config, seed=0)
    before, after = weights(tiny_model), weights(tmp_path / "out/policy")
    assert before.keys() == after.keys()
    moved = {key for key in before if not before[key].equal(after[key])}
    assert moved == {f"model.layers.{i}.self_attn.q_proj.weight" for i in (0, 1)}


def test_adapters_learn_over_a_base_in_bfloat16(tiny_model, preferences, training, tmp_path):
    """As on an accelerator, where a frozen base is not held in 32 bits."""
    seen = {}
    for name, given in (("float32", {}), ("bfloat16", {"bf16": True})):
        config = TrainConfig(lora={"r": 4, "alpha": 8}, training={**training, **given})
        train_dpo(preferences, Policy(str(tiny_model)), tmp_path / name, config, seed=0)
        seen[name] = weights(tmp_path / name / "policy")
        lines = log_lines(tmp_path / name)
        assert lines[-1]["loss"] < lines[0]["loss"] - 0.1
    before, key = weights(tiny_model), "model.embed_tokens.weight"
    assert before[key].equal(seen["float32"][key])
    assert before[key].bfloat16().float().equal(seen["bfloat16"][key]), "the base was in bfloat16"


def test_done_is_not_done_again(tiny_model, preferences, training, tmp_path):
    config = TrainConfig(training={**training, "max_steps": 2})
    first = train_dpo(preferences, Policy(str(tiny_model)), tmp_path / "out", config, seed=0)

    def never(*step):
        raise AssertionError(step)

    again = train_dpo(
        preferences, Policy(str(tiny_model)), tmp_path / "out", config, seed=0, on_step=never
    )
    assert again == first
    assert first["num_preferences"] == 24
    assert set(first["languages"]) <= {"en", "es", "sw"}
    with pytest.raises(ValueError, match=r"was made with seed = \d+ \(now \d+\): remove"):
        train_dpo(preferences, Policy(str(tiny_model)), tmp_path / "out", config, seed=1)


def test_a_loss_that_is_no_number_writes_no_policy(tiny_model, preferences, training, tmp_path):
    training |= {"learning_rate": 1e30, "max_grad_norm": 1e30}
    with pytest.raises(ValueError, match="expected a finite loss, got NaN or infinity at step"):
        train_dpo(
            preferences,
            Policy(str(tiny_model)),
            tmp_path / "out",
            TrainConfig(training=training),
            seed=0,
        )
    assert not (tmp_path / "out/policy").exists()


def test_weights_that_are_no_numbers_write_no_policy(tiny_model, preferences, training, tmp_path):
    """After the last step no loss is left to tell."""
    training |= {"learning_rate": 1e308, "max_steps": 1, "lr_scheduler_type": "constant"}
    with pytest.raises(ValueError, match="expected a finite loss"):
        train_dpo(
            preferences,
            Policy(str(tiny_model)),
            tmp_path / "out",
            TrainConfig(training=training),
            seed=0,
        )
    assert not (tmp_path / "out/policy").exists()


def test_truncated_and_dropped_are_counted(tiny_model, preferences, training, tmp_path):
    training |= {"max_length": 30, "max_steps": 1}
    summary = train_dpo(
        preferences,
        Policy(str(tiny_model)),
        tmp_path / "out",
        TrainConfig(training=training),
        seed=0,
    )
    assert 0 < summary["num_truncated"] < 24
    assert sum(summary["cut"].values()) == summary["num_truncated"]
    assert sum(summary["too_long"].values()) == summary["num_dropped"] == 0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"training": {"learning_rat": 1}}, "did you mean 'learning_rate'"),
        ({"training": {"output_dir": "x"}}, "is set by the run itself"),
        ({"nll": "none", "training": {"loss_type": ["sigmoid", "sft"]}}, "change one of them"),
        ({"training": {"loss_type": ["sigmoid"]}}, "change one of them"),
    ],
)
def test_config_errors(tiny_model, preferences, tmp_path, config, message):
    with pytest.raises(InputError, match=message):
        train_dpo(
            preferences, Policy(str(tiny_model)), tmp_path / "out", TrainConfig(**config), seed=0
        )
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("inputs.json"))


def test_targets_that_the_model_has_not_are_one_line(tiny_model, preferences, tmp_path):
    config = TrainConfig(lora={"targets": ["nowhere"]}, training={"use_cpu": True, "bf16": False})
    with pytest.raises(InputError, match=r"Target modules .*nowhere.* not found"):
        train_dpo(preferences, Policy(str(tiny_model)), tmp_path, config, seed=0)


@pytest.mark.slow
def test_a_policy_of_the_hub_is_trained_from_its_commit(tiny_model, preferences, tmp_path):
    """A hub's cache with two commits of one model; training at rate 0 gives the pinned one back."""
    commits = {"main": "a" * 40, "pinned": "b" * 40}
    repo = tmp_path / "hub" / "models--someone--tiny"
    for name, commit in commits.items():
        (repo / "refs").mkdir(parents=True, exist_ok=True)
        (repo / "refs" / name).write_text(commit)
        copytree(tiny_model, repo / "snapshots" / commit)
    pinned = repo / "snapshots" / commits["pinned"]
    other = {key: weight + 1 for key, weight in weights(pinned).items()}
    save_file(other, pinned / "model.safetensors", metadata={"format": "pt"})
    script = f"""
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig
from isoglot.train.dpo import train_dpo
from isoglot.train.sft import train_sft
from pathlib import Path
training = {{"learning_rate": 0.0, "max_steps": 1}}
files = [Path(name) for name in {[str(path) for path in preferences]!r}]
policy, out = Policy("someone/tiny", "pinned"), Path({str(tmp_path)!r})
train_dpo(files, policy, out / "dpo", TrainConfig(training=training), seed=0)
train_sft(files, policy, out / "sft", TrainConfig(method="sft", training=training), seed=0)
"""
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    for method in ("dpo", "sft"):
        assert largest_difference(tmp_path / method / "policy", pinned) == 0
        assert largest_difference(tmp_path / method / "policy", tiny_model) > 0.5
