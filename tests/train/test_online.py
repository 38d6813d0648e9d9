"""RLOO and GRPO on the policy's own answers: what has no reward; resuming; the log."""

import json
import math
from collections import Counter
from itertools import count

import pyarrow.parquet as pq
import pytest
from by_hand import LANGUAGES, Killed, largest_difference, log_lines, weights
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import shard_path, write_shard
from isoglot.data.score import ScoreConfig
from isoglot.line.training import reward_by
from isoglot.models.scorers.rules import GoldScorer, LengthScorer
from isoglot.train.online import spread_of, train_online
from isoglot.train.policy import Policy
from isoglot.train.settings import TrainConfig, no_step

TRAINING = {
    "per_device_train_batch_size": 12,
    "num_generations": 4,
    "max_completion_length": 6,
    "learning_rate": 1e-2,
    "lr_scheduler_type": "constant",
    "logging_steps": 1,
    "save_steps": 2,
    "use_cpu": True,
    "bf16": False,
}


def prompts_of(num_families):
    return [
        Prompt.from_text(f"{tag} {i} apples?", language=tag, family=str(i), gold="a")
        for i in range(num_families)
        for tag in LANGUAGES
    ]


@pytest.fixture(scope="module")
def prompt_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompts")
    write_shard(shard_path(folder, 0), prompts_of(6), Prompt)
    return [shard_path(folder, 0)]


def test_prompts_of_an_earlier_version_are_trained_on(prompt_files, tiny_model, tmp_path):
    rows = pq.read_table(prompt_files[0])
    older = rows.drop_columns(["completion", "translation_log_probability"])
    pq.write_table(older, shard_path(tmp_path, 0))
    summary = run([shard_path(tmp_path, 0)], tiny_model, tmp_path / "train", max_steps=1)
    assert summary["num_prompts"] == len(rows)


def is_short(text: str, _gold: str) -> float:
    return float(len(text) < 3)


def in_english(texts):
    return ["en"] * len(texts)


def run(files, policy, out, reward=None, config=None, seed=1, method="rloo", **training):
    config = config or TrainConfig(method=method, training={**TRAINING, **training})
    given = {"on_step": training.pop("on_step")} if "on_step" in training else {}
    reward = reward or GoldScorer(is_short).score
    return train_online(
        files, Policy(str(policy)), out, config, reward, in_english, seed=seed, **given
    )


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_the_reward_rises_and_the_log_says_what_happened(
    prompt_files, tiny_policy, tmp_path, method
):
    summary = run(prompt_files, tiny_policy, tmp_path, method=method, num_train_epochs=5, beta=0.01)
    lines = log_lines(tmp_path)
    assert [line["step"] for line in lines] == list(range(1, 31))

    def mean(some):
        rows = [row for line in some for row in line["languages"].values()]
        known = [row["reward"] for row in rows if row["reward"] is not None]
        return sum(known) / len(known)

    assert mean(lines[-5:]) > mean(lines[:5]) + 0.2
    for line in lines:
        assert set(line["languages"]) == set(LANGUAGES), "each step sees every language"
        for tag, row in line["languages"].items():
            assert row["n"] == 4
            assert 1 <= row["num_tokens"] <= 6
            assert row["off_target"] == float(tag != "en")
            assert row["num_without_off_target"] == 0
            assert row["num_without_reward"] == 4 * row["cut_off"], "what was cut off has no gold"
            assert (row["spread"] is None) == (row["num_without_spread"] == 4)
    first = lines[0]["languages"]
    assert all(row["kl"] == pytest.approx(0, abs=1e-4) for row in first.values())
    assert any(abs(row["kl"]) > 1e-3 for row in lines[-1]["languages"].values())
    assert (summary["num_prompts"], summary["num_dropped"]) == (18, 0)
    assert summary["languages"] == lines[-1]["languages"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "inputs.json", "log.jsonl", "policy", "train.json",
    ]  # fmt: skip


def generated(prompt_files, policy, tmp_path, rewards, method, beta=0.0, **settings):
    """One batch of 12 answers to 3 prompts with their advantages, and its trainer."""
    from isoglot.train.arguments import training_arguments
    from isoglot.train.online import (
        PerLanguageOnline,
        Rewarder,
        _load_prompts,
        _trainer_of,
    )
    from isoglot.train.settings import quiet
    from isoglot.train.template import load_training_tokenizer
    from isoglot.train.trainer import make_trainer

    training = {**TRAINING, "beta": beta}
    config = TrainConfig(method=method, training=training, **settings)
    start = Policy(str(policy))
    with quiet():
        args = training_arguments(config, start, tmp_path / "out", seed=1)
        tokenizer = load_training_tokenizer(start)
        rewarder = Rewarder(lambda *_: list(rewards), in_english, tokenizer)
        rows = _load_prompts(prompt_files, tmp_path / "cache")
        made = PerLanguageOnline, _trainer_of(method), start, args, rows, tokenizer, no_step
        trainer = make_trainer(*made, reward_funcs=rewarder)
        trainer.start_log(tmp_path / "log.jsonl", config)
        batch = next(iter(trainer.get_train_dataloader()))
        return trainer._generate_and_score_completions(batch), trainer


def test_thoughts_are_rewarded_and_counted_apart(tiny_policy):
    """The thought goes to the scorers, and a gate shuts out one in another language."""
    from isoglot.train.online import _COLUMNS, Rewarder
    from isoglot.train.template import load_training_tokenizer

    class ByLetter:
        name = "by letter"

        def identify(self, texts):
            return [{"a": "en", "b": "sw"}.get(text[:1]) for text in texts]

        def foreign_shares(self, texts, _languages):
            return [0.0] * len(texts)

    tokenizer = load_training_tokenizer(Policy(str(tiny_policy)))
    end, seen = tokenizer.eos_token_id, []

    def ids(text):
        return [*tokenizer(text, add_special_tokens=False)["input_ids"], end]

    gates = ScoreConfig(
        scorers=[{"kind": "length"}], gates=["wrong_thought_language"], gate_reward=-1
    )
    total, _ = reward_by(gates, [LengthScorer()], ByLetter())

    def reward(prompts, completions):
        seen.extend((each.thought, each.text, each.finish_reason) for each in completions)
        return total(prompts, completions)

    texts = ["<think>a b</think>a a", "<think>b b</think>a a", "a a", "<think>a a"]
    (prompt,) = [row for row in prompts_of(1) if row.language == "en"]
    columns = {name: [getattr(prompt, name)] * 4 for name in _COLUMNS}
    columns["prompts"] = columns.pop("prompt")
    rewarder = Rewarder(reward, ByLetter().identify, tokenizer)
    rewarder.eos_ids = [end]
    rewards = rewarder(completion_ids=list(map(ids, texts)), **columns)
    assert seen == [
        ("a b", "a a", "stop"), ("b b", "a a", "stop"), (None, "a a", "stop"), ("a a", "", "length")
    ]  # fmt: skip
    assert rewards == [3, -1, 3, 0]
    rates = rewarder.seen["thought_off_target"]
    assert rates[:2] == [False, True]
    assert math.isnan(rates[2])


WORKED = [5.0, None, 2.0, 8.0, None, None, None, 3.0, 1.0, 1.0, 1.0, 1.0]
"""Rewards of the four answers to each of three prompts."""


def test_none_is_in_no_mean_and_moves_nothing(prompt_files, tiny_policy, tmp_path):
    """By hand: of each answer the reward less the mean of the siblings that have one."""
    batch, _ = generated(prompt_files, tiny_policy, tmp_path, WORKED, "rloo")
    got = batch["advantages"].tolist()
    assert got[:4] == pytest.approx([5 - 10 / 2, 0, 2 - 13 / 2, 8 - 7 / 2])
    assert got[4:] == [0.0] * 8, "nothing to compare with: alone, without a reward, all alike"


def test_the_advantage_by_grpo(prompt_files, tiny_policy, tmp_path):
    """By hand: the reward less the mean of the known ones, over their deviation (n - 1); TRL adds
    1e-4 to that."""
    batch, _ = generated(prompt_files, tiny_policy, tmp_path, WORKED, "grpo")
    got = batch["advantages"].tolist()
    assert got[:4] == pytest.approx([0, 0, -3 / 3, 3 / 3], abs=1e-4)
    assert got[4:] == [0.0] * 8


@pytest.mark.parametrize("skips", [True, False])
def test_prompts_without_a_spread_are_left_out_of_the_loss(
    prompt_files, tiny_policy, tmp_path, skips
):
    given = prompt_files, tiny_policy, tmp_path, WORKED, "grpo"
    batch, trainer = generated(*given, beta=0.1, skip_without_spread=skips)
    num = batch["completion_mask"].sum(dim=1).tolist()
    assert all(num[:4])
    assert any(num[4:]) != skips
    assert batch["num_items_in_batch"] == sum(num), "the tokens of the mean"
    spreads = [row["spread"] for _, row in trainer._rows]
    assert spreads == [6.0] * 4 + [None] * 8
    with pytest.raises(ValueError, match="skip_without_spread is for method grpo, got rloo"):
        TrainConfig(method="rloo", skip_without_spread=True)


NUMBERS = st.none() | st.floats(-8, 8, width=32)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_the_spread_is_highest_less_lowest(groups):
    import torch

    rewards = [math.nan if value is None else value for group in groups for value in group]
    got = spread_of(torch.tensor(rewards), 3).tolist()
    for place, group in enumerate(groups):
        known = [value for value in group if value is not None]
        own = got[3 * place : 3 * place + 3]
        if len(set(known)) < 2:
            assert all(map(math.isnan, own))
        else:
            assert own == pytest.approx([max(known) - min(known)] * 3)


def test_grpo_logs_the_kl_of_one_step_and_of_several(prompt_files, tiny_policy, tmp_path):
    """GRPO needs the policy's own likelihood only where a batch serves several steps."""
    for name, training in (("once", {}), ("twice", {"num_iterations": 2, "save_steps": 2})):
        more = {"beta": 0.01, "max_steps": 3, "logging_steps": 1, **training}
        run(prompt_files, tiny_policy, tmp_path / name, method="grpo", **more)
    once, twice = (log_lines(tmp_path / name) for name in ("once", "twice"))
    for lines in (once, twice):
        assert all(abs(row["kl"]) < 1e-4 for row in lines[0]["languages"].values())
        assert any(abs(row["kl"]) > 1e-4 for row in lines[-1]["languages"].values())


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_nothing_is_learned_without_rewards(prompt_files, tiny_policy, tmp_path, method):
    def none(_, completions):
        return [None] * len(completions)

    run(prompt_files, tiny_policy, tmp_path, none, method=method, max_steps=2)
    assert largest_difference(tiny_policy, tmp_path / "policy") == 0
    row = log_lines(tmp_path)[-1]["languages"]["en"]
    assert (row["reward"], row["num_without_reward"], row["n"]) == (None, 4, 4)


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_a_constant_added_to_what_is_known_changes_nothing(
    prompt_files, tiny_policy, tmp_path, method
):
    """It would, if the unknown counted as 0."""

    def shifted(by):
        def reward(_, completions):
            known = [len(answer.text) % 3 for answer in completions]
            return [None if i % 3 == 0 else float(v + by) for i, v in enumerate(known)]

        return reward

    for by in (0, 64):
        run(prompt_files, tiny_policy, tmp_path / str(by), shifted(by), method=method, max_steps=3)
    assert largest_difference(tmp_path / "0/policy", tmp_path / "64/policy") < 1e-4
    assert largest_difference(tmp_path / "0/policy", tiny_policy) > 1e-2


@pytest.mark.parametrize("method", ["rloo", "grpo"])
@pytest.mark.parametrize("lora", [None, pytest.param({"r": 2, "alpha": 4}, marks=pytest.mark.slow)])
def test_resumed_is_uninterrupted(prompt_files, tiny_policy, tmp_path, lora, method):
    config = TrainConfig(method=method, lora=lora, training={**TRAINING, "num_train_epochs": 2})
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(prompt_files, tiny_policy, whole, config=config)

    def kill(step, total, *_):
        assert total == 12
        if step == 11:
            raise Killed

    with pytest.raises(Killed):
        run(prompt_files, tiny_policy, cut, config=config, on_step=kill)
    assert not (cut / "policy").exists()
    summary = run(prompt_files, tiny_policy, cut, config=config)
    assert summary["resumed_from"] == "checkpoint-10", "in the second epoch"
    assert largest_difference(whole / "policy", cut / "policy") < 1e-6
    assert largest_difference(whole / "policy", tiny_policy) > 1e-3
    for resumed, uninterrupted in zip(log_lines(cut), log_lines(whole), strict=True):
        assert resumed["languages"] == uninterrupted["languages"]
    again = run(prompt_files, tiny_policy, cut, config=config)
    assert again == summary
    with pytest.raises(ValueError, match=r"was made with seed = \d+ \(now \d+\): remove"):
        run(prompt_files, tiny_policy, cut, config=config, seed=2)


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_each_step_sees_the_languages_evenly(prompt_files, tiny_policy, tmp_path, method):
    seen = []

    def reward(prompts, completions):
        seen.append(Counter(prompt.language for prompt in prompts))
        return [0.0] * len(completions)

    training = {"num_generations": 2, "gradient_accumulation_steps": 2, "max_steps": 3}
    run(prompt_files, tiny_policy, tmp_path, reward, method=method, save_steps=1, **training)
    assert seen == [Counter(dict.fromkeys(LANGUAGES, 8))] * 3


def test_the_lab_policy_ends_its_answers(tmp_path):
    """By `<|end|>`, which no answer holds as text."""
    from isoglot.lab.prompts import LabPromptConfig, lab_prompts
    from isoglot.lab.shipped import POLICY

    rows = list(lab_prompts(LabPromptConfig(), ["en", "es"], seed=1, num_families=2))
    write_shard(shard_path(tmp_path, 0), rows, Prompt)
    seen: list[Completion] = []

    def reward(_, completions):
        seen.extend(completions)
        return [0.0] * len(completions)

    run([shard_path(tmp_path, 0)], POLICY, tmp_path / "out", reward, per_device_train_batch_size=8,
        num_generations=2, max_completion_length=64, max_steps=1, beta=0.0)  # fmt: skip
    assert [answer.finish_reason for answer in seen].count("stop") >= 7
    assert not any("<|" in answer.text for answer in seen)
    row = log_lines(tmp_path / "out")[0]["languages"]["en"]
    assert row["num_tokens"] < 60
    assert "kl" not in row, "unknown without a reference"


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_a_reward_that_is_no_number_counts_as_none(prompt_files, tiny_policy, tmp_path, method):
    numbers = count()

    def reward(_, completions):
        return [math.nan if next(numbers) % 2 else 1.0 for _ in completions]

    run(prompt_files, tiny_policy, tmp_path, reward, method=method, max_steps=1)
    assert log_lines(tmp_path)[0]["languages"]["en"]["num_without_reward"] == 2
    assert all(weight.isfinite().all() for weight in weights(tmp_path / "policy").values())


@pytest.mark.parametrize("method", ["rloo", "grpo"])
@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"num_generation": 2}, "did you mean 'num_generations'"),
        ({"per_device_train_batch_size": 6}, "must be divisible by num_generations"),
        ({"per_device_train_batch_size": 96}, "24 prompts for a batch of 96 answers, got 18"),
        ({"max_completion_length": 127}, "got 0 of 18 that leave room"),
        ({"num_iterations": 3}, "which serve 3 steps, got save_steps 2; set it to a multiple"),
    ],
)  # fmt: skip
def test_bad_settings_are_one_line(prompt_files, tiny_policy, tmp_path, training, message, method):
    with pytest.raises(InputError, match=message) as error:
        run(prompt_files, tiny_policy, tmp_path, method=method, **training)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "policy").exists()


def test_bad_prompts_are_one_line(tiny_policy, tmp_path):
    with pytest.raises(ValueError, match="expected prompts to train on, got none in 0 files"):
        run([], tiny_policy, tmp_path)
    primed = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well"})
    rows = [Prompt("f", "p", "en", primed, "en")]
    write_shard(shard_path(tmp_path, 0), rows, Prompt)
    with pytest.raises(ValueError, match="prompts that end with the user's turn"):
        run([shard_path(tmp_path, 0)], tiny_policy, tmp_path / "out")


@pytest.mark.parametrize("method", ["rloo", "grpo"])
def test_pairs_and_online_do_not_mix(method):
    with pytest.raises(ValueError, match="num_preferences counts pairs"):
        TrainConfig(method=method, num_preferences=5)
    with pytest.raises(ValueError, match="balance_languages orders the examples"):
        TrainConfig(balance_languages=True, training={"train_sampling_strategy": "random"})
    json.dumps(TrainConfig(method=method).model_dump(mode="json"))
    with pytest.raises(ValueError, match=f"method {method} compares the completions of a prompt"):
        TrainConfig(method=method, training={"num_generations": 1})
