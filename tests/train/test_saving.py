"""What is saved computes what was trained: adapters on tied weights, precisions, the tokenizer."""

import json
from shutil import copytree

import pytest
from architectures import SHAPES, save_model, trained_bpe
from by_hand import demonstration_rows, preference_rows, write_rows
from fixtures.cases import cases

from isoglot.core.errors import InputError, RunError
from isoglot.models.local.adapters import merged
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.probe import CHECK, probe_values, tolerance_of
from isoglot.models.local.transformers import CausalModel
from isoglot.train.dpo import train_dpo
from isoglot.train.policy import Policy
from isoglot.train.probe import check_saved, probe_of
from isoglot.train.reward import RewardTrainConfig, train_reward
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft
from isoglot.train.template import load_training_tokenizer

FAST = {"max_steps": 3, "learning_rate": 0.1, "logging_steps": 1, "use_cpu": True, "bf16": False}


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    """A policy whose embeddings of input and output share their weights."""
    from transformers import AutoModelForCausalLM

    folder = save_model(tmp_path_factory.mktemp("tied") / "m", SHAPES["qwen3"], trained_bpe())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    model = AutoModelForCausalLM.from_pretrained(folder)
    model.lm_head.weight = model.model.embed_tokens.weight
    model.save_pretrained(folder)
    return Policy(str(folder))


def train_case(case, policy, out, tmp_path, **training):
    """Train as a case of `tied_embeddings` says."""
    targets = case.input["how"].rpartition("[" if "[" in case.input["how"] else "=")[2]
    method = "dpo" if "dpo" in case.input["how"] else "sft"
    lora = {"r": 4, "alpha": 32, "targets": targets.strip("]=").split(",")}
    config = TrainConfig(method=method, lora=lora, training={**FAST, **training})
    rows = preference_rows(6) if method == "dpo" else demonstration_rows(6)
    train = train_dpo if method == "dpo" else train_sft
    return train([write_rows(tmp_path / "r.parquet", rows)], policy, out, config, seed=0)


@cases("tied_embeddings")
def test_adapters_on_tied_embeddings_are_saved_as_they_were_trained(case, tied, tmp_path):
    out = tmp_path / "out"
    if "refused" in case.right:
        with pytest.raises(InputError, match="target_modules"):
            train_case(case, tied, out, tmp_path)
        assert not (out / "policy").exists()
        return
    check = train_case(case, tied, out, tmp_path)["check"]
    assert [row["language"] for row in check["rows"]] == ["en", "es", "sw"]
    assert check["of"] == "log-probability a token"
    assert check["tolerance"] == 1e-3
    loaded = CausalModel(WeightsConfig(path=str(out / "policy"), device="cpu"))
    assert not loaded.model.config.tie_word_embeddings
    before = CausalModel(WeightsConfig(path=tied.path, device="cpu")).model
    moved = loaded.model.model.embed_tokens.weight - before.model.embed_tokens.weight
    assert float(moved.detach().abs().max()) > 0.01
    assert float((loaded.model.lm_head.weight - before.lm_head.weight).detach().abs().max()) == 0


def test_a_policy_stays_tied_where_no_adapter_is_on_its_embeddings(tied, tmp_path):
    config = TrainConfig(method="sft", lora={"r": 2}, training={**FAST, "max_steps": 1})
    files = [write_rows(tmp_path / "r.parquet", demonstration_rows(3))]
    train_sft(files, tied, tmp_path / "out", config, seed=0)
    assert json.loads((tmp_path / "out/policy/config.json").read_text())["tie_word_embeddings"]


@pytest.mark.parametrize(
    "how",
    [
        {"target_modules": ["embed_tokens"]},
        {"target_modules": ["embed_tokens"], "use_dora": True},
        {"target_modules": ["embed_tokens", "lm_head"]},
        {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    ],
)
@pytest.mark.filterwarnings("ignore:Model")
def test_a_folder_of_adapters_answers_as_it_was_trained(tied, tmp_path, how):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tied.path)
    model = get_peft_model(base, LoraConfig(r=2, task_type="CAUSAL_LM", **how)).eval()
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data += 0.3 * torch.randn(weight.shape)
    ids = torch.arange(5, 45)[None]
    with torch.no_grad():
        trained = model(ids).logits
    model.save_pretrained(tmp_path / "adapters")
    config = WeightsConfig(path=str(tmp_path / "adapters"), device="cpu", format="plain")
    merged(model).save_pretrained(tmp_path / "whole")
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "whole").eval()
    with torch.no_grad():
        for again in (CausalModel(config).model, whole):
            assert float((again(ids).logits - trained).abs().max()) < 1e-4


def test_every_training_compares_on_a_row_of_each_language(tiny_model, tmp_path):
    files = [write_rows(tmp_path / "r.parquet", preference_rows(6))]
    config = RewardTrainConfig(lora={"r": 2}, training={**FAST, "max_steps": 1})
    check = train_reward(files, Policy(str(tiny_model)), tmp_path / "out", config, seed=0)["check"]
    assert check["of"] == "reward"
    assert [row["language"] for row in check["rows"]] == ["en", "es", "sw"]
    assert all(abs(row["trained"] - row["saved"]) < 1e-3 for row in check["rows"])
    kept = json.loads((tmp_path / "out/policy" / CHECK).read_text())["rows"]
    assert [row["value"] for row in kept] == [row["saved"] for row in check["rows"]]


@pytest.fixture
def probed(tiny_model):
    """A probe, and what the tiny model computes on it."""
    import torch

    policy = Policy(str(tiny_model))
    tokenizer = load_training_tokenizer(policy)
    model = CausalModel(WeightsConfig(path=policy.path, device="cpu")).model
    probe = probe_of(preference_rows(3), tokenizer, model, is_reward=False)
    return probe, probe_values(probe.ids, model, torch.device("cpu"), is_reward=False)


def test_another_policy_or_tokenizer_is_refused(probed, tiny_model, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    probe, values = probed
    check_saved(probe, values, tiny_model, 1e-3, "cpu")
    other = copytree(tiny_model, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    name = "model.layers.1.mlp.down_proj.weight"
    save_file({**weights, name: torch.zeros_like(weights[name])}, other / "model.safetensors")
    with pytest.raises(RunError, match=r"a token of the trained policy .* came -\d.* in en; the"):
        check_saved(probe, values, other, 0.01, "cpu")
    save_file({**weights, name: weights[name] * float("nan")}, other / "model.safetensors")
    with pytest.raises(RunError, match="came nan"):
        check_saved(probe, values, other, 0.5, "cpu")
    save_file(weights, other / "model.safetensors")
    template = other / "chat_template.jinja"
    template.write_text(template.read_text().replace("<|end|>", "<|eos|>"))
    with pytest.raises(RunError, match="tokens of the training from the saved tokenizer"):
        check_saved(probe, values, other, 0.5, "cpu")


def test_rounding_is_within_the_tolerance(probed, tiny_model, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM

    probe, values = probed
    other = copytree(tiny_model, tmp_path / "other")
    AutoModelForCausalLM.from_pretrained(tiny_model).to(torch.bfloat16).save_pretrained(other)
    check_saved(probe, values, other, tolerance_of("float32", "bfloat16"), "cpu")
    with pytest.raises(RunError):
        check_saved(probe, values, other, 1e-5, "cpu")
    assert tolerance_of("float32", "float32") < tolerance_of("16bit", "float32")
    assert tolerance_of("float32", "float16") < tolerance_of("4bit", "bfloat16")


def test_nothing_is_kept_of_a_refused_policy(tiny_model, tmp_path):
    """Its checkpoint has float16, in which one of its weights is infinite."""
    from safetensors.torch import load_file, save_file

    folder, out = copytree(tiny_model, tmp_path / "m"), tmp_path / "out"
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "dtype": "float16"}))
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.0.mlp.down_proj.weight"][0, 0] = 1e5
    save_file(weights, folder / "model.safetensors")
    config = TrainConfig(method="sft", training={**FAST, "max_steps": 1, "save_steps": 1})
    files = [write_rows(tmp_path / "r.parquet", demonstration_rows(3))]
    with pytest.raises(RunError, match=r"the policy is not kept\. Train other modules"):
        train_sft(files, Policy(str(folder)), out, config, seed=0)
    assert not {"policy", "policy.tmp", "train.json"} & {path.name for path in out.iterdir()}
    assert (out / "checkpoints").exists(), "so that nothing is trained twice"
