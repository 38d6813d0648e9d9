"""Checkpoints that are damaged: one line that names the file, before anything is generated."""

import json
import struct
from shutil import copytree

import pytest

from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampling
from isoglot.core.records import Prompt
from isoglot.models.load import load_sampler
from isoglot.models.local.config import WeightsConfig

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n"
DAMAGE = {
    "a list": b"[]",
    "null": b"null",
    "nothing": b"",
    "half": b'{"a": 1, "b',
    "a pointer": POINTER,
    "bytes": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
}
OBJECTS = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"]
WEIGHTS = "model.safetensors"


def answer_of(folder):
    sampler = load_sampler(WeightsConfig(path=str(folder), device="cpu"))
    return sampler.sample([Prompt.from_text("Habari?", language="sw")], Sampling(max_new_tokens=2))


@pytest.fixture
def broken(tiny_model, tmp_path):
    """The line that a checkpoint with another file in it is refused with."""

    def load(name, content):
        folder = copytree(tiny_model, tmp_path / "m")
        (folder / name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            answer_of(folder)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 700
        return str(caught.value)

    return load


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", OBJECTS)
def test_a_json_file_that_is_no_object(broken, name, damage):
    assert f"{name}" in broken(name, DAMAGE[damage])


@pytest.mark.parametrize("damage", ["nothing", "half", "garbage", "a pointer", "a header", "huge"])
def test_weights_that_are_not_whole(broken, tiny_model, damage):
    whole = (tiny_model / WEIGHTS).read_bytes()
    content = {
        "nothing": b"",
        "half": whole[: len(whole) // 2],
        "garbage": b"\xff" * 1000,
        "a pointer": POINTER,
        "a header": struct.pack("<Q", 2) + b"[]",
        "huge": struct.pack("<Q", 2**60) + whole[8:],
    }[damage]
    told = broken(WEIGHTS, content)
    assert WEIGHTS in told
    assert ("Git LFS" in told) == (damage == "a pointer")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"hidden_size": 64}, "weights of other shapes than its config.json says"),
        ({"vocab_size": 10}, "weights of other shapes than its config.json says"),
        ({"num_hidden_layers": 0}, "a config.json with none"),
        ({"num_hidden_layers": 3}, "got none for model.layers.2"),
        ({"num_attention_heads": 7}, "expected a checkpoint that transformers reads"),
        ({"hidden_size": "many"}, "expected a checkpoint that transformers reads"),
        ({"model_type": "nope"}, "expected a checkpoint that transformers reads"),
        ({"model_type": None}, "expected a checkpoint that transformers reads"),
        ({"hidden_size": -1}, "expected a checkpoint that transformers reads"),
    ],
)
def test_a_config_that_is_not_that_of_the_weights(broken, tiny_model, values, told):
    config = json.loads((tiny_model / "config.json").read_text())
    assert told in broken("config.json", json.dumps(config | values).encode())


def test_an_end_that_is_no_token(broken):
    assert "got 'x'" in broken("generation_config.json", b'{"eos_token_id": "x"}')


@pytest.mark.parametrize("name", ["generation_config.json", "tokenizer_config.json"])
def test_a_file_that_a_checkpoint_may_lack(tiny_model, tmp_path, name):
    folder = copytree(tiny_model, tmp_path / "m")
    (folder / name).unlink()
    ((sampled,),) = answer_of(folder)
    assert sampled.finish_reason == "length"
