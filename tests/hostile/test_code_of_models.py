"""Code that comes with a checkpoint is never run, and nobody is asked whether to."""

import json
import subprocess
import sys
from shutil import copytree

import pytest

pytestmark = pytest.mark.slow

CODE = """
from pathlib import Path
Path({mark!r}).write_text("run")
class Own: pass
"""
TRY = """
import sys
from isoglot.core.errors import InputError
from isoglot.core.scorers import RewardModelConfig
from isoglot.line.own_training import OwnTraining, own_shards
from isoglot.models.load import load_sampler
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.embedding import HiddenStates
from isoglot.models.local.reward import RewardModel
from isoglot.models.translation.seq2seq import Seq2SeqConfig, load_codes
from isoglot.recipe.sources import named_source
from isoglot.train.policy import Policy
from pathlib import Path

folder, rows, out = sys.argv[1:]

def train():
    training = OwnTraining.of_settings("sft", ["max_steps=1"])
    shards = own_shards("sft", [named_source(rows)], Path(out), language="en")
    training.run(shards, Policy(folder), Path(out), seed=1)

for use in (
    lambda: load_sampler(WeightsConfig(path=folder, format="plain")),
    lambda: RewardModel(RewardModelConfig(path=folder)),
    lambda: HiddenStates(WeightsConfig(path=folder, format="plain"), 0.5),
    lambda: load_codes(Seq2SeqConfig(path=folder), ["en"]),
    train,
):
    try:
        use()
        print("loaded")
    except InputError as error:
        print("refused", str(error).count("\\n"), "needs code of its own" in str(error))
"""


@pytest.fixture
def planted(tiny_policy, tmp_path):
    """A copy of a model whose files name code beside it."""
    folder = copytree(tiny_policy, tmp_path / "m")
    (folder / "own.py").write_text(CODE.format(mark=str(tmp_path / "mark")))
    names = "AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification"
    classes = dict.fromkeys(names, "own.Own") | {"AutoTokenizer": ["own.Own", "own.Own"]}
    for name in ("config.json", "tokenizer_config.json"):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, "auto_map": classes}))
    return folder


def uses(folder, tmp_path):
    """What becomes of each use of the model, where standard input says yes to everything."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "a", "completion": "b"}\n')
    command = [sys.executable, "-c", TRY, folder, rows, tmp_path / "out"]
    done = subprocess.run(command, input="y\n" * 50, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[y/N]" not in done.stdout + done.stderr
    return done.stdout.splitlines()


def test_a_model_that_needs_no_code_is_read_without_it(planted, tmp_path):
    found = uses(planted, tmp_path)
    assert [line for line in found if line.startswith(("loaded", "refused"))] == [
        "loaded", "refused 0 False", "loaded", "refused 0 False", "loaded",
    ]  # fmt: skip
    assert not (tmp_path / "mark").exists()


def test_a_model_that_needs_code_is_refused(planted, tmp_path):
    for name in ("config.json", "tokenizer_config.json"):
        content = json.loads((planted / name).read_text())
        own = {"model_type": "own"} if name == "config.json" else {"tokenizer_class": "Own"}
        (planted / name).write_text(json.dumps({**content, **own}))
    assert uses(planted, tmp_path) == ["refused 0 True"] * 5
    assert not (tmp_path / "mark").exists()
