"""Arguments of TRL's trainers: `train.training`, checked and made into TRL's config."""

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from traceback import walk_tb
from typing import Annotated, Any, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from isoglot.core.errors import InputError, did_you_mean, require
from isoglot.train.adapters import check_quantization
from isoglot.train.policy import Policy
from isoglot.train.precision import precision_of, trains_in_bfloat16
from isoglot.train.settings import TrainConfig, quiet
from isoglot.train.trackers import check_trackers, tracker_arguments

_Bool = bool | None
_Count = Annotated[int, Field(ge=1)]
_CountOrZero = Annotated[int, Field(ge=0)]
_CountOrNone = Annotated[int, Field(ge=1)] | None
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_BelowOne = Annotated[float, Field(ge=0, lt=1)]
_Share = Annotated[float, Field(ge=0, le=1)]

_VALUES: Mapping[str, Any] = {
    **dict.fromkeys(("adam_beta1", "adam_beta2", "label_smoothing"), _BelowOne),
    **dict.fromkeys(("adam_epsilon", "logging_steps", "num_train_epochs", "save_steps"), _Positive),
    **dict.fromkeys(("bf16", "fp16", "gradient_checkpointing", "use_cpu", "use_vllm"), _Bool),
    **dict.fromkeys(("packing", "precompute_ref_log_probs", "mask_truncated_completions"), _Bool),
    **dict.fromkeys(("beta", "epsilon", "learning_rate", "max_grad_norm"), _NotNegative),
    **dict.fromkeys(("warmup_steps", "weight_decay"), _NotNegative),
    **dict.fromkeys(("dataloader_num_workers", "num_loss_tokens_to_skip", "top_k"), _CountOrZero),
    **dict.fromkeys(("gradient_accumulation_steps", "per_device_train_batch_size"), _Count),
    **dict.fromkeys(("num_generations", "num_iterations"), _Count),
    **dict.fromkeys(("max_length", "max_completion_length", "save_total_limit"), _CountOrNone),
    **dict.fromkeys(("distillation_topk", "steps_per_generation"), _CountOrNone),
    "distillation_alpha": _Share,
    "epsilon_high": _NotNegative | None,
    "loss_weights": list[Annotated[float, Field(allow_inf_nan=False)]] | None,
    "max_steps": Annotated[int, Field(ge=-1)],
    "model_init_kwargs": dict[str, Any] | None,
    "report_to": str | list[str] | None,
    "teacher_prompt_template": str,
    "temperature": _Positive,
    "top_p": Annotated[float, Field(gt=0, le=1)],
}
"""The values of usual arguments, which TRL and transformers mostly take as they come."""

_NAMES: Mapping[str, frozenset[Any]] = {
    "distillation_mode": frozenset({"full_logits", "sampled_token", "topk_logits"}),
    "loss_type": frozenset({"bnpo", "dapo", "dr_grpo", "grpo", "ipo", "nll", "sft", "sigmoid"}),
    "lr_scheduler_type": frozenset({"constant", "constant_with_warmup", "cosine", "linear"}),
    "optim": frozenset({"adamw_torch", "adamw_torch_fused", "paged_adamw_32bit", "sgd"}),
    "packing_strategy": frozenset({"bfd", "bfd_split", "wrapped"}),
    "save_strategy": frozenset({"epoch", "no", "steps"}),
    "scale_rewards": frozenset({"batch", "group", "none", True, False}),
    "teacher_model_kind": frozenset({"base", "live"}),
}
"""Usual names of arguments that take one of a list; TRL is asked for others."""

_OF_SOME = {
    "dpo": {
        *("beta", "label_smoothing", "loss_type", "loss_weights", "max_length"),
        *("precompute_ref_log_probs",),
    },
    "sft": {"max_length", "packing", "packing_strategy"},
    "rloo": {
        *("beta", "max_completion_length", "num_generations", "num_iterations"),
        *("steps_per_generation", "temperature", "use_vllm"),
    },
    "reward": {"max_length"},
}
_OF_SOME["sdft"] = {
    *("distillation_alpha", "distillation_mode", "distillation_topk", "max_completion_length"),
    *("num_generations", "num_iterations", "num_loss_tokens_to_skip", "steps_per_generation"),
    *("teacher_model_kind", "teacher_prompt_template", "temperature", "top_k", "top_p", "use_vllm"),
}
_OF_SOME["grpo"] = _OF_SOME["rloo"] | {
    *("epsilon", "epsilon_high", "loss_type", "mask_truncated_completions", "scale_rewards"),
}
_COMMON = (_VALUES.keys() | _NAMES.keys()) - set().union(*_OF_SOME.values())
USUAL: Mapping[str, frozenset[str]] = {
    method: frozenset(_COMMON | keys) for method, keys in _OF_SOME.items()
}
"""Usual keys by method: a test finds each in TRL, which takes ten seconds to import."""

_SET_BY_THE_RUN = ("output_dir", "seed", "data_seed", "disable_tqdm", "resume_from_checkpoint")
_UPLOADS = "uploads a training; `isoglot push` does so, and nothing else"
_CODE = "runs code that comes with a model, which isoglot never does"
_REFUSED = {
    **dict.fromkeys(_SET_BY_THE_RUN, "is set by the run itself"),
    **dict.fromkeys(("hub_model_id", "hub_token", "log_completions_hub_repo"), _UPLOADS),
    "push_to_hub": _UPLOADS,
    "trust_remote_code": _CODE,
}
"""Arguments that no recipe may give, each with the reason."""

_OF_MODEL = frozenset(
    {"attn_implementation", "device_map", "dtype", "experts_implementation", "low_cpu_mem_usage"}
    | {"max_memory", "use_cache"}
)
"""Keys of `model_init_kwargs` that pass: others name files, tokens or code of somebody else."""
_DTYPES = ("auto", "bfloat16", "float16", "float32")

_PACKAGES = {"use_vllm": "vllm", "use_liger_kernel": "liger_kernel"}
"""Packages that TRL needs in this environment for an argument."""


def check_arguments(config: TrainConfig, num_processes: int = 1) -> None:
    """Raise InputError for a key or a value of `training` that a run would refuse on any machine.

    TRL, which takes seconds to import, is asked only for what is not usual.
    """
    _check_values(config.training)
    usual = USUAL[config.method]
    if not all(key in usual and _is_usual(key, value) for key, value in config.training.items()):
        _check_by_trl(config, num_processes)


def check_training(config: TrainConfig, num_processes: int = 1) -> None:
    """Raise InputError for settings with which a training on this machine would not begin.

    They are those of `check_arguments`, the values that do not go together, a missing package or
    key, and a precision that the accelerator has not.
    """
    training = config.training
    _check_values(training)
    _check_by_trl(config, num_processes)
    check_trackers(training)
    if config.quantization:
        check_quantization()
    optim = str(training.get("optim", ""))
    has_other = any(word in optim for word in ("torch", "galore"))
    if any(word in optim for word in ("paged", "8bit", "bnb")) and not has_other:
        require("qlora", f"train.training.optim {optim}", "take adamw_torch_fused")
    for key, package in _PACKAGES.items():
        if training.get(key) and find_spec(package) is None:
            raise InputError(
                f"expected the package {package} for `{key}: true`, got none: TRL needs it in this "
                "environment (vllm apart from engine vllm); install a version that TRL supports, "
                "or remove it"
            )
    _check_precision(training)


def config_class_of(method: str) -> type:
    """Return TRL's config of a method."""
    if method == "sdft":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is experimental; constraints.txt pins it
            from trl.experimental.sdft import SDFTConfig
        return SDFTConfig
    from trl import DPOConfig, GRPOConfig, RewardConfig, RLOOConfig, SFTConfig

    classes = {"dpo": DPOConfig, "sft": SFTConfig, "rloo": RLOOConfig, "grpo": GRPOConfig}
    return {**classes, "reward": RewardConfig}[method]


def training_arguments(config: TrainConfig, policy: Policy, out: Path, *, seed: int) -> Any:
    """Return TRL's config: our defaults, then the recipe's `training`, then what the run sets.

    Online methods sample from the policy itself: temperature 1, every token.

    Raises:
        InputError: an unknown key, with a did-you-mean, or a value that does not fit.
    """
    import torch

    _check_values(config.training)
    on_gpu = torch.cuda.is_available()
    ours = {
        **tracker_arguments(out),
        "logging_nan_inf_filter": False,
        **({} if on_gpu else {"gradient_checkpointing": False, "dataloader_pin_memory": False}),
        **({} if torch.accelerator.is_available() else {"use_cpu": True}),
    }
    precision = precision_of(
        config.training, config.lora, config.quantization, can_bfloat16=trains_in_bfloat16()
    )
    ours["bf16"] = precision.compute == "bfloat16"
    given = {"output_dir": str(out / "checkpoints"), "seed": seed, "data_seed": seed}
    of_model: dict[str, Any] = dict(policy.arguments)
    if config.method != "reward":  # whose new head is trained whole, in the base's precision
        of_model["dtype"] = precision.loaded
    if config.quantization:  # a base in 4 bits stays where it is loaded
        of_model["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    if of_model:
        kept = config.training.get("model_init_kwargs") or {}
        given["model_init_kwargs"] = {**kept, **of_model}
    return _made(config, ours, given | {"disable_tqdm": True})


def _made(config: TrainConfig, ours: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    """Make TRL's config; `ours` are defaults, `given` win over the recipe."""
    arguments = {**ours, **_defaults(config), **config.training, **given}
    config_class = config_class_of(config.method)
    _check_fields(config_class, config.training)
    with library_refusals():
        args = config_class(**arguments)
    if config.method == "dpo" and ("sft" in args.loss_type) != (config.nll != "none"):
        raise InputError(
            f"expected 'sft' in `loss_type` if and only if `nll` is not none, got loss_type "
            f"{args.loss_type} with nll {config.nll!r}; change one of them"
        )
    if config.method == "sdft":
        _check_teacher(args)
    if config.is_online:
        _check_checkpoints(args)
    return args


def _check_fields(config_class: Any, training: Mapping[str, Any]) -> None:
    """Raise InputError for an argument that TRL does not know, or a value of another kind."""
    known = [field.name for field in fields(config_class)]
    kinds = get_type_hints(config_class)
    for key, value in training.items():
        if key not in known:
            hint = did_you_mean(key, known, "see the documentation of TRL")
            raise InputError(
                f"unknown key {key!r} in `training`, expected one of {config_class.__name__}; "
                f"{hint}"
            )
        if key not in _VALUES.keys() | _NAMES.keys():
            _check_value(key, value, kinds[key])


def _defaults(config: TrainConfig) -> dict[str, Any]:
    """Our defaults of a method's arguments, where they are not TRL's."""
    order = "random" if config.is_online else "group_by_length"
    found: dict[str, Any] = {"save_total_limit": 2, "train_sampling_strategy": order}
    if config.method == "dpo":
        found["loss_type"] = ["sigmoid"] if config.nll == "none" else ["sigmoid", "sft"]
        found["precompute_ref_log_probs"] = not config.training.get("sync_ref_model", False)
    if config.method == "sdft":
        # By default TRL would cut prompts of more than 512 tokens in silence.
        found |= {"max_prompt_length": None, "max_completion_length": 512}
    return found


def _check_values(training: Mapping[str, Any]) -> None:
    """Check what needs no TRL: arguments that are refused, and the values of usual ones."""
    for key in training:
        if key in _REFUSED:
            raise InputError(f"`training` may not hold {key}, which {_REFUSED[key]}; remove it")
    for key, kind in _VALUES.items():
        if key in training:
            _check_value(key, training[key], kind)
    _check_of_model(training.get("model_init_kwargs") or {})


def _check_value(key: str, value: object, kind: Any) -> None:
    adapter = TypeAdapter(kind, config=ConfigDict(strict=True, arbitrary_types_allowed=True))
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        wanted = error.errors()[0]["msg"].removeprefix("Input should be ")
        wanted = f"a number {wanted}" if wanted.startswith(("greater", "less")) else wanted
        raise InputError(
            f"expected {wanted} as `{key}` in `training`, got {value!r:.60}; correct it"
        ) from None


def _check_of_model(given: Mapping[str, Any]) -> None:
    for key, value in given.items():
        if key not in _OF_MODEL:
            reason = f"{key} {_CODE}" if key == "trust_remote_code" else f"{key} is not one of them"
            raise InputError(
                f"`model_init_kwargs` in `training` takes {', '.join(sorted(_OF_MODEL))} alone, "
                f"and {reason}; remove it"
            )
        if key == "dtype" and str(value).removeprefix("torch.") not in _DTYPES:
            raise InputError(
                f"expected one of {', '.join(_DTYPES)} as `model_init_kwargs.dtype` in `training`, "
                f"got {value!r:.60}; correct it"
            )
        if key == "attn_implementation" and "/" in str(value):
            raise InputError(
                f"expected attention of an installed package as `attn_implementation`, got "
                f"{value!r:.60}, which {_CODE}; take sdpa, eager or flash_attention_2"
            )


def _is_usual(key: str, value: object) -> bool:
    """True unless TRL has to be asked if a name is one that it knows."""
    names = value if isinstance(value, list) else [value]
    return key not in _NAMES or all(_is_among(name, _NAMES[key]) for name in names)


def _is_among(name: object, names: Iterable[Any]) -> bool:
    return any(type(name) is type(each) and name == each for each in names)


def _check_by_trl(config: TrainConfig, num_processes: int) -> None:
    """Check keys, kinds of values, and values that do not go together, by TRL's own config.

    It is made for the CPU, so that no accelerator is touched here. Of several processes the batch
    is that of all of them.
    """
    require("train", "an unusual argument of `train.training`")
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the training itself warns
        batch = "per_device_train_batch_size"
        num = config.training.get(batch, getattr(config_class_of(config.method), batch))
        given = {"output_dir": "unused", "report_to": "none", "use_cpu": True, "tf32": None}
        _made(config, {}, {**given, batch: num * num_processes})


def _check_precision(training: Mapping[str, Any]) -> None:
    """Raise InputError for a precision that this machine does not train in."""
    import torch
    from transformers.utils import import_utils

    on_cpu = training.get("use_cpu", not torch.accelerator.is_available())
    lacks = {
        "bf16": not on_cpu and not import_utils.is_torch_bf16_gpu_available(),
        "fp16": on_cpu,
        "tf32": not import_utils.is_torch_tf32_available(),
    }
    for key, is_missing in lacks.items():
        if training.get(key) and is_missing:
            where = "a CPU" if on_cpu else "the accelerator of this machine"
            raise InputError(
                f"expected a precision that {where} trains in, got `{key}: true` in `training`; "
                "remove it (the default fits the machine)"
            )


def _check_teacher(args: Any) -> None:
    """Raise InputError for a template with braces of its own, and a limit that would cut prompts.

    TRL itself refuses a template without prompt or context.
    """
    try:
        args.teacher_prompt_template.format(prompt="", privileged_context="")
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            "expected no braces in teacher_prompt_template but those of {prompt} and "
            f"{{privileged_context}}, got {args.teacher_prompt_template!r}; double other braces"
        ) from error
    if args.max_prompt_length is not None:
        raise InputError(
            f"expected no max_prompt_length, got {args.max_prompt_length}: TRL cuts the beginning "
            "off longer prompts, while those that do not fit are left out here; remove it"
        )


def _check_checkpoints(args: Any) -> None:
    """Raise InputError for checkpoints within the steps that share a batch of completions."""
    num_uses = args.num_iterations * args.steps_per_generation
    is_by_steps = args.save_strategy == "steps"
    if is_by_steps and (args.save_steps * args.gradient_accumulation_steps) % num_uses:
        raise InputError(
            f"expected checkpoints between batches of completions, which serve "
            f"{num_uses / args.gradient_accumulation_steps:g} steps, got save_steps "
            f"{args.save_steps}; set it to a multiple, so that a resumed training is the same"
        )


@contextmanager
def library_refusals() -> Iterator[None]:
    """Raise InputError for an error that a library, not our code, raises about settings: a
    ValueError, or a package that it misses."""
    try:
        yield
    except (ValueError, ImportError) as error:
        place = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
        if isinstance(error, InputError) or place[-1].startswith("isoglot."):
            raise
        reason = " ".join(str(error).split())
        raise InputError(f"a setting of `train:` does not fit: {reason}; correct it") from error
