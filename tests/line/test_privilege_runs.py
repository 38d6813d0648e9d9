"""The line of self-distillation: prompts, English answers, contexts, training, page."""

import json

import pytest
from tiny_run import stopping_copy, tiny_recipe

from isoglot.commands.main import main
from isoglot.core.records import PrivilegedPrompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.line.pipeline import run_recipe
from isoglot.recipe.recipe import load_recipe

SDFT = (
    "privilege={}",
    "samplers=[{kind: policy, languages: [en]}]",
    "translate=null",
    "train={method: sdft, training: {num_generations: 1, per_device_train_batch_size: 4, "
    "max_completion_length: 8, save_steps: 1, logging_steps: 1, use_cpu: true, bf16: false}}",
    "privilege.template='{answer}'",
)
SHORT = ("evaluate.validation=null", "evaluate.tasks=[]", "rounds=1")


@pytest.mark.slow
def test_english_answers_become_contexts_and_a_policy(tiny_policy, tmp_path):
    policy = stopping_copy(tiny_policy, tmp_path / "policy")
    out = tmp_path / "run"
    recipe = tiny_recipe(policy, *SDFT, *SHORT, "prompts.num_families=16")
    summary = run_recipe(recipe, out, silent=True)
    stages = {path.parent.name for path in out.glob("round-0/*/done.json")}
    assert stages == {"prompts", "generate", "privilege", "train"}
    paths = shard_paths(out / "round-0/privilege")
    rows = [row for path in paths for row in read_shard(path, PrivilegedPrompt)]
    counts = summary.rounds[0].privileged
    assert {row.language for row in rows} == {"es", "sw"} == set(counts.by_language)
    assert counts.kept == len(rows)
    assert counts.kept + sum(counts.dropped.values()) == 2 * 16
    train = json.loads((out / "round-0/train/train.json").read_text())
    assert set(train["languages"]) == {"es", "sw"}
    assert train["num_prompts"] + sum(train["too_long"].values()) >= counts.kept
    run_recipe(recipe, out, silent=True)
    with pytest.raises(SystemExit):
        main(["report", str(out)])
    assert "Prompts with a context" in (out / "report.html").read_text()
    with pytest.raises(ValueError, match=r"privilege\.shows"):
        run_recipe(tiny_recipe(policy, *SDFT, *SHORT, "prompts.num_families=16",
                               "privilege.shows=another_family"), out, silent=True)  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("privilege=null",), "train.method sdft needs a `privilege:` section"),
        (("train.method=dpo",), "expected train.method sdft, got 'dpo'"),
        (("generate.sampling.num_samples=2",), "the best of several answers, which needs"),
        (("languages=[es, sw]", "samplers=[]"), "and `privilege:` shows its answers; add it"),
        (("privilege.min_reward=1",), "privilege.min_reward needs a `score:` section"),
        (("privilege.show=answer",), "did you mean 'shows'"),
        (("route={}",), "both replace the pairs"),
        (("prompts.cross_lingual={}",), "goes with prompts that are answered in their own"),
    ],
)
def test_bad_recipes_are_one_line(overrides, message):
    with pytest.raises(ValueError, match=message) as error:
        load_recipe("lidr-lab", [*SDFT, *SHORT, *overrides])
    assert "\n" not in str(error.value)
