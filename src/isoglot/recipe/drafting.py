"""Draft a recipe of one of the methods for a model, its languages, rows and device.

The draft is a commented YAML file: the settings of the papers' recipes, sized so that the training
fits the device.
"""

import json
import re
from collections.abc import Mapping, Sequence
from textwrap import indent, wrap
from typing import Any, Literal, NamedTuple

from isoglot.benchmarks.catalogue import BENCHMARKS
from isoglot.core.errors import InputError
from isoglot.core.section import validated
from isoglot.core.yaml import read_yaml
from isoglot.models.memory import GIB, Device
from isoglot.models.shape import ModelShape
from isoglot.recipe.recipe import Recipe
from isoglot.train.fitting import Fit, fit_training
from isoglot.train.memory import Sharding
from isoglot.train.settings import TrainConfig

MethodName = Literal["lidr", "rlhf-dpo", "rlhf-rloo", "xllms", "sft"]

DRAFT_METHODS: Mapping[MethodName, str] = {
    "lidr": "Language Imbalance Driven Rewarding (arXiv:2410.08964): the model's English answers,\n"
    "translated by itself, against its own answers in the other languages.",
    "rlhf-dpo": "DPO on the model's own answers, ranked by a reward model (arXiv:2407.02552).",
    "rlhf-rloo": "RLOO on the model's own answers, by a reward model (arXiv:2407.02552).",
    "xllms": "Fine-tuning on instructions in all languages, then DPO on answers to cross-lingual\n"
    "prompts (arXiv:2406.01771).",
    "sft": "Fine-tuning on instructions: the set's own answers, translated, or the model's,\n"
    "chosen for each language by its measured quality.",
}
_PROMPT_TOKENS = 512
_WINDOW = 8192
"""Tokens of prompt and answer together that vLLM is asked for."""
_TASK = "belebele"
"""A benchmark of 122 languages, whose answers are choices."""
_TRANSLATOR = "facebook/nllb-200-distilled-600M"
_REWARDS = ("Skywork/Skywork-Reward-V2-Qwen3-0.6B", "Skywork/Skywork-Reward-V2-Qwen3-8B")
"""A reward model for devices under 20 GiB, and one for larger ones."""
_PLAIN = re.compile(r"[A-Za-z][\w./-]*")
"""A text that YAML reads as it is."""
_RATES = {"dpo": (1.0e-6, 5.0e-6), "rloo": (1.0e-6, 5.0e-6), "sft": (1.0e-5, 1.0e-4)}
"""Learning rates of all weights, and of adapters."""


class DraftSource(NamedTuple):
    """The rows that a draft takes its prompts from."""

    keys: Mapping[str, Any]
    """The section `prompts.source`."""
    translate_from: str | None
    """The language of the rows, if they are translated into the others."""
    num_families: int = 1000
    """Families that the draft takes, in all rounds together."""
    comment: str = ""


class Draft(NamedTuple):
    """A recipe as text, and what it was sized by."""

    text: str
    recipe: Recipe
    fit: Fit


def draft_recipe(
    method: MethodName,
    name: str,
    model: str,
    shape: ModelShape,
    languages: Sequence[str],
    source: DraftSource,
    device: Device,
    num_devices: int = 1,
) -> Draft:
    """Return a recipe whose training fits the device; with several, each trains a share of a batch.

    Raises:
        InputError: no setting of the training fits.
    """
    if len(languages) < 2 and method != "sft":
        raise InputError(
            f"expected two languages or more for {method}, got {', '.join(languages)}; name others"
        )
    kinds = {"rlhf-rloo": "rloo", "sft": "sft"}
    train = _fitting(kinds.get(method, "dpo"), shape, device, num_devices)
    dominant = "en" if "en" in languages else languages[0]
    parts = [
        _head(method, name, model, device, num_devices, train),
        f"name: {name}\nlanguages: [{', '.join(languages)}]\ndominant_language: {dominant}\n"
        "seed: 1\nfamilies_per_shard: 100\n",
        _policy(model, shape, device),
        _prompts(source, source.num_families // (2 if method == "xllms" else 1)),
        _body(method, train, shape, device, num_devices),
    ]
    if num_devices > 1:
        parts.append(f"launch: {{num_processes: {num_devices}, config: {train.sharding}}}\n")
    parts.append(_evaluate(languages))
    text = "\n".join(parts)
    recipe = validated(Recipe, read_yaml(text, name), f"recipe {name}")
    return Draft(text, recipe, train.fit)


class _Training(NamedTuple):
    """A training that fits, and how its devices share it."""

    fit: Fit
    sharding: str


def _fitting(kind: str, shape: ModelShape, device: Device, num_devices: int) -> _Training:
    """Fit all weights, in shards where there are several devices, or else adapters on each."""
    training: dict[str, Any] = {
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": max(1, 16 // num_devices),
        "gradient_checkpointing": not device.is_cpu,
    }
    length = min(2048, shape.window or 2048)
    if kind == "rloo":
        more = {"num_generations": 2, "max_completion_length": length // 2}
        training |= more | {"steps_per_generation": training["gradient_accumulation_steps"]}
    else:
        training["max_length"] = length
    config = TrainConfig.model_validate({"method": kind, "training": training})
    names = ["none"] if num_devices == 1 else ["ddp"] if kind == "rloo" else ["fsdp2", "ddp"]
    for name in names:
        fit = fit_training(shape, config, device, _PROMPT_TOKENS, Sharding(num_devices, name))
        if fit and (name != "fsdp2" or fit.config.lora is None):
            return _Training(fit, name)
    raise InputError(
        f"expected a device that holds the training of {shape.num_weights / 1e9:.1f} billion "
        f"weights, got {device.num_bytes / GIB:.0f} GiB, where none fits; take a smaller model or "
        "a larger device"
    )


def _head(
    method: MethodName, name: str, model: str, device: Device, num_devices: int, train: _Training
) -> str:
    memory = train.fit.memory
    each = f"{num_devices} x " * (num_devices > 1)
    size = f"{each}{device.num_bytes / GIB:.0f} GiB"
    lines = [
        *DRAFT_METHODS[method].splitlines(),
        "",
        *wrap(f"Written by `isoglot new {method}` for {model} on {size}.", 96),
        *wrap(f"The training takes {memory.describe()} of each.", 96),
        f"isoglot plan {name}.yaml",
        f"isoglot run {name}.yaml",
    ]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _policy(model: str, shape: ModelShape, device: Device) -> str:
    if device.is_cpu:
        engine = "transformers  # in this process, in batches of batch_tokens"
        more = "  batch_tokens: 8192\n"
    else:
        engine = "vllm  # in servers of its own; `isoglot env` says how to install it"
        window = min(_WINDOW, shape.window or _WINDOW)
        more = f"  vllm: {{max_model_len: {window}}}  # its cache holds one such row or more\n"
    return f"policy:\n  engine: {engine}\n  path: {model}\n{more}"


def _prompts(source: DraftSource, num_families: int) -> str:
    keys = "".join(f"    {key}: {_flow(value)}\n" for key, value in source.keys.items())
    comment = f"  # {source.comment}\n" if source.comment else ""
    translated = f"  translate_from: {source.translate_from}\n" if source.translate_from else ""
    return (
        f"prompts:\n{comment}  source:\n{keys}{translated}  num_families: {max(1, num_families)}\n"
    )


def _flow(value: Any) -> str:
    """Write a value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.1e}" if value < 0.01 else str(value)
    is_plain = not isinstance(value, str) or _PLAIN.fullmatch(value)
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False)


def _body(
    method: MethodName, train: _Training, shape: ModelShape, device: Device, num_devices: int
) -> str:
    """The stages between prompts and evaluation, with the training."""
    answers = min(1024, (shape.window or 2048) // 4)
    own = _train(train.fit.config)
    greedy = f"generate:\n  sampling: {{temperature: 0.0, max_new_tokens: {answers}}}\n"
    sampled = (
        f"generate:\n  sampling: {{temperature: 0.8, top_p: 0.95, num_samples: 4, "
        f"max_new_tokens: {answers}}}\n"
    )
    translated = f"translate:\n  sampling: {{max_new_tokens: {2 * answers}}}\n"
    translator = f"translator: {{engine: seq2seq, path: {_TRANSLATOR}}}\n"
    reward = _REWARDS[device.usable > 20 * GIB]
    score = (
        "score:\n  scorers:\n    # trained on English, and useful in most of 14 languages (8B, "
        f"arXiv:2605.26293)\n    - {{kind: reward_model, path: {reward}}}\n"
    )
    ranked = "pair: {method: best_vs_worst}\n"
    samplers = (
        "samplers:\n  - {kind: source, answers_in: dominant}  # the set's own answers, translated\n"
        "  - {kind: policy}                          # or the model's own\n"
    )
    route = "route: {max_off_target_rate: 0.1, max_artefact_rate: 0.2, without: best}\n"
    if method == "lidr":
        pair = "pair: {method: translated_vs_direct}\n"
        return "\n".join([greedy, translated, pair, own])
    if method == "rlhf-dpo":
        return "\n".join([translated, sampled, score, ranked, own])
    if method == "rlhf-rloo":
        return "\n".join([translated, score, own])
    if method == "sft":
        return "\n".join([translator, samplers, greedy, route, own])
    first = _train(_fitting("sft", shape, device, num_devices).fit.config)
    second = "prompts.cross_lingual: {pairs_per_family: 4, same_language: 0.2}\n"
    right = "    - {kind: language_match, weight: 0}  # counted, and asked of what is chosen\n"
    chosen = "pair: {method: best_vs_worst, chosen_language: not_wrong}\n"
    rounds = [samplers + route + first, second + score + right + chosen + own]
    listed = "".join("  - " + indent(each, "    ").removeprefix("    ") for each in rounds)
    return "\n".join([translator, sampled, "rounds:\n" + listed])


def _train(config: TrainConfig) -> str:
    """The section `train`, with a comment where a value is ours."""
    training = dict(config.training)
    full, adapters = _RATES[config.method]
    lines = [f"  method: {config.method}"]
    if config.method == "dpo":
        lines.append(
            "  nll: sequence_mean  # likelihood of chosen, which preserves what is learned"
        )
    if config.lora:
        lora = {"r": config.lora.r, "alpha": config.lora.alpha, "targets": config.lora.targets}
        lines.append(f"  lora: {_flow(lora)}  # all weights do not fit")
    if config.quantization:
        lines.append("  quantization: {}  # the base in 4 bits: nothing else fits")
    settings = {
        "learning_rate": adapters if config.lora else full,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 20,
        "num_train_epochs": 1,
        **({} if config.method == "sft" else {"beta": 0.1}),
        **training,
        "save_steps": 20,
    }
    lines.append("  training:")
    lines += [f"    {key}: {_flow(value)}" for key, value in settings.items()]
    return "train:\n" + "\n".join(lines) + "\n"


def _evaluate(languages: Sequence[str]) -> str:
    if not set(languages) & set(BENCHMARKS[_TASK].languages):
        return "# evaluate: no benchmark of the package has these languages; give a file of yours\n"
    return (
        "evaluate:\n  tasks:\n    # choices, read from the hub; `isoglot benchmarks` lists others\n"
        f"    - name: {_TASK}\n      prompts: {{kind: benchmark, benchmark: {_TASK}}}\n"
        "      num_families: 100\n"
    )
