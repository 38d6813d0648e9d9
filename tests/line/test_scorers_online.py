"""Online training by scorers that look at siblings, at English, or at code of one's own."""

import json

import pytest
from tiny_model import save_tiny_model
from tiny_run import tiny_recipe

from isoglot.line.pipeline import run_recipe

pytestmark = pytest.mark.slow

TRAIN = (
    "train={method: rloo, training: {num_generations: 2, per_device_train_batch_size: 6, "
    "max_completion_length: 8, save_steps: 1, logging_steps: 1, use_cpu: true, bf16: false}}"
)
SOURCE = """
seen = []

def score(prompts, completions):
    seen.append(len(completions))
    return [float(len(row.text)) for row in completions]
"""


def test_rewards_of_siblings_of_english_prompts_and_of_own_code(tiny_policy, tmp_path, monkeypatch):
    (tmp_path / "online_rewards.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    other = save_tiny_model(tmp_path / "other", seed=7)
    config = (other / "config.json").read_text("utf-8")
    room = config.replace('"max_position_embeddings": 128', '"max_position_embeddings": 8192')
    assert room != config
    (other / "config.json").write_text(room, "utf-8")  # for the request to a judge
    scorers = (
        "score.scorers=[{kind: python, path: 'online_rewards:score', weight: 0}, "
        f"{{kind: siblings, model: {other}}}, "
        f"{{kind: implicit_reward, reference: {other}, length_penalty: 0.1}}]"
    )
    settings = ("evaluate.validation=null", "evaluate.tasks=[]", "rounds=1", "unseen_languages=[]")
    recipe = tiny_recipe(
        tiny_policy, "score={scorers: []}", scorers, TRAIN, "prompts.num_families=4", *settings
    )
    run_recipe(recipe, tmp_path / "run", silent=True)
    rows = [json.loads(line) for line in (tmp_path / "run/round-0/train/log.jsonl").open()]
    languages = {tag for row in rows for tag in row["languages"]}
    assert languages == {"en", "es", "sw"}
    known = [row for line in rows for row in line["languages"].values()]
    assert any(row["reward"] is not None for row in known)
    assert {row["num_without_reward"] for row in known} <= {0, 1, 2}

    import online_rewards

    assert set(online_rewards.seen[1:]) == {6}, "the batches of training; first the trial"
    summary = json.loads((tmp_path / "run/summary.json").read_text("utf-8"))
    assert summary["own_code"] == ["online_rewards:score"]
