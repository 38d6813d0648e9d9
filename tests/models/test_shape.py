"""Shapes of models: counted from configs and headers, without a weight."""

import tomllib
from importlib.resources import files

import pytest

from isoglot.lab.shipped import POLICY
from isoglot.models.shape import built_shapes, model_shape

TABLE = tomllib.loads(files("isoglot.models").joinpath("shapes.toml").read_text("utf-8"))
PUBLISHED = {
    "meta-llama/Meta-Llama-3-8B-Instruct": 8_030_261_248,
    "meta-llama/Llama-2-7b-chat-hf": 6_738_415_616,
    "bigscience/bloom-7b1": 7_069_016_064,
    "CohereLabs/aya-23-8B": 8_028_033_024,
    "Qwen/Qwen3-4B": 4_022_468_096,
}
"""The number of parameters that the hub shows for each."""


@pytest.mark.parametrize("name", TABLE)
def test_the_table_has_what_transformers_would_build(name):
    shape, config = model_shape(name, fetch=False), TABLE[name]
    tensors = built_shapes({k: v for k, v in config.items() if k not in ("num_weights", "linear")})
    count = sum(rows * (columns[0] if columns else 1) for rows, *columns in tensors.values())
    assert shape.num_weights == count == PUBLISHED.get(name, count)
    layers = {
        tuple(sizes) for key, sizes in tensors.items()
        if len(sizes) == 2 and not any(part in key for part in ("embed", "lm_head"))
    }  # fmt: skip
    assert {(outputs, inputs) for _, inputs, outputs in shape.linear} == layers


def test_a_folder_is_counted_from_the_headers_of_its_weights():
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(POLICY)
    shape, config = model_shape(str(POLICY)), model.config
    assert shape.num_weights == model.num_parameters()
    assert (shape.num_layers, shape.hidden) == (config.num_hidden_layers, config.hidden_size)
    assert shape.vocabulary == config.vocab_size
    assert shape.num_linear_weights + shape.num_head_weights < shape.num_weights
    assert {name.rsplit(".", 1)[-1] for name, *_ in shape.targets(("q_proj",))} == {"q_proj"}


def test_a_model_that_nothing_says_the_size_of_has_no_shape(tmp_path):
    assert model_shape("nobody/has-this", fetch=False) is None
    assert model_shape(str(tmp_path)) is None
    (tmp_path / "config.json").write_text('{"model_type": "unheard-of", "hidden_size": 8}')
    assert model_shape(str(tmp_path)) is None
