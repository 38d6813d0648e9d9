"""Low-rank adapters, over a base in 4 bits where the recipe says so; merged at the end."""

from copy import copy
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.section import Section
from isoglot.models.local.transformers import TransformersConfig, located


class LoraConfig(Section):
    """Low-rank adapters, merged into the saved policy."""

    r: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    """TRL's DPO sets it to 0 unless `training: {disable_dropout: false}`."""
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of modules; `all-linear` is every linear layer but the output head."""


class QuantizationConfig(Section):
    """QLoRA (arXiv:2305.14314): the base is in 4 bits while adapters learn; needs a GPU.

    The adapters are merged into the base in its own precision, which the saved policy has.
    """

    bits: Literal[4] = 4
    type: Literal["nf4", "fp4"] = "nf4"
    double_quant: bool = True
    """The constants of the quantization are quantized, too."""


def check_quantization() -> None:
    """Raise InputError where no base can be in 4 bits."""
    import torch

    if find_spec("bitsandbytes") is None:
        raise InputError(
            "expected the package bitsandbytes for train.quantization, got none; pip install "
            "'isoglot[qlora]', or remove the section"
        )
    if not torch.cuda.is_available():
        raise InputError(
            "expected a GPU for train.quantization, got none; train on a machine with one, or "
            "remove the section"
        )


def quantization_arguments(config: QuantizationConfig) -> dict[str, Any]:
    """What transformers' BitsAndBytesConfig is given; computations are as in training."""
    import torch

    can_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return {
        "load_in_4bit": config.bits == 4,
        "bnb_4bit_quant_type": config.type,
        "bnb_4bit_use_double_quant": config.double_quant,
        "bnb_4bit_compute_dtype": torch.bfloat16 if can_bf16 else torch.float16,
    }


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


def adapter_arguments(
    lora: LoraConfig | None, quantization: QuantizationConfig | None
) -> dict[str, Any]:
    """What TRL's trainers are given beside the path of the base."""
    given: dict[str, Any] = {"peft_config": peft_config(lora)}
    if quantization is not None:
        from transformers import BitsAndBytesConfig

        check_quantization()
        given["quantization_config"] = BitsAndBytesConfig(**quantization_arguments(quantization))
    return given


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
        """What `from_pretrained` is given beside the path."""
        return located(self.path, self.revision)[1]


def whole_policy(policy: Policy, out: Path) -> Policy:
    """The policy, or where its path is a folder of adapters, these merged into their base.

    That is written into `out/start`, and goes when the training is done. Raises InputError where
    the adapters do not fit their base.
    """
    from accelerate import PartialState

    from isoglot.models.local.adapters import base_of
    from isoglot.models.local.transformers import CausalModel

    if base_of(policy.path) is None:
        return policy
    start = out / "start"
    with PartialState().main_process_first():
        if not start.exists():
            config = TransformersConfig(path=policy.path, device="cpu", format="plain")
            loaded = CausalModel(config)
            temporary = out / "start.tmp"
            loaded.model.save_pretrained(temporary)
            loaded.tokenizer.save_pretrained(temporary)
            temporary.rename(start)
    return policy._replace(path=str(start), revision="main")


def merged(model: Any, policy: Policy) -> Any:
    """A trained model without adapters: they are in its weights, those of the base's precision."""
    if not hasattr(model, "merge_and_unload"):
        return model
    if getattr(model.get_base_model(), "is_loaded_in_4bit", False):
        model = on_a_whole_base(model, policy)
    return model.merge_and_unload()


def on_a_whole_base(model: Any, policy: Policy) -> Any:
    """The same adapters over the base as its checkpoint has it, in main memory."""
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(
        policy.path, dtype="auto", use_safetensors=True, **policy.arguments
    )
    base.generation_config = model.get_base_model().generation_config
    whole = get_peft_model(base, copy(model.peft_config["default"]))
    weights = {key: weight.cpu() for key, weight in get_peft_model_state_dict(model).items()}
    missed = set_peft_model_state_dict(whole, weights).unexpected_keys
    assert not missed, missed
    return whole
