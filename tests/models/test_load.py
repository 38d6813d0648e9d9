"""A recipe's `kind` chooses the sampler; a typo dies with a did-you-mean."""

import json

import pytest
from pydantic import TypeAdapter

from isoglot.models.load import ModelConfig, load_sampler, sampler_revision


def read(**values):
    return TypeAdapter(ModelConfig).validate_python(values)


def test_kinds(tiny_model, tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"prompt_id": "p", "completion": "7"}))
    for config in (read(kind="file", path=path), read(kind="transformers", path=str(tiny_model))):
        sampler = load_sampler(config)
        assert type(sampler).__name__.lower() == f"{config.kind}sampler"
        assert sampler.name.endswith(f"@{sampler_revision(config)}")


def test_unknown_kind_and_key():
    with pytest.raises(ValueError, match="'transformers', 'file'"):
        read(kind="transformer", path="x")
    with pytest.raises(ValueError, match="did you mean 'batch_tokens'"):
        read(kind="transformers", path="x", batch_token=3)
