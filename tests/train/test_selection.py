"""The policy that is saved is that of the best check; a killed training chooses the same."""

import json
from itertools import pairwise

import pytest
from by_hand import Killed, largest_difference, preference_rows, write_rows
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.protocols import Sampling
from isoglot.core.records import Prompt
from isoglot.core.store import shard_path, write_shard
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import TransformersSampler
from isoglot.train.dpo import train_dpo
from isoglot.train.online import train_online
from isoglot.train.policy import Policy
from isoglot.train.selection import HeldOut, best_line, check_steps
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft

ROWS = preference_rows()
NUM_NEW_TOKENS = 12
PROMPTS = [
    Prompt.from_text(row["prompt"][0]["content"], language=row["language"], family=row["family"])
    for row in ROWS[-6:]
]
CHOOSE = {"num_families": 6, "num_checks": 6, "max_new_tokens": NUM_NEW_TOKENS}
# Steps of a growing size: at first the policy learns, and then it is thrown about.
TOO_FAST = {
    "per_device_train_batch_size": 6,
    "optim": "sgd",
    "learning_rate": 8.0,
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 24,
    "num_train_epochs": 8,
    "logging_steps": 1,
    "save_steps": 5,
    "use_cpu": True,
    "bf16": False,
}


def learned(_, completions):
    return [float(answer.text.startswith("Quedan")) for answer in completions]


def in_spanish(texts):
    return ["es"] * len(texts)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return [write_rows(tmp_path_factory.mktemp("choose") / "p.parquet", ROWS)]


def sft(files, model, out, reward=learned, choose=CHOOSE, **more):
    config = TrainConfig(method="sft", choose=choose, training=TOO_FAST)
    held_out = HeldOut(PROMPTS, reward, in_spanish)
    return train_sft(files, Policy(str(model)), out, config, seed=0, held_out=held_out, **more)


def curve_of(out):
    return [json.loads(line) for line in (out / "curve.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def overtrained(files, tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("overtrained")
    return out, sft(files, tiny_model, out)


def test_what_was_trained_too_long_is_cut_back(overtrained):
    out, summary = overtrained
    curve = curve_of(out)
    assert summary["curve"] == curve
    assert [line["step"] for line in curve] == [0, 3, 7, 10, 14, 17, 21, 24]
    values = [line["value"] for line in curve]
    assert max(values) == 1.0 > values[-1], "the rate is too high: the end is worse"
    assert summary["chosen_step"] == curve[values.index(max(values))]["step"] not in (0, 24)
    sampler = TransformersSampler(WeightsConfig(path=str(out / "policy"), device="cpu"))
    answers = sampler.sample(PROMPTS, Sampling(max_new_tokens=NUM_NEW_TOKENS))
    assert sum(row[0].text.startswith("Quedan") for row in answers) == 6, "what was measured"
    assert summary["num_preferences"] == 18, "the families that are held out are not trained on"
    assert not (out / "best").exists()


def test_a_line_of_the_curve(overtrained):
    line = curve_of(overtrained[0])[2]
    assert line["reward"] == line["value"] == 1.0
    assert line["off_target"] == pytest.approx(4 / 6)
    assert (line["num_without_reward"], line["n"]) == (0, 6)
    assert list(line["languages"]) == ["en", "es", "sw"]
    assert line["languages"]["es"]["off_target"] == 0
    assert line["num_chars"] > 6


@pytest.mark.parametrize("killed_at", [8, 16])
def test_a_killed_training_chooses_the_same(overtrained, files, tiny_model, tmp_path, killed_at):
    """Killed after the best check and before its checkpoint, and long after it."""

    def kill(step, *_):
        if step == killed_at:
            raise Killed

    with pytest.raises(Killed):
        sft(files, tiny_model, tmp_path, on_step=kill)
    with (tmp_path / "curve.jsonl").open("a") as file:
        file.write('{"step": 17, "val')
    steps = []
    summary = sft(files, tiny_model, tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps[0] == killed_at - killed_at % 5
    assert curve_of(tmp_path) == curve_of(overtrained[0])
    assert summary["chosen_step"] == overtrained[1]["chosen_step"]
    assert largest_difference(tmp_path / "policy", overtrained[0] / "policy") < 1e-6


def test_only_the_weights_that_may_be_needed_are_kept(files, tiny_model, tmp_path):
    kept = {}

    def look(step, *_):
        kept[step] = sorted(int(path.stem) for path in (tmp_path / "best").glob("*.safetensors"))

    sft(files, tiny_model, tmp_path, on_step=look)
    assert kept[2] == [0]
    assert kept[8] == [0, 7], "7 is best; a killed training would go on from 5"
    assert kept[15] == [7], "or from 10"


def test_the_start_may_be_best_and_nothing_may_be_known(files, tiny_model, tmp_path):
    def worse(_, completions):
        return [-value for value in learned(_, completions)]

    summary = sft(files, tiny_model, tmp_path / "start", worse)
    assert summary["chosen_step"] == 0
    assert largest_difference(tmp_path / "start/policy", tiny_model) == 0

    def unknown(_, completions):
        return [None] * len(completions)

    summary = sft(files, tiny_model, tmp_path / "unknown", unknown)
    assert summary["chosen_step"] is None
    assert {line["value"] for line in curve_of(tmp_path / "unknown")} == {None}
    assert largest_difference(tmp_path / "unknown/policy", tiny_model) > 0.01


def test_an_answer_without_a_reward_counts_as_the_recipe_says(files, tiny_model, tmp_path):
    def only_right(_, completions):
        return [value or None for value in learned(_, completions)]

    sft(files, tiny_model, tmp_path, only_right, {**CHOOSE, "unrewarded": 0.0})
    line = curve_of(tmp_path)[0]
    assert (line["value"], line["reward"], line["num_without_reward"]) == (0.0, None, 6)


@pytest.mark.parametrize("lora", [None, {"r": 2, "alpha": 4}])
@pytest.mark.parametrize("method", ["dpo", "rloo", "grpo"])
def test_the_other_methods_choose_too(files, tiny_policy, tmp_path, method, lora):
    """A reward that falls with every check: the start is saved; the check changes no training."""
    falling = iter(range(0, -99, -1))

    def reward(_, completions):
        return [float(next(falling))] * len(completions)

    training = {"per_device_train_batch_size": 6, "max_steps": 3, "learning_rate": 1e-3,
                "use_cpu": True, "bf16": False, "logging_steps": 1}  # fmt: skip
    choose = {"num_families": 2, "num_checks": 1, "max_new_tokens": 4}
    start, held_out = Policy(str(tiny_policy)), HeldOut(PROMPTS[:2], reward, in_spanish)
    for name, more in (("plain", {}), ("chosen", {"choose": choose})):
        given = {"held_out": held_out} if more else {}
        if method == "dpo":
            config = TrainConfig(lora=lora, training=training, **more)
            plain = files if more else [write_rows(tmp_path / "p.parquet", _without_held_out())]
            summary = train_dpo(plain, start, tmp_path / name, config, seed=0, **given)
        else:
            training |= {"max_completion_length": 4, "num_generations": 2}
            write_shard(shard_path(tmp_path, 0), PROMPTS[:5] if more else PROMPTS[2:5], Prompt)
            config = TrainConfig(method=method, lora=lora, training=training, **more)
            summary = train_online(
                [shard_path(tmp_path, 0)], start, tmp_path / name, config,
                lambda _, completions: [float(len(a.text)) for a in completions], in_spanish,
                seed=0, **given,
            )  # fmt: skip
    assert summary["chosen_step"] == 0
    assert [line["step"] for line in summary["curve"]] == [0, 2, 3]
    assert largest_difference(tmp_path / "chosen/policy", tiny_policy) < 1e-6
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("plain", "chosen")]
    assert logs[0] == logs[1], "the checks leave randomness and weights as they were"


def _without_held_out():
    families = {prompt.family for prompt in PROMPTS[:2]}
    return [row for row in ROWS if row["family"] not in families]


def test_one_without_the_other_is_one_line(files, tiny_model, tmp_path):
    config = TrainConfig(method="sft", choose=CHOOSE)
    with pytest.raises(ValueError, match="`choose` together with prompts that are held out"):
        train_sft(files, Policy(str(tiny_model)), tmp_path, config, seed=0)


@given(st.integers(1, 500), st.integers(1, 20))
def test_checks_are_at_the_start_the_end_and_evenly_between(num_steps, num_checks):
    steps = check_steps(num_steps, num_checks)
    assert (steps[0], steps[-1]) == (0, num_steps)
    assert len(steps) <= num_checks + 2
    gaps = {b - a for a, b in pairwise(steps)}
    assert max(gaps) - min(gaps) <= 1


@given(st.lists(st.none() | st.integers(0, 3), max_size=8))
def test_the_best_line_is_the_earliest_of_the_highest(values):
    lines = [{"step": i, "value": value} for i, value in enumerate(values)]
    best, known = best_line(lines), [value for value in values if value is not None]
    assert (best is None) == (not known)
    if best:
        assert best["step"] == values.index(max(known))
