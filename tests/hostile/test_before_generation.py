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


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.training.learning_rate=-1", "expected a number greater than or equal to 0"),
        ("train.training.lr_scheduler_type=cosin", "cosin is not a valid SchedulerType"),
        ("train.training.push_to_hub=true", "push_to_hub, which uploads a training"),
    ],
)
def test_an_argument_of_the_trainer_is_refused_by_every_verb(override, words, isoglot, tmp_path):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out"
    rows.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')
    setting = override.removeprefix("train.training.")
    for command in (
        ("plan", "lidr-lab", override),
        ("run", "lidr-lab", "--out", out, override),
        ("train", "dpo", rows, "--model", "lab:policy", "--out", out, "--set", setting),
        ("train", "reward", rows, "--model", "lab:policy", "--out", out, "--set", setting),
    ):
        code, _, error = isoglot(*command)
        assert (code, error.count("\n")) == (2, 1), error
        assert words in error
        assert not out.exists()
