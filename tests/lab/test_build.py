"""The shipped policy is what the design allows, and building one follows from its seed."""

import json

import pytest

from isoglot.lab.build import build
from isoglot.lab.shipped import MODELS, POLICY, lab_path
from isoglot.models.local.weights import model_revision


def test_the_shipped_policy_is_a_small_llama():
    config = json.loads((POLICY / "config.json").read_text())
    weights = (POLICY / "model.safetensors").stat().st_size
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert weights <= 8_000_000
    assert weights / 2 <= 3_000_000  # float16 parameters
    assert "auto_map" not in config  # no code comes with the checkpoint


def test_nothing_is_built_over_what_is_there(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"there already, with notes\.txt"):
        build(tmp_path, seed=0, num_steps=1, silent=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["policy", "teacher", "hasty", "english", "translator"])
def test_every_model_is_built_from_its_seed(tmp_path, name):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        build(tmp_path / folder, name, seed=seed, num_steps=1, silent=True)
    revisions = [model_revision(str(tmp_path / folder)) for folder in "abc"]
    assert revisions[0] == revisions[1] != revisions[2]


def test_an_unknown_model_is_named(tmp_path):
    with pytest.raises(ValueError, match="not 'techer'"):
        build(tmp_path / "new", "techer")


def test_the_package_is_small():
    sizes = {file.parent.name: file.stat().st_size for file in MODELS.rglob("*.safetensors")}
    assert sizes.pop("almanac") <= 4_000_000
    assert sum(sizes.values()) <= 12_500_000


@pytest.mark.parametrize("folder", sorted(MODELS.iterdir()), ids=lambda folder: folder.name)
def test_weights_are_stored_in_half_the_room_and_loaded_in_full(folder):
    import torch
    from safetensors import safe_open
    from transformers import AutoModel

    with safe_open(folder / "model.safetensors", "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118
    assert {weight.dtype for weight in AutoModel.from_pretrained(folder).parameters()} == {
        torch.float32
    }


def test_a_name_of_the_lab_is_a_folder_of_the_package():
    assert lab_path("lab") == lab_path("lab:policy") == str(POLICY)
    assert lab_path("lab/teacher") == "lab/teacher"  # somebody's model on the hub
    assert lab_path("labour") == "labour"
    with pytest.raises(ValueError, match=r"expected one of .*lab:policy"):
        lab_path("lab:techer")
