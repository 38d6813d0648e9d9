"""The folder of a training: whose it is, where it goes on from, the policy that it ends with."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.records import content_id
from isoglot.core.store import write_json, write_whole
from isoglot.execute.ledger import refuse_changes
from isoglot.models.local.template import read_template
from isoglot.models.local.transformers import model_revision
from isoglot.train.adapters import merged
from isoglot.train.common import Policy, TrainConfig, diverged


def claim(
    out: Path,
    files: Sequence[Path],
    policy: Policy,
    config: TrainConfig,
    seed: int,
    held_out: Sequence[str] = (),
    num_processes: int = 1,
) -> None:
    """Make `out` the folder of this training and of no other, so that a resume continues it.

    Raises:
        InputError: another training has begun there; names what differs.
    """
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    inputs = {
        "policy": model_revision(policy.path, policy.revision),
        **({"template": read_template(policy.template)} if policy.template else {}),
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "num_processes": num_processes,
        "preferences": hashlib.sha256("".join(digests).encode()).hexdigest(),
        **({"held_out": content_id(*held_out)} if held_out else {}),
    }
    path = out / "inputs.json"
    begun = (out / "policy").exists() or last_checkpoint(out / "checkpoints") is not None
    if begun and path.exists():
        mend = "remove the folder, or give another one"
        before = {"num_processes": 1, **read_json(path, mend=mend)}
        refuse_changes(f"the policy in {out}", before, inputs, mend=mend)
    write_json(path, inputs)


def last_checkpoint(folder: Path) -> str | None:
    """The latest checkpoint that was written to its end; half-written ones are removed.

    The trainer writes its state last, so a checkpoint is complete when that file can be read.
    """
    complete: dict[int, Path] = {}
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            state = read_json(checkpoint / "trainer_state.json", mend="")
            complete[int(state["global_step"])] = checkpoint
        except (InputError, KeyError):
            shutil.rmtree(checkpoint)
    return str(complete[max(complete)]) if complete else None


def finished(out: Path) -> dict[str, Any] | None:
    """The summary of a training whose policy stands in `out`, else None."""
    if not (out / "policy").is_dir():
        return None
    return read_json(out / "train.json", mend=f"remove {out} and train again")


def save_policy(
    trainer: Any, tokenizer: Any, policy: Policy, out: Path, summary: Mapping[str, Any]
) -> None:
    """Writes policy and summary under their final names, whole or not at all; then tidies up.

    Called by every process, since each may hold a part of the weights; the first one writes.
    Adapters are merged, and the weights keep the precision of the checkpoint they came from.
    Raises InputError, and writes nothing, where a weight is not finite.
    """
    import torch
    from transformers import AutoConfig

    model = _whole_model(trainer)
    if trainer.is_world_process_zero():
        model = merged(model, policy)
        if not all(torch.isfinite(weight).all() for weight in model.parameters()):
            raise InputError(diverged(trainer.state.global_step))
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


def _whole_model(trainer: Any) -> Any:
    """The trained model with all its weights in the first process; every process takes part."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        return model
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    return unsharded(model, weights) if trainer.is_world_process_zero() else model


def unsharded(model: Any, weights: Mapping[str, Any]) -> Any:
    """A model like `model`, whose own weights are shards, with these whole ones in main memory."""
    import torch

    sharded = model.get_base_model() if hasattr(model, "get_base_model") else model
    # FSDP2 changes the class of a model to one of its own, made from it.
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
