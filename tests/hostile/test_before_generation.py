"""A key that a server would miss after hours is missed before anything is written."""

import re

import pytest
from tiny_run import tiny_overrides

SERVER = "{engine: openai, model: m, base_url: 'http://127.0.0.1:9/v1', api_key_env: NO_SUCH_KEY}"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (f"samplers=[{SERVER}]", "key for .* in the environment variable NO_SUCH_KEY, got none"),
        (f"translator={SERVER}", "NO_SUCH_KEY, got none"),
    ],
)
def test_it_is_refused_first(override, words, isoglot, tiny_policy, tmp_path):
    command = "run", "lidr-lab", "--out", tmp_path / "run", *tiny_overrides(tiny_policy), override
    code, _, error = isoglot(*command)
    assert (code, error.count("\n")) == (2, 1), error
    assert re.search(words, error)
    assert not (tmp_path / "run").exists()
