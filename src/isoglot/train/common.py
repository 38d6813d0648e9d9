"""What every method of training shares: settings, data, resuming, the saved policy."""

import hashlib
import json
import os
import shutil
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from isoglot.core.section import Section
from isoglot.models.transformers import located, model_revision

OnStep = Callable[[int, int], None]
"""Called after each optimiser step: how many are done, and how many there are."""

_OURS = ("output_dir", "seed", "data_seed", "disable_tqdm", "resume_from_checkpoint")
"""Arguments of the trainer that the caller of a training function gives."""


def no_step(step: int, total: int) -> None:
    """The `on_step` of a caller that shows no progress."""


class Policy(NamedTuple):
    """The model that training starts from."""

    path: str
    """A local folder or a Hugging Face hub id."""
    revision: str = "main"
    """Branch, tag or commit of a hub id; a local folder has none."""

    @property
    def arguments(self) -> dict[str, str]:
        """What `from_pretrained` is given beside the path."""
        return located(*self)[1]


class LoraConfig(Section):
    """Low-rank adapters, merged into the saved policy."""

    r: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    """TRL's DPO sets it to 0 unless `training: {disable_dropout: false}`."""
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of modules; `all-linear` is every linear layer but the output head."""


class TrainConfig(Section):
    """How the policy learns from preferences."""

    method: Literal["dpo", "sft"] = "dpo"
    """`sft` trains on the chosen side alone: the baseline that preferences have to beat."""
    nll: Literal["token_mean", "sequence_mean", "none"] = "sequence_mean"
    """Likelihood of chosen, added to the DPO loss; its weight is that of `sft` in `loss_weights`.

    `sequence_mean` averages over pairs the mean log-probability of a token, so that every pair
    counts the same (LIDR trained so); `token_mean` is TRL's term, in which long answers count more.
    """
    lora: LoraConfig | None = None
    """None trains all weights."""
    training: dict[str, Any] = Field(default_factory=dict)
    """Arguments of TRL's DPOConfig or SFTConfig under their own names, passed on unchanged."""


def check_training(config: TrainConfig) -> None:
    """Raise ValueError for a key of `training` that TRL does not know, with a did-you-mean."""
    from trl import DPOConfig, SFTConfig

    _check_keys({"dpo": DPOConfig, "sft": SFTConfig}[config.method], config)


def _check_keys(config_class: type, config: TrainConfig) -> None:
    known = [field.name for field in fields(config_class)]
    for key in config.training:
        if key in _OURS:
            raise ValueError(
                f"expected the settings of {config_class.__name__} in `training`, got "
                f"{key!r}, which the run itself sets; remove it"
            )
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "see the documentation of TRL"
            raise ValueError(
                f"unknown key {key!r} in `training`, expected one of "
                f"{config_class.__name__}; {hint}"
            )


def training_arguments(
    config_class: type,
    config: TrainConfig,
    policy: Policy,
    out: Path,
    *,
    seed: int,
    **defaults: Any,
) -> Any:
    """TRL's config: our defaults, then the recipe's `training`, then what the caller decides.

    Raises ValueError for an unknown key, with a did-you-mean.
    """
    import torch

    _check_keys(config_class, config)
    on_gpu = torch.cuda.is_available()
    ours = {
        "report_to": "none",
        "save_total_limit": 2,
        "logging_nan_inf_filter": False,
        "train_sampling_strategy": "group_by_length",
        **({} if on_gpu else {"gradient_checkpointing": False, "dataloader_pin_memory": False}),
        **({} if torch.accelerator.is_available() else {"use_cpu": True}),
        **defaults,
    }
    if "fp16" not in config.training:
        ours["bf16"] = on_gpu and torch.cuda.is_bf16_supported()
    given = {"output_dir": str(out), "seed": seed, "data_seed": seed, "disable_tqdm": True}
    chosen = {**ours, **config.training, **given}
    if policy.arguments:
        chosen["model_init_kwargs"] = {
            **(chosen.get("model_init_kwargs") or {}),
            **policy.arguments,
        }
    return config_class(**chosen)


def peft_config(lora: LoraConfig | None) -> Any:
    """PEFT's config, or None for training all weights."""
    if lora is None:
        return None
    from peft import LoraConfig as PeftLoraConfig

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    return PeftLoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


def load_tokenizer(policy: Policy) -> Any:
    """The policy's tokenizer; padding falls to its eos token where it has none of its own.

    Padding is masked by position, so the eos token at the end of an answer is still learned.
    Raises ValueError without a chat template or an eos token.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(policy.path, **policy.arguments)
    if tokenizer.chat_template is None:
        raise ValueError(
            f"expected a tokenizer with a chat template, got none in {policy.path}; start from "
            f"the instruction-tuned model or put a chat_template.jinja beside it"
        )
    if tokenizer.eos_token is None:
        raise ValueError(
            f"expected a tokenizer with an eos token, got none in {policy.path}; set eos_token "
            f"in its tokenizer_config.json"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_preferences(files: Sequence[Path], cache: Path) -> Any:
    """The preferences as a Hugging Face dataset: prompt, chosen, rejected and language."""
    from datasets import load_dataset

    if not files:
        raise ValueError("expected files of preferences, got none; run the filter stage first")
    names = [str(file) for file in files]
    columns = ["prompt", "chosen", "rejected", "language"]
    rows = load_dataset(
        "parquet", data_files=names, columns=columns, split="train", cache_dir=str(cache)
    )
    if len(rows) == 0:
        raise ValueError(
            f"expected preferences, got none in {len(names)} files; the audit says which "
            f"filter took them"
        )
    return rows


def last_checkpoint(folder: Path) -> str | None:
    """The latest checkpoint that was written to its end; half-written ones are removed.

    The trainer writes its state last, so a checkpoint is complete when that file can be read.
    """
    complete: dict[int, Path] = {}
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            state = json.loads((checkpoint / "trainer_state.json").read_text())
            complete[int(state["global_step"])] = checkpoint
        except (OSError, ValueError, KeyError):
            shutil.rmtree(checkpoint)
    return str(complete[max(complete)]) if complete else None


def claim(
    out: Path,
    files: Sequence[Path],
    policy: Policy,
    config: TrainConfig,
    seed: int,
    num_processes: int = 1,
) -> None:
    """Makes `out` the folder of this training and of no other, so that a resume continues it.

    Raises ValueError where another training has begun there.
    """
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    inputs = {
        "policy": model_revision(*policy),
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "num_processes": num_processes,
        "preferences": hashlib.sha256("".join(digests).encode()).hexdigest(),
    }
    path = out / "inputs.json"
    if path.exists():
        before = {"num_processes": 1, **json.loads(path.read_text())}
        different = [key for key in inputs if before.get(key) != inputs[key]]
        begun = (out / "policy").exists() or last_checkpoint(out / "checkpoints") is not None
        if different and begun:
            raise ValueError(
                f"expected {out} to be new or of the same training, got another "
                f"{', '.join(different)}; remove the folder or give another one"
            )
    out.mkdir(parents=True, exist_ok=True)
    _write_whole(path, json.dumps(inputs, indent=2))


def finished(out: Path) -> dict[str, Any] | None:
    """The summary of a training whose policy stands in `out`, else None."""
    if not (out / "policy").is_dir():
        return None
    return json.loads((out / "train.json").read_text())


def save_policy(
    trainer: Any, tokenizer: Any, policy: Policy, out: Path, summary: Mapping[str, Any]
) -> None:
    """Writes policy and summary under their final names, whole or not at all; then tidies up.

    Called by every process, since each may hold a part of the weights; the first one writes.
    Adapters are merged, and the weights keep the precision of the checkpoint they came from.
    Raises ValueError, and writes nothing, where a weight is not finite.
    """
    import torch
    from transformers import AutoConfig

    model = _whole_model(trainer)
    if trainer.is_world_process_zero():
        if hasattr(model, "merge_and_unload"):
            model = model.merge_and_unload()
        if not all(torch.isfinite(weight).all() for weight in model.parameters()):
            raise ValueError(diverged(trainer.state.global_step))
        dtype = AutoConfig.from_pretrained(policy.path, **policy.arguments).dtype
        temporary = out / "policy.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        (model.to(dtype) if dtype is not None else model).save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        _write_whole(out / "train.json", json.dumps(summary, indent=2))
        temporary.rename(out / "policy")
        for folder in ("checkpoints", "cache"):
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


def diverged(step: int) -> str:
    """What a user is told when the loss or a weight is no longer a number."""
    return (
        f"expected a finite loss, got NaN or infinity at step {step}; lower `learning_rate`, set "
        f"`max_grad_norm`, or train without fp16"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the progress bars and notices of the libraries from the terminal; warnings stay."""
    import datasets
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), datasets.are_progress_bars_disabled()
    loading_bars = logging.is_progress_bar_enabled()
    tqdm_was = os.environ.get("TQDM_DISABLE")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    os.environ["TQDM_DISABLE"] = "1"  # TRL's own bar listens to nothing else
    try:
        with warnings.catch_warnings():
            # What the libraries will rename is no news to a user of theirs through us.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(verbosity)
        if loading_bars:
            logging.enable_progress_bar()
        if not bars:
            datasets.enable_progress_bars()
        os.environ.pop("TQDM_DISABLE")
        if tqdm_was is not None:
            os.environ["TQDM_DISABLE"] = tqdm_was


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every column over the rows, and `n`, how many there are."""
    return {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]} | {"n": len(rows)}


def by_language(
    rows: Sequence[tuple[str, Mapping[str, float]]],
) -> dict[str, dict[str, float]]:
    """Means of the rows of each language, in the order of the tags."""
    grouped: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for language, row in rows:
        grouped[language].append(row)
    return {language: means(grouped[language]) for language in sorted(grouped)}


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)
