"""The policy at the end of a training: merged, whole, in its precision, and compared."""

import json
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.files import written_whole
from isoglot.core.store import write_whole
from isoglot.core.verbosity import tell
from isoglot.models.local.adapters import merged
from isoglot.models.local.probe import probe_values, tolerance_of, write_check
from isoglot.models.local.template import save_tokenizer
from isoglot.models.local.weights import load_config
from isoglot.train.folder import remove_scratch
from isoglot.train.policy import Policy
from isoglot.train.probe import Probe, check_saved


def save_policy(
    trainer: Any,
    tokenizer: Any,
    policy: Policy,
    out: Path,
    summary: Mapping[str, Any],
    probe: Probe,
) -> None:
    """Write policy and summary under their final names, whole or not at all; then tidy up.

    Called by every process, since each may hold a part of the weights; the first one writes.
    Adapters are merged, and the weights keep the precision of the checkpoint they came from. The
    policy is kept only if it computes on the probe what the trained model did. This is the end of
    the trainer, whose memory the saved policy is loaded into.

    Raises:
        InputError: a weight is not finite; nothing is written.
        RunError: the saved policy is not the trained one; nothing is kept.
    """
    import torch

    model = trainer.accelerator.unwrap_model(trainer.model)
    is_first = trainer.is_world_process_zero()
    is_sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    precision = _precision(trainer, model)
    whole = trainer.model_wrapped if is_sharded else model
    device = trainer.args.device
    trained = probe_values(probe.ids, whole, device, is_reward=probe.is_reward)
    if is_sharded:
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
        model = unsharded(model, weights) if is_first else model
    if is_first:
        if hasattr(model, "merge_and_unload"):
            if precision == "4bit":
                model = on_full_base(model, policy)
            model = _merged(model)
        if not all(torch.isfinite(weight).all() for weight in model.parameters()):
            raise diverged(trainer.state.global_step)
        with written_whole(out / "policy") as temporary:
            dtype = _save(model, tokenizer, policy, temporary)
            del model
            place = _room_for(temporary, trainer)
            tolerance = tolerance_of(precision, dtype)
            check = check_saved(probe, trained, temporary, tolerance, place)
            write_check(temporary, check["rows"], probe.ids, dtype, is_reward=probe.is_reward)
            told = {**summary, "check": check}
            write_whole(out / "train.json", json.dumps(told, indent=2).encode())
        remove_scratch(out)
    trainer.accelerator.wait_for_everyone()


def _merged(model: Any) -> Any:
    """Merge adapters, and tell where tied embeddings are not tied any longer."""
    was_tied = model.config.tie_word_embeddings
    whole = merged(model)
    if was_tied and not whole.config.tie_word_embeddings:
        tell(
            "the adapters are on one of two embeddings that shared their weights: the saved policy "
            "has both, as trained (tie_word_embeddings is now false)"
        )
    return whole


def _precision(trainer: Any, model: Any) -> str:
    """Return the precision that the trained model computes in."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if getattr(base, "is_loaded_in_4bit", False):
        return "4bit"
    is_mixed = trainer.args.bf16 or trainer.args.fp16
    return "16bit" if is_mixed else str(base.dtype).removeprefix("torch.")


def _save(model: Any, tokenizer: Any, policy: Policy, folder: Path) -> str:
    """Write model and tokenizer into a folder; return the precision of the weights."""
    dtype = load_config(policy.path, policy.arguments).dtype or model.dtype
    model.to(dtype).save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    return str(dtype).removeprefix("torch.")


def _room_for(folder: Path, trainer: Any) -> str:
    """Free the memory of a training that is over; return the device to load the policy onto."""
    import torch

    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    if optimizer is not None and not trainer.is_deepspeed_enabled:
        optimizer.state.clear()
    for weight in trainer.model.parameters() if not trainer.is_deepspeed_enabled else ():
        weight.grad = None
        if not trainer.is_fsdp_enabled:
            weight.data = weight.data.new_empty(0)
    device = trainer.args.device
    if device.type != "cuda":
        return str(device)
    torch.cuda.empty_cache()
    num_bytes = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return str(device) if torch.cuda.mem_get_info(device)[0] > 1.1 * num_bytes else "cpu"


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
