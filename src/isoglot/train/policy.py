"""The policy of a training: the model that it starts from, and the one that it saves."""

import json
import shutil
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.store import write_whole
from isoglot.models.local.config import WeightsConfig
from isoglot.models.local.weights import located


class Policy(NamedTuple):
    """The model that training starts from."""

    path: str
    """A local folder or a Hugging Face hub id."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none."""
    template: str | None = None
    """A file with a chat template in place of its own."""

    @property
    def arguments(self) -> dict[str, str]:
        """Arguments of `from_pretrained` besides the path."""
        return located(self.path, self.revision)[1]


def prepare_policy(policy: Policy, out: Path) -> Policy:
    """Return the policy, or for a folder of adapters their base with these merged.

    The merged policy is in `out/start`, which is removed after the training.

    Raises:
        InputError: adapters that do not fit their base.
    """
    from accelerate import PartialState
    from transformers import AutoConfig

    from isoglot.models.local.adapters import base_of
    from isoglot.models.local.transformers import CausalModel

    if base_of(policy.path) is None:
        return policy
    start = out / "start"
    with PartialState().main_process_first():
        if not start.exists():
            config = WeightsConfig(path=policy.path, device="cpu", format="plain")
            loaded = CausalModel(config)
            temporary = out / "start.tmp"
            base, hub, _ = loaded.encoder.weights
            dtype = AutoConfig.from_pretrained(base, **hub).dtype
            loaded.model.to(dtype or loaded.model.dtype).save_pretrained(temporary)
            loaded.encoder.tokenizer.save_pretrained(temporary)
            temporary.rename(start)
    return policy._replace(path=str(start), revision="main")


def save_policy(
    trainer: Any, tokenizer: Any, policy: Policy, out: Path, summary: Mapping[str, Any]
) -> None:
    """Write policy and summary under their final names, whole or not at all; then tidy up.

    Called by every process, since each may hold a part of the weights; the first one writes.
    Adapters are merged, and the weights keep the precision of the checkpoint they came from.

    Raises:
        InputError: a weight is not finite; nothing is written.
    """
    import torch
    from transformers import AutoConfig

    model = trainer.accelerator.unwrap_model(trainer.model)
    is_first = trainer.is_world_process_zero()
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        model = unsharded(model, weights) if is_first else model
    if is_first:
        if hasattr(model, "merge_and_unload"):
            if getattr(model.get_base_model(), "is_loaded_in_4bit", False):
                model = on_full_base(model, policy)
            model = model.merge_and_unload()
        if not all(torch.isfinite(weight).all() for weight in model.parameters()):
            raise diverged(trainer.state.global_step)
        dtype = AutoConfig.from_pretrained(policy.path, **policy.arguments).dtype
        temporary = out / "policy.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        (model.to(dtype) if dtype is not None else model).save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        write_whole(out / "train.json", json.dumps(summary, indent=2).encode())
        temporary.rename(out / "policy")
        for folder in ("checkpoints", "cache", "best", "start"):
            shutil.rmtree(out / folder, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()


def diverged(step: int) -> InputError:
    """Return the error for a loss or a weight that is no longer finite."""
    return InputError(
        f"expected a finite loss, got NaN or infinity at step {step}; lower `learning_rate`, set "
        f"`max_grad_norm`, or train without fp16"
    )


def on_full_base(model: Any, policy: Policy) -> Any:
    """Return the adapters of a model over the base as its checkpoint has it, in main memory."""
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(
        policy.path, dtype="auto", use_safetensors=True, **policy.arguments
    )
    base.generation_config = model.get_base_model().generation_config
    whole = get_peft_model(base, copy(model.peft_config["default"]))
    weights = {key: weight.cpu() for key, weight in get_peft_model_state_dict(model).items()}
    unexpected = set_peft_model_state_dict(whole, weights).unexpected_keys
    assert not unexpected, unexpected
    return whole


def unsharded(model: Any, weights: Mapping[str, Any]) -> Any:
    """Return a copy of a sharded `model` with these whole weights, in main memory."""
    import torch

    sharded = model.get_base_model() if hasattr(model, "get_base_model") else model
    # FSDP2 replaces the class of a model with a subclass of its own.
    classes = type(sharded).__mro__
    model_class = classes[2] if type(sharded).__name__.startswith("FSDP") else classes[0]
    with torch.device("meta"):
        whole = model_class(sharded.config)
        if sharded is not model:
            from peft import get_peft_model

            whole = get_peft_model(whole, model.peft_config["default"])
    whole.load_state_dict(weights, assign=True)
    base = whole.get_base_model() if sharded is not model else whole
    base.tie_weights()
    base.generation_config = sharded.generation_config
    return whole
