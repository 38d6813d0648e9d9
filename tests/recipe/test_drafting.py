"""`isoglot new`: a draft for each method is a recipe that fits the device it was written for."""

import json

import pytest

from isoglot.commands.main import main
from isoglot.core.yaml import read_yaml
from isoglot.line.memory import stage_memories
from isoglot.models.memory import GIB, Device
from isoglot.models.shape import model_shape
from isoglot.recipe.drafting import DRAFT_METHODS, DraftSource, draft_recipe
from isoglot.recipe.recipe import load_recipe
from isoglot.train.arguments import check_training

MODEL = "Qwen/Qwen3-4B-Instruct-2507"
SHAPE = model_shape(MODEL, fetch=False)
ALPACA = DraftSource({"kind": "hub", "path": "tatsu-lab/alpaca", "language": "en"}, "en")
DEVICES = {
    "16": (Device("a", 16 * GIB), 1),
    "24": (Device("a", 24 * GIB), 1),
    "80": (Device("a", 80 * GIB), 1),
    "8x80": (Device("a", 80 * GIB), 8),
    "cpu": (Device("cpu", 64 * GIB, can_bfloat16=False, is_cpu=True), 1),
}


def isoglot(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


@pytest.mark.parametrize("size", DEVICES)
@pytest.mark.parametrize("method", DRAFT_METHODS)
def test_every_stage_of_a_draft_fits(method, size):
    device, num = DEVICES[size]
    draft = draft_recipe(method, "mine", MODEL, SHAPE, ["en", "sw", "th"], ALPACA, device, num)
    stages = stage_memories(draft.recipe, device, fetch=False)
    assert {"train", "evaluate"} <= {each.stage for each in stages}
    assert all(each.memory.total <= device.usable for each in stages), stages
    assert read_yaml(draft.text, "mine")["policy"]["path"] == MODEL
    assert draft.text.startswith("# ")
    assert max(map(len, draft.text.splitlines())) <= 100
    for each in draft.recipe.different_rounds:
        check_training(each.train.model_copy(update={"quantization": None}))
        training = each.train.training
        rows = training["per_device_train_batch_size"] * training["gradient_accumulation_steps"]
        assert rows * num == 64
        assert (each.launch is None) == (num == 1)


def test_all_weights_are_trained_where_they_fit_and_adapters_elsewhere():
    def lora(size):
        device, num = DEVICES[size]
        return draft_recipe("lidr", "m", MODEL, SHAPE, ["en", "sw"], ALPACA, device, num)

    assert lora("8x80").recipe.train.lora is None
    assert lora("8x80").recipe.launch.config == "fsdp2"
    assert lora("24").recipe.train.lora is not None
    assert lora("24").recipe.train.training["learning_rate"] == 5e-6
    assert lora("8x80").recipe.train.training["learning_rate"] == 1e-6


def test_a_draft_that_nothing_fits_is_one_line():
    with pytest.raises(ValueError, match=r"holds the training of 4.0 billion weights, got 2 GiB"):
        draft_recipe("lidr", "m", MODEL, SHAPE, ["en", "sw"], ALPACA, Device("a", 2 * GIB))
    with pytest.raises(ValueError, match="expected two languages or more for lidr, got en"):
        draft_recipe("lidr", "m", MODEL, SHAPE, ["en"], ALPACA, Device("a", 24 * GIB))


def write_rows(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def test_the_command_writes_a_recipe_and_its_plan(capsys, tmp_path):
    rows = [
        {"id": i, "lang": tag, "instruction": text}
        for i in range(4)
        for tag, text in (("en", f"How many apples are left of {i}?"), ("sw", f"Maapulo {i}?"))
    ]
    data, out = write_rows(tmp_path / "p.jsonl", rows), tmp_path / "mine.yaml"
    given = ("new", "lidr", "--model", "lab", "--languages", "en,sw", "--out", str(out))
    code, printed, err = isoglot(capsys, *given, "--data", data, "--gpu", "cpu")
    assert code == 0, err
    assert "GiB" in printed
    assert f"next: isoglot run {out}\n" in err
    recipe = load_recipe(out)
    assert recipe.prompts.source.path == data
    assert recipe.prompts.translate_from is None, "the rows are in both languages"
    assert recipe.policy.engine == "transformers"
    code, _, err = isoglot(capsys, *given)
    assert code == 2
    assert "which exists; give --out" in err


def test_rows_in_one_language_are_translated(capsys, tmp_path):
    rows = [{"instruction": f"Name {i} animals that live in the sea."} for i in range(5)]
    data, out = write_rows(tmp_path / "p.jsonl", rows), tmp_path / "mine.yaml"
    given = ("--model", MODEL, "--languages", "en,sw,th", "--data", data, "--gpu", "8x80GB")
    code, _, err = isoglot(capsys, "new", "rlhf-dpo", *given, "--out", str(out))
    assert code == 0, err
    recipe = load_recipe(out)
    assert (recipe.prompts.translate_from, recipe.prompts.source.language) == ("en", "en")
    assert recipe.launch.num_processes == 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--gpu", "large"), "expected a memory such as 24GB or 8x80GB"),
        (("--languages", "en,xx-none"), "xx-none"),
        (("--data", "/none/here.jsonl"), "/none/here.jsonl"),
        (("--model", "/none/model"), "expected a model whose config.json says its sizes"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    usual = {"--model": MODEL, "--languages": "en,sw", "--gpu": "24GB"}
    given = usual | dict([arguments])
    words_given = [word for pair in given.items() for word in pair]
    code, _, err = isoglot(capsys, "new", "lidr", *words_given)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_shipped_recipe_is_printed_as_it_is(capsys):
    code, out, _ = isoglot(capsys, "recipes", "lidr-lab")
    assert code == 0
    assert read_yaml(out, "printed")["name"] == "lidr-lab"
    code, _, err = isoglot(capsys, "recipes", "lidr-labb")
    assert code == 2
    assert "did you mean 'lidr-lab'" in err
