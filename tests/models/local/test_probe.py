"""A policy of our own is compared on loading with what it computed when it was saved."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from isoglot.core.errors import InputError
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.probe import CHECK, probe_values, write_check
from isoglot.models.local.transformers import CausalModel

ROWS = ([5, 9, 14, 7, 3], [4, 4, 8, 11])


def load(folder):
    return CausalModel(WeightsConfig(path=str(folder), device="cpu", dtype="float32")).model


@pytest.fixture
def saved(tiny_model, tmp_path):
    """A folder with the values of its model on two rows."""
    folder = tmp_path / "policy"
    shutil.copytree(tiny_model, folder)
    values = probe_values(ROWS, load(folder), torch.device("cpu"), is_reward=False)
    rows = [{"language": t, "saved": v} for t, v in zip(("en", "sw"), values, strict=True)]
    write_check(folder, rows, ROWS, "float32", is_reward=False)
    return folder


def test_the_model_that_was_saved_is_loaded(saved):
    assert load(saved).config.vocab_size


def test_other_weights_are_refused_by_language_and_value(saved):
    path = next(saved.glob("*.safetensors"))
    weights = load_file(path)
    name = next(name for name in weights if name.endswith("norm.weight"))
    weights[name] = weights[name] * 1.5
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"policy: expected the log-probability .* in en \(iso"):
        load(saved)
    (saved / CHECK).unlink()
    assert load(saved).config.vocab_size, "on purpose"


def test_rounding_is_no_other_policy(saved):
    model = AutoModelForCausalLM.from_pretrained(saved, dtype="bfloat16")
    model.save_pretrained(saved)
    check = json.loads((saved / CHECK).read_text())
    (saved / CHECK).write_text(json.dumps({**check, "dtype": "bfloat16"}))
    assert load(saved).config.vocab_size


@pytest.mark.parametrize("content", ["{}", "[]", '{"rows": [{}], "is_reward": false}', "no json"])
def test_a_damaged_file_is_one_line(saved, content):
    (saved / CHECK).write_text(content)
    with pytest.raises(InputError, match=r"isoglot_check\.json"):
        load(saved)
