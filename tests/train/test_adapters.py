"""Adapters: what the libraries are given for QLoRA, merging, starting from a folder of them."""

import json
import shutil

import pytest
from architectures import SHAPES, save_model, trained_bpe
from by_hand import demonstration_rows, largest_difference, weights, write_rows

from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.transformers import CausalModel
from isoglot.models.local.weights import model_revision
from isoglot.train.adapters import (
    LoraConfig,
    QuantizationConfig,
    peft_config,
    quantization_arguments,
)
from isoglot.train.arguments import check_training, training_arguments
from isoglot.train.policy import Policy
from isoglot.train.saving import on_full_base
from isoglot.train.settings import TrainConfig
from isoglot.train.sft import train_sft


@pytest.fixture(scope="session")
def adapted(tiny_model):
    """The tiny model under adapters that do something."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    model = get_peft_model(base, peft_config(LoraConfig(r=2, alpha=4)))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_()
    return model


@pytest.fixture(scope="session")
def adapters(adapted, tmp_path_factory):
    """The folder that PEFT saves: no tokenizer, no base."""
    folder = tmp_path_factory.mktemp("adapters") / "tiny-lora"
    adapted.save_pretrained(folder)
    return folder


def test_what_bitsandbytes_is_asked_for(tiny_model, tmp_path):
    import torch
    from transformers import BitsAndBytesConfig

    given = BitsAndBytesConfig(**quantization_arguments(QuantizationConfig(type="fp4")))
    assert given.load_in_4bit
    assert (given.bnb_4bit_quant_type, given.bnb_4bit_use_double_quant) == ("fp4", True)
    assert given.bnb_4bit_compute_dtype in (torch.bfloat16, torch.float16)
    config = TrainConfig(method="sft", lora={}, quantization={"double_quant": False})
    assert config.quantization == QuantizationConfig(bits=4, type="nf4", double_quant=False)
    args = training_arguments(config, Policy(str(tiny_model)), tmp_path, seed=1)
    assert args.model_init_kwargs == {
        "trust_remote_code": False,
        "device_map": {"": 0},
        "dtype": "float32",
    }


def test_quantization_without_what_it_needs_is_one_line():
    import torch

    with pytest.raises(ValueError, match="cannot be trained itself; add `lora`"):
        TrainConfig(quantization={})
    with pytest.raises(ValueError, match="did you mean 'double_quant'"):
        TrainConfig(lora={}, quantization={"double_quan": True})
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match=r"isoglot\[qlora\]|expected a GPU for train.quantization"):
        check_training(TrainConfig(method="sft", lora={}, quantization={}))


def test_adapters_of_a_base_in_4_bits_are_merged_into_the_base_itself(adapted, tiny_model):
    """As they would be where the base is whole already."""
    from copy import deepcopy

    whole = on_full_base(adapted, Policy(str(tiny_model))).merge_and_unload().state_dict()
    here = deepcopy(adapted).merge_and_unload().state_dict()
    assert whole.keys() == here.keys()
    assert max(float((whole[key] - here[key]).abs().max()) for key in here) < 1e-6
    base = weights(tiny_model)
    assert any(float((here[key] - base[key]).abs().max()) > 0.1 for key in base)


def test_a_folder_of_adapters_is_answered_with_and_trained_from(
    adapted, adapters, tiny_model, tmp_path
):
    from copy import deepcopy

    here = deepcopy(adapted).merge_and_unload().state_dict()
    loaded = CausalModel(WeightsConfig(path=str(adapters), device="cpu"))
    found = loaded.model.state_dict()
    assert max(float((found[key] - here[key]).abs().max()) for key in here) < 1e-6
    file = write_rows(tmp_path / "d.parquet", demonstration_rows(3))
    config = TrainConfig(method="sft", training={"max_steps": 1, "learning_rate": 0.0})
    train_sft([file], Policy(str(adapters)), tmp_path / "out", config, seed=0)
    assert largest_difference(tmp_path / "out/policy", tiny_model) > 0.1
    after = weights(tmp_path / "out/policy")
    assert max(float((after[key] - here[key]).abs().max()) for key in after) < 1e-6
    assert not (tmp_path / "out/start").exists()


def test_adapters_that_do_not_fit_are_one_line(adapters, tmp_path):
    bpe = trained_bpe()
    for name, message in (
        (
            "llama",
            r"expected \d+ inputs in model.layers.0.\S+ of llama .*, got \d+ in the adapters",
        ),
        ("bloom", r"adapters for the modules of bloom .*, got 'model.layers.0.\S+ in .*; take"),
    ):
        base = save_model(tmp_path / name, SHAPES[name], bpe)
        folder = shutil.copytree(adapters, tmp_path / f"{name}-lora")
        settings = json.loads((folder / "adapter_config.json").read_text())
        settings["base_model_name_or_path"] = str(base)
        (folder / "adapter_config.json").write_text(json.dumps(settings))
        assert model_revision(str(folder)) != model_revision(str(adapters))
        config = WeightsConfig(path=str(folder), device="cpu", format="plain")
        with pytest.raises(ValueError, match=message):
            CausalModel(config)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"expected base_model_name_or_path in .*, got none"):
        CausalModel(config)
