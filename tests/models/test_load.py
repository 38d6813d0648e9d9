"""`engine` selects the sampler of a config; a typo is refused with a did-you-mean."""

import json

import pytest
from pydantic import TypeAdapter

from isoglot.core.errors import InputError
from isoglot.core.section import validated
from isoglot.models.load import ModelConfig, load_sampler, sampler_revision


def read(**values):
    return TypeAdapter(ModelConfig).validate_python(values)


def test_engines(tiny_model, tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"prompt_id": "p", "completion": "7"}))
    for config in (
        read(engine="file", path=path),
        read(engine="transformers", path=str(tiny_model)),
    ):
        sampler = load_sampler(config)
        assert type(sampler).__name__.lower() == f"{config.engine}sampler"
        assert sampler.name.endswith(f"@{sampler_revision(config)}")


def test_unknown_engine_and_key():
    with pytest.raises(InputError, match=r"among auto, transformers, vllm, .*{'engine': 'vlm'}"):
        validated(ModelConfig, {"engine": "vlm", "path": "x", "api_key": "s3cret"}, "model")
    with pytest.raises(InputError, match=r"an engine among .*, got {'kind': 'openai'}$"):
        validated(ModelConfig, {"kind": "openai", "model": "m"}, "model")
    with pytest.raises(ValueError, match="did you mean 'batch_tokens'"):
        read(engine="transformers", path="x", batch_token=3)
