"""The line of an online recipe: prompts, training on the policy's own answers, measuring, page."""

import json
from pathlib import Path

import pytest
from tiny_run import tiny_recipe

from isoglot.commands.main import main
from isoglot.line.pipeline import run_recipe
from isoglot.recipe.recipe import load_recipe

pytestmark = pytest.mark.slow

SCORE = "score={scorers: [{kind: gold, grader: last_number}], gates: [wrong_language, cut_off]}"
TRAIN = (
    "train={method: rloo, training: {num_generations: 2, per_device_train_batch_size: 6, "
    "max_completion_length: 8, save_steps: 1, logging_steps: 1, use_cpu: true, bf16: false}}"
)
CHOOSE = "train.choose={num_families: 1, num_checks: 1, max_new_tokens: 8, unrewarded: 0}"
ONLINE = (SCORE, TRAIN, CHOOSE, "evaluate.validation=null", "prompts.num_families=4")


@pytest.fixture(scope="module")
def online_run(tiny_policy, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("online") / "run"
    run_recipe(tiny_recipe(tiny_policy, *ONLINE), out, silent=True)
    return out


def test_two_rounds_from_prompts_to_policies(online_run):
    summary = json.loads((online_run / "summary.json").read_text())
    assert [round["policy"] for round in summary["rounds"]] == ["M0", "M1", "M2"]
    assert [round["pairs"] for round in summary["rounds"]] == [None, None, None]
    assert all(round["results"] for round in summary["rounds"])
    stages = {path.parent.name for path in online_run.glob("round-0/*/done.json")}
    assert stages == {"prompts", "train"}
    for round in summary["rounds"][:2]:
        folder = online_run / f"round-{round['round']}/train"
        lines = [json.loads(line) for line in (folder / "log.jsonl").open()]
        by_language = [row for line in lines for row in line["languages"].values()]
        completed = sum(row["n"] * row["num_tokens"] for row in by_language)
        assert round["tokens"]["written"] == pytest.approx(completed, abs=0.5)
        assert completed > 0
        assert round["tokens"]["trained"] > completed, "with their prompts"
    rows = json.loads((online_run / "round-0/train/train.json").read_text())["languages"]
    assert set(rows) == {"en", "es", "sw"}
    assert all({"reward", "kl", "num_without_reward"} <= row.keys() for row in rows.values())
    assert summary["rounds"][2]["choice"] is None
    for round in summary["rounds"][:2]:
        assert [line["step"] for line in round["choice"]["curve"]] == [0, 4, 9]
        assert round["choice"]["chosen_step"] in (0, 4, 9)


def test_two_processes_answer_and_choose_as_one(online_run, tiny_policy, tmp_path):
    launch = ("launch={num_processes: 2}", "train.training.per_device_train_batch_size=3")
    short = ("rounds=1", "evaluate.tasks=[]")
    run_recipe(tiny_recipe(tiny_policy, *ONLINE, *short, *launch), tmp_path / "run", silent=True)
    one, two = (
        json.loads((folder / "round-0/train/train.json").read_text())
        for folder in (online_run, tmp_path / "run")
    )
    assert two.keys() == one.keys()
    same = ("num_prompts", "num_steps")
    assert [two[key] for key in same] == [one[key] for key in same]
    assert [line["step"] for line in two["curve"]] == [0, 4, 9]
    assert two["curve"][0] == one["curve"][0], "each process answers its share of the prompts"
    logs = [
        [json.loads(line) for line in (folder / "round-0/train/log.jsonl").open()]
        for folder in (online_run, tmp_path / "run")
    ]
    shares = [
        [{k: row["n"] for k, row in line["languages"].items()} for line in log] for log in logs
    ]
    assert shares[0] == shares[1], "the same prompts in each step"
    assert not (tmp_path / "run/round-0/train/best").exists()


def test_it_is_resumed_without_a_model(online_run, tiny_policy):
    before = (online_run / "round-1/train/policy/model.safetensors").stat().st_mtime_ns
    run_recipe(tiny_recipe(tiny_policy, *ONLINE), online_run, silent=True)
    assert (online_run / "round-1/train/policy/model.safetensors").stat().st_mtime_ns == before
    changed = SCORE.replace("cut_off", "unknown_language")
    with pytest.raises(ValueError, match="gates"):
        run_recipe(tiny_recipe(tiny_policy, *ONLINE, changed), online_run, silent=True)


def test_console_and_page_work_without_pairs(online_run, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["report", str(online_run)])
    assert ended.value.code == 0
    assert "pairs" not in capsys.readouterr().out
    page = (online_run / "report.html").read_text()
    assert "No round has pairs yet" not in page
    assert "oracle" not in page
    assert "Checkpoint selection" in page
    assert "saved: step" in page


def test_pairs_are_chosen_by_too(tiny_policy, tmp_path):
    """The scorers of a recipe of pairs, on the prompts of the families that are not paired."""
    short = ("rounds=1", "evaluate.validation=null", "evaluate.tasks=[]", SCORE, CHOOSE)
    summary = run_recipe(tiny_recipe(tiny_policy, *short), tmp_path / "run", silent=True)
    train = tmp_path / "run/round-0/train"
    assert summary.rounds[0].choice.curve[0].n == 3, "one family in three languages"
    told = json.loads((train / "train.json").read_text())
    kept = summary.rounds[0].pairs.kept
    assert kept - 6 <= told["num_preferences"] <= kept
    families = "train.choose.num_families=8"
    with pytest.raises(ValueError, match=r"more than the 8 families .* came 8; set train"):
        run_recipe(tiny_recipe(tiny_policy, *short, families), tmp_path / "all", silent=True)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ((TRAIN,), "train.method rloo needs a `score:` section"),
        ((SCORE, TRAIN, "train.training.num_generations=1"), "num_generations: 2} or more, got 1"),
        ((SCORE, TRAIN, "train.num_preferences=9"), "prompts.num_families"),
        ((CHOOSE,), "train.choose needs a `score:` section"),
        ((SCORE, "train.choose={num_check: 2}"), "did you mean 'num_checks'"),
    ],
)
def test_bad_recipes_are_one_line(overrides, message):
    with pytest.raises(ValueError, match=message) as error:
        load_recipe("lidr-lab", overrides)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.training.betta=1", "did you mean 'beta'"),
        ("train.training.use_vllm=true", "expected the package vllm"),
    ],
)
def test_bad_settings_are_known_before_anything_runs(tiny_policy, tmp_path, override, message):
    with pytest.raises(ValueError, match=message):
        run_recipe(tiny_recipe(tiny_policy, *ONLINE, override), tmp_path / "run", silent=True)
    assert not (tmp_path / "run/round-0").exists()
