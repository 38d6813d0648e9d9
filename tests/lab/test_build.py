"""The shipped policy is what the design allows, and building one follows from its seed."""

import json

import pytest

from isoglot.lab.build import POLICY, build
from isoglot.models.transformers import model_revision


def test_the_shipped_policy_is_a_small_llama():
    config = json.loads((POLICY / "config.json").read_text())
    weights = (POLICY / "model.safetensors").stat().st_size
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert weights <= 8_000_000
    assert weights / 4 <= 3_000_000  # float32 parameters
    assert "auto_map" not in config  # no code comes with the checkpoint


def test_the_same_seed_builds_the_same_policy(tmp_path):
    build(tmp_path / "a", seed=3, num_steps=2, silent=True)
    build(tmp_path / "b", seed=3, num_steps=2, silent=True)
    build(tmp_path / "c", seed=4, num_steps=2, silent=True)
    revisions = [model_revision(str(tmp_path / name)) for name in "abc"]
    assert revisions[0] == revisions[1] != revisions[2]


def test_nothing_is_built_over_what_is_there(tmp_path):
    with pytest.raises(ValueError, match="already there"):
        build(tmp_path, seed=0, num_steps=1, silent=True)
