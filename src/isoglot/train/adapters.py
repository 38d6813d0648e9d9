"""Low-rank adapters, over a base in 4 bits where the recipe says so."""

from typing import Any, Literal

from pydantic import Field

from isoglot.core.environment import fast_bfloat16
from isoglot.core.errors import InputError, require
from isoglot.core.section import Section


class LoraConfig(Section):
    """Low-rank adapters, merged into the saved policy."""

    r: int = Field(16, ge=1)
    """Rank of the adapters."""
    alpha: int = Field(32, ge=1)
    """Scale of the adapters, which are multiplied by alpha / r."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """TRL's DPO sets it to 0 unless `training: {disable_dropout: false}`."""
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of modules; `all-linear` is every linear layer but the output head."""


class QuantizationConfig(Section):
    """QLoRA (arXiv:2305.14314): a base in 4 bits while the adapters are trained; needs a GPU.

    The adapters are merged into the base in its own precision, which the saved policy has.
    """

    bits: Literal[4] = 4
    """Bits of a weight of the base."""
    type: Literal["nf4", "fp4"] = "nf4"
    """Data type of the weights: NormalFloat (the paper's) or 4-bit floats."""
    double_quant: bool = True
    """Quantize the constants of the quantization, too."""


def check_quantization() -> None:
    """Raise InputError where no base can be in 4 bits."""
    import torch

    require("qlora", "train.quantization", "remove the section")
    if not torch.cuda.is_available():
        raise InputError(
            "expected a GPU for train.quantization, got none; train on a machine with one, or "
            "remove the section"
        )


def quantization_arguments(config: QuantizationConfig) -> dict[str, Any]:
    """Return the arguments of BitsAndBytesConfig; computations are in the training's precision."""
    import torch

    return {
        "load_in_4bit": config.bits == 4,
        "bnb_4bit_quant_type": config.type,
        "bnb_4bit_use_double_quant": config.double_quant,
        "bnb_4bit_compute_dtype": torch.bfloat16 if fast_bfloat16() else torch.float16,
    }


def peft_config(lora: LoraConfig | None) -> Any:
    """Return PEFT's config, or None to train all weights."""
    if lora is None:
        return None
    from peft import LoraConfig as PeftLoraConfig

    targets = lora.targets if isinstance(lora.targets, str) else list(lora.targets)
    how = {"r": lora.r, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout}
    return PeftLoraConfig(**how, target_modules=targets, task_type="CAUSAL_LM")


def adapter_arguments(
    lora: LoraConfig | None, quantization: QuantizationConfig | None
) -> dict[str, Any]:
    """Return the arguments of TRL's trainers that make adapters and quantize their base."""
    arguments: dict[str, Any] = {"peft_config": peft_config(lora)}
    if quantization is not None:
        from transformers import BitsAndBytesConfig

        check_quantization()
        given = quantization_arguments(quantization)
        arguments["quantization_config"] = BitsAndBytesConfig(**given)
    return arguments
