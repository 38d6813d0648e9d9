"""Arguments of TRL are refused in one line before anything runs; the usual ones without TRL."""

import subprocess
import sys
from dataclasses import fields
from typing import get_type_hints

import pytest
import torch

from isoglot.core.errors import InputError
from isoglot.train import arguments
from isoglot.train.arguments import USUAL, check_arguments, check_training, config_class_of
from isoglot.train.reward import RewardTrainConfig
from isoglot.train.settings import TrainConfig

WRONG = [
    ("dpo", {"learning_rat": 1}, "did you mean 'learning_rate'"),
    ("dpo", {"learning_rate": -1}, "a number greater than or equal to 0 as `learning_rate`"),
    ("dpo", {"learning_rate": "fast"}, "expected a valid number as `learning_rate`"),
    ("dpo", {"learning_rate": float("nan")}, "expected a finite number"),
    ("dpo", {"max_steps": 2.5}, "expected a valid integer as `max_steps`"),
    ("dpo", {"per_device_train_batch_size": 0}, "greater than or equal to 1"),
    ("dpo", {"num_train_epochs": 0}, "greater than 0"),
    ("dpo", {"bf16": "yes"}, "expected a valid boolean as `bf16`"),
    ("dpo", {"lr_scheduler_type": "cosin"}, "cosin is not a valid SchedulerType"),
    ("dpo", {"optim": "adamm"}, "adamm is not a valid OptimizerNames"),
    ("dpo", {"save_strategy": "often"}, "often is not a valid SaveStrategy"),
    ("dpo", {"loss_weights": [1.0]}, "must have the same length"),
    ("dpo", {"loss_type": "sigmoid"}, "'sft' in `loss_type` if and only if"),
    ("dpo", {"dataloader_pin_memory": 3}, "expected a valid boolean as `dataloader_pin_memory`"),
    ("dpo", {"bf16": True, "fp16": True}, "At most one of fp16 and bf16"),
    ("dpo", {"hub_token": "x"}, "hub_token, which uploads a training"),
    ("dpo", {"seed": 3}, "seed, which is set by the run itself"),
    ("dpo", {"trust_remote_code": True}, "trust_remote_code, which runs code"),
    ("dpo", {"model_init_kwargs": {"trust_remote_code": True}}, "trust_remote_code runs code"),
    ("dpo", {"model_init_kwargs": {"token": "x"}}, "and token is not one of them"),
    ("dpo", {"model_init_kwargs": {"dtype": "float8"}}, "got 'float8'"),
    ("dpo", {"model_init_kwargs": {"attn_implementation": "someone/kernel"}}, "runs code"),
    ("sft", {"beta": 0.1}, "unknown key 'beta' in `training`, expected one of SFTConfig"),
    ("rloo", {"num_generations": 3}, "must be divisible by num_generations"),
    ("rloo", {"num_iterations": 2, "save_steps": 3}, "expected checkpoints between batches"),
    ("sdft", {"teacher_prompt_template": "{prompt}"}, "must contain both"),
    ("reward", {"max_length": 0}, "greater than or equal to 1"),
]


def config_of(method, training):
    made = RewardTrainConfig if method == "reward" else TrainConfig
    return made(method=method, training=training)


@pytest.mark.parametrize(("method", "training", "words"), WRONG)
def test_a_wrong_argument_is_one_line(method, training, words):
    with pytest.raises(InputError) as caught:
        check_training(config_of(method, training))
    message = str(caught.value)
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize("method", sorted(USUAL))
def test_usual_arguments_are_those_of_trl_and_its_defaults_pass(method):
    config_class = config_class_of(method)
    known = {field.name: field.default for field in fields(config_class)}
    assert USUAL[method] <= known.keys()
    plain = {key: known[key] for key in USUAL[method] & arguments._VALUES.keys()}
    for key, value in plain.items():
        if isinstance(value, int | float | str | bool | None):
            arguments._check_value(key, value, arguments._VALUES[key])
    hints = get_type_hints(config_class)
    assert arguments._NAMES.keys() & USUAL[method] <= hints.keys()


@pytest.mark.parametrize(
    ("method", "name"),
    [(method, name) for name in arguments._NAMES for method in USUAL if name in USUAL[method]],
)
def test_usual_names_are_known_to_trl(method, name):
    """Else a plan would pass what a run refuses."""
    for value in arguments._NAMES[name] - {"nll" if method == "grpo" else "", "sft", "ipo"}:
        training = {name: value}
        if name == "loss_type" and method == "dpo":
            continue
        if value == "sampled_token":
            training["distillation_alpha"] = 1.0
        if name == "packing_strategy":
            training["packing"] = value != "wrapped"
        arguments._check_by_trl(config_of(method, training), 1)


def test_the_batch_of_a_launch_is_that_of_all_its_processes():
    config = TrainConfig(
        method="rloo", training={"num_generations": 4, "per_device_train_batch_size": 1}
    )
    with pytest.raises(InputError, match=r"generation_batch_size \(1\) must be divisible"):
        check_training(config)
    check_training(config, num_processes=4)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="of a machine without an accelerator")
@pytest.mark.parametrize("key", ["fp16", "tf32"])
def test_a_precision_of_another_machine_is_refused_here_but_planned(key):
    config = TrainConfig(training={key: True})
    check_arguments(config)
    with pytest.raises(InputError, match=f"that a CPU trains in, got `{key}: true`"):
        check_training(config)


def test_usual_arguments_load_no_library():
    code = (
        "import sys; from isoglot.train.settings import TrainConfig\n"
        "from isoglot.train.arguments import check_arguments\n"
        "check_arguments(TrainConfig(training={'learning_rate': 1e-6, 'optim': 'sgd'}))\n"
        "print(sorted({'torch', 'transformers', 'trl', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
