"""`isoglot train sft`: from a user's file to a policy, and one line for what went wrong."""

import json

import pytest

from isoglot.train.settings import TrainConfig

FEW = ("--set", "max_steps=1", "--set", "logging_steps=1", "--set", "use_cpu=true")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.jsonl"
    rows = [
        {"prompt": f"How many of {i}?", "completion": f"{i} \x1b[31m", "language": tag}
        for i in range(3)
        for tag in ("en", "sw", "es")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_becomes_a_policy(isoglot, file, tiny_model, tmp_path):
    command = ("train", "sft", file, "--model", tiny_model, "--out", tmp_path / "out", *FEW)
    mixing = ("--set", "lora.r=2", "--set", "mixing.method=uniform")
    code, out, err = isoglot(*command, *mixing, "--languages", "en,sw")
    assert code == 0, err
    assert "Traceback" not in err
    assert [line.split()[0] for line in out.splitlines()] == ["en", "sw", "policy:"]
    summary = json.loads((tmp_path / "out/train.json").read_text())
    assert summary["num_demonstrations"] == 6
    inputs = json.loads((tmp_path / "out/inputs.json").read_text())
    assert inputs["config"]["lora"]["r"] == 2
    code, again, _ = isoglot(*command, *mixing, "--languages", "en,sw")
    assert (code, again) == (0, out), "done is not done again"


def test_a_check_prints_what_the_model_reads(isoglot, file, tiny_model, tmp_path):
    out = tmp_path / "out"
    code, printed, err = isoglot(
        "train", "sft", file, "--model", tiny_model, "--out", out, "--check"
    )
    assert code == 0, err
    assert "sw       prompt     '<|user|>How many of 0?<|end|><|assistant|>'\n" in printed
    assert "sw       completion '0 \\x1b[31m<|end|>'\n" in printed, "escaped, for the terminal"
    assert printed.count("\n") == 6
    assert not (out / "policy").exists()


def test_what_is_wrong_is_one_line(isoglot, file, tiny_model, tmp_path):
    command = ("train", "sft", "--model", tiny_model, "--out", tmp_path / "out")
    for arguments, message in (
        ((file, "--languages", "en,de"), "in every language, got none in de; see"),
        ((file, "--set", "learning_rat=1"), "did you mean 'learning_rate'?"),
        ((file, "--set", "mixing.methd=uniform"), "did you mean 'method'?"),
        ((tmp_path / "nowhere.jsonl",), "nowhere.jsonl: expected a file or a glob"),
    ):
        code, _, err = isoglot(*command, *arguments)
        assert (code, message in err) == (2, True), err
        assert err.count("\n") == 1
        assert not (tmp_path / "out/policy").exists()


def test_the_keys_of_a_section_are_known():
    from isoglot.commands.train import _config

    config = _config(["lora.r=4", "learning_rate=1e-4", "training.max_length=99"])
    assert config == TrainConfig(
        method="sft", lora={"r": 4}, training={"max_length": 99, "learning_rate": 1e-4}
    )


def test_data_without_a_set_to_measure_is_refused(isoglot, tmp_path):
    command = ("train", "reward", tmp_path / "none.parquet", "--model", "none", "--data", tmp_path)
    code, _, err = isoglot(*command)
    assert (code, "--data has the published sets that --eval names" in err) == (2, True), err
