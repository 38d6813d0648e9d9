"""Weights that are trained are float32; a frozen base is not, where bfloat16 is fast."""

from importlib.util import find_spec

import pytest
import torch

from isoglot.core.environment import fast_bfloat16
from isoglot.core.errors import InputError
from isoglot.train.adapters import LoraConfig, QuantizationConfig
from isoglot.train.arguments import check_training, training_arguments
from isoglot.train.policy import Policy
from isoglot.train.precision import Precision, precision_of, trains_in_bfloat16
from isoglot.train.settings import TrainConfig

LORA = LoraConfig()


@pytest.mark.parametrize(
    ("training", "lora", "can", "expected"),
    [
        ({}, None, True, Precision("float32", "float32", "bfloat16", None)),
        ({}, LORA, True, Precision("bfloat16", "bfloat16", "bfloat16", "float32")),
        ({}, None, False, Precision("float32", "float32", "float32", None)),
        ({}, LORA, False, Precision("float32", "float32", "float32", "float32")),
        ({"fp16": True}, LORA, True, Precision("float32", "float32", "float16", "float32")),
        ({"bf16": False}, LORA, True, Precision("float32", "float32", "float32", "float32")),
        (
            {"model_init_kwargs": {"dtype": "bfloat16"}},
            None,
            True,
            Precision("bfloat16", "bfloat16", "bfloat16", None),
        ),
    ],
)
def test_precision_follows_the_method_and_the_device(training, lora, can, expected):
    assert precision_of(training, lora, None, can_bfloat16=can) == expected
    assert expected.is_mixed == (expected.weights == "float32" != expected.compute)


def test_a_base_in_4_bits_has_its_other_weights_in_what_it_computes_in():
    found = precision_of({}, LORA, QuantizationConfig(), can_bfloat16=True)
    assert (found.weights, found.loaded, found.compute) == ("4bit", "bfloat16", "bfloat16")


@pytest.mark.skipif(torch.accelerator.is_available(), reason="of a machine without an accelerator")
def test_a_cpu_trains_in_float32_whatever_its_instructions(tiny_policy, tmp_path):
    assert not trains_in_bfloat16()
    assert fast_bfloat16() is fast_bfloat16("cpu")
    config = TrainConfig(lora=LORA)
    args = training_arguments(config, Policy(str(tiny_policy)), tmp_path, seed=1)
    assert args.model_init_kwargs == {"trust_remote_code": False, "dtype": "float32"}
    assert not args.bf16


def test_a_dtype_of_the_recipe_is_kept_and_the_revision_is_not_its_to_set(tiny_policy, tmp_path):
    given = {"model_init_kwargs": {"dtype": "bfloat16", "attn_implementation": "eager"}}
    config = TrainConfig(method="sft", training=given)
    args = training_arguments(config, Policy(str(tiny_policy)), tmp_path, seed=1)
    assert args.model_init_kwargs == {
        "trust_remote_code": False,
        "dtype": "bfloat16",
        "attn_implementation": "eager",
    }


def test_an_optimiser_whose_package_is_missing_is_missed_before_the_run():
    check_training(TrainConfig(training={"optim": "adamw_torch_fused"}))
    if find_spec("bitsandbytes"):
        pytest.skip("it is installed")
    with pytest.raises(InputError, match=r"optim paged_adamw_8bit needs .*isoglot\[qlora\]"):
        check_training(TrainConfig(training={"optim": "paged_adamw_8bit"}))
