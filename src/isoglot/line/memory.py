"""Peak memory of each stage of a recipe on its device, and the check that it fits."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.environment import accelerator, fast_bfloat16, memory_bytes
from isoglot.core.errors import InputError
from isoglot.core.scorers import (
    ConsistencyConfig,
    ImplicitRewardConfig,
    JudgeScorerConfig,
    RewardModelConfig,
    ScorerConfig,
    SiblingsConfig,
    SimilarityConfig,
    TranslationLikelihoodConfig,
)
from isoglot.core.store import shard_paths
from isoglot.line.stages import STAGES
from isoglot.models.load import PolicyConfig, is_served, model_config
from isoglot.models.member import PolicyMember
from isoglot.models.memory import (
    GIB,
    Device,
    Memory,
    likelihood_memory,
    reading_memory,
    transformers_memory,
    vllm_memory,
    vllm_rows,
)
from isoglot.models.scorers.load import weights_of
from isoglot.models.shape import ModelShape, model_shape
from isoglot.recipe.recipe import Recipe
from isoglot.train.fitting import fit_training, sharding_that_fits
from isoglot.train.memory import Sharding, training_length, training_memory
from isoglot.train.settings import TrainConfig

Served = Callable[[PolicyConfig], bool]

PROMPT_TOKENS = 512
"""Assumed length of the longest prompt: it is not known before the prompts are read."""


class StageMemory(NamedTuple):
    """The memory that one model needs in one stage."""

    stage: str
    model: str
    """Its path."""
    method: str
    """`full`, `LoRA`, `QLoRA`, with the sharding; or the engine."""
    memory: Memory
    rows: int
    """Rows at a time: of a batch, or that the cache of vLLM holds."""
    length: int
    """Tokens of each of them."""


def this_device() -> Device:
    """Return the accelerator of this machine, or else its processors with the main memory."""
    if found := accelerator():
        name, num_bytes = found
        return Device(name, float(num_bytes), fast_bfloat16())
    return Device("cpu", float(memory_bytes()), fast_bfloat16("cpu"), is_cpu=True)


def stage_memories(
    recipe: Recipe, device: Device, served: Served | None = None, *, fetch: bool = True
) -> list[StageMemory]:
    """Return the memory of each stage that holds a model, of all rounds that differ.

    `served` tells which models vLLM runs, by default also those of engine auto on an accelerator. A
    model whose shape is not known is left out; `fetch` allows to read a config.json of the hub.
    """
    found: dict[tuple[str, ...], StageMemory] = {}

    def on_accelerator(config: PolicyConfig) -> bool:
        return config.engine == "vllm" or (config.engine == "auto" and not device.is_cpu)

    for each in recipe.different_rounds:
        for stage in _of_round(each, device, served or on_accelerator, fetch=fetch):
            key = (stage.stage, stage.model, stage.method)
            if key not in found or found[key].memory.total < stage.memory.total:
                found[key] = stage
    return list(found.values())


def check_memory(recipe: Recipe, device: Device) -> None:
    """Raise InputError for a stage that the device cannot hold, with the nearest setting that fits.

    Nothing is said of models of other devices than this machine's, or of unknown shape. Of several
    stages of one model it is the largest, so that its setting fits the others too.
    """
    stages = stage_memories(recipe, device, is_served)
    large = [stage for stage in stages if stage.memory.total > device.usable]
    if large:
        first = large[0]
        alike = [s for s in large if (s.model, s.method) == (first.model, first.method)]
        stage = max(alike, key=lambda each: each.memory.total)
        raise InputError(
            f"{stage.stage} of {stage.model} ({stage.method}) needs "
            f"{stage.memory.describe()}, got {device.name} with {device.num_bytes / GIB:.0f} "
            f"GiB, of which {device.usable / GIB:.0f} can be used; "
            f"{nearest_setting(recipe, stage, device)}"
        )


def when_memory_is_full(stage: str, recipe: Recipe, folder: Path) -> str:
    """Say which setting to lower after a stage ran out of memory, and what was kept."""
    if stage == "train" and recipe.train:
        training = recipe.train.training
        rows = int(training.get("per_device_train_batch_size", 8))
        lower = [f"train.training.per_device_train_batch_size (now {rows})"] if rows > 1 else []
        if "max_length" in training:
            lower.append(f"train.training.max_length (now {training['max_length']})")
        if recipe.train.is_online:
            lower.append("train.training.max_completion_length")
        if recipe.train.lora is None:
            lower.append("the memory of the optimiser by train.lora={r: 16}")
        return (
            f"lower {' or '.join(lower)}; all stages before it are kept: the same command with "
            "--redo repeats the training alone"
        )
    num = len(shard_paths(folder))
    kept = f"{num} finished shard{'s' * (num != 1)} and all stages before are kept: "
    return f"lower {_setting_of(stage, recipe)}; {kept}the same command goes on from there"


def _setting_of(stage: str, recipe: Recipe) -> str:
    """Name the setting that decides the memory of a stage whose model reads or writes."""
    if stage == "score":
        return "batch_tokens of the model in score.scorers"
    models: list[tuple[str, Any]] = [("policy", recipe.policy)]
    if stage.startswith("translate") and recipe.translators:
        models = [("translator", each) for each in recipe.translators]
    elif stage == "generate":
        models = [
            ("policy", recipe.policy) if isinstance(each, PolicyMember) else ("samplers", each)
            for each in recipe.pool
        ]
    settings = []
    for name, config in models:
        if isinstance(config, PolicyConfig) and is_served(config):
            settings.append(f"{name}.vllm.max_model_len or {name}.vllm.gpu_memory_utilization")
        elif hasattr(config, "batch_tokens"):
            settings.append(f"{name}.batch_tokens (now {config.batch_tokens})")
    return " and ".join(dict.fromkeys(settings)) or "the size of the model"


def _of_round(
    recipe: Recipe, device: Device, served: Served, *, fetch: bool
) -> Iterator[StageMemory]:
    for stage, config, length in _samplers(recipe):
        yield from _sampling(stage, config, device, length, served, fetch=fetch)
    for scorer in recipe.score.scorers if recipe.score else ():
        yield from _scoring(scorer, recipe, device, served, fetch=fetch)
    if recipe.train:
        yield from _training(recipe, recipe.train, device, fetch=fetch)


def _scoring(
    scorer: ScorerConfig, recipe: Recipe, device: Device, served: Served, *, fetch: bool
) -> Iterator[StageMemory]:
    match scorer:
        case (
            RewardModelConfig()
            | SimilarityConfig()
            | ConsistencyConfig()
            | TranslationLikelihoodConfig()
        ):
            model = scorer if scorer.path else recipe.policy
            assert model.path is not None
            shape = model_shape(model.path, model.revision, fetch=fetch)
            if shape:
                dtype = shape.dtype if model.dtype == "auto" else model.dtype
                memory = reading_memory(shape, dtype, model.batch_tokens)
                yield StageMemory("score", model.path, "reads", memory, 1, model.batch_tokens)
        case JudgeScorerConfig() | SiblingsConfig():
            judge = model_config(scorer.model)
            if isinstance(judge, PolicyConfig):
                length = PROMPT_TOKENS + 3 * recipe.generate.sampling.max_new_tokens
                yield from _sampling("score", judge, device, length, served, fetch=fetch)
        case ImplicitRewardConfig():
            policy = weights_of(scorer, scorer.policy) if scorer.policy else recipe.policy
            configs = policy, weights_of(scorer, scorer.reference)
            shapes = [model_shape(each.path, each.revision, fetch=fetch) for each in configs]
            ours, other = shapes
            if ours and other:
                tokens = policy.batch_tokens
                memory = likelihood_memory(policy, ours, device, tokens)
                weights = likelihood_memory(configs[1], other, device, tokens).parts["weights"]
                memory = Memory({**memory.parts, "reference": weights})
                yield StageMemory("score", policy.path, "reads", memory, 1, tokens)


def _samplers(recipe: Recipe) -> Iterator[tuple[str, PolicyConfig, int]]:
    """Yield the models that write: their stage, config, and tokens of the longest row."""
    stages = {stage.name for stage in STAGES if stage.applies(recipe)}
    answer = recipe.generate.sampling.max_new_tokens
    for member in recipe.pool if "generate" in stages else ():
        config = recipe.policy if isinstance(member, PolicyMember) else member
        own = member.sampling.max_new_tokens if member.sampling else answer
        if isinstance(config, PolicyConfig):
            yield "generate", config, PROMPT_TOKENS + own
    translated = recipe.translate.sampling.max_new_tokens if recipe.translate else answer
    given = [each for each in recipe.translators if isinstance(each, PolicyConfig)]
    if not recipe.translators:
        given = [recipe.policy]  # type: ignore[list-item]
    for config in given if stages & {"translate", "translate_prompts"} else ():
        yield "translate", config, PROMPT_TOKENS + answer + translated
    for each in recipe.prompts.transform:
        writer = each.sampler or recipe.policy
        if isinstance(writer, PolicyConfig):
            longest_text = 2 * PROMPT_TOKENS + each.sampling.max_new_tokens
            if each.agreement:
                answer_length = PROMPT_TOKENS + each.agreement.sampling.max_new_tokens
                longest_text = max(longest_text, answer_length)
            yield "transform_prompts", writer, longest_text
    longest = [task.decoding.max_new_tokens for task in recipe.evaluate.all_tasks]
    if longest:
        yield "evaluate", recipe.policy, PROMPT_TOKENS + max(longest)


def _sampling(
    stage: str, config: PolicyConfig, device: Device, length: int, served: Served, *, fetch: bool
) -> Iterator[StageMemory]:
    shape = model_shape(config.path, config.revision, fetch=fetch)
    if shape is None or (config.device not in ("auto", "cuda") and not device.is_cpu):
        return
    length = min(length, shape.window or length)
    if served(config):
        rows = min(vllm_rows(config, shape, device, length), config.vllm.max_concurrency)
        memory = vllm_memory(config, shape, device, length)
        yield StageMemory(stage, config.path, "vllm", memory, rows, length)
        return
    memory = transformers_memory(config, shape, device, length)
    rows = max(1, config.batch_tokens // length)
    yield StageMemory(stage, config.path, "transformers", memory, rows, length)


def _training(
    recipe: Recipe, config: TrainConfig, device: Device, *, fetch: bool
) -> Iterator[StageMemory]:
    shape = model_shape(recipe.policy.path, recipe.policy.revision, fetch=fetch)
    if shape is None or (config.training.get("use_cpu") and not device.is_cpu):
        return
    sharding = sharding_of(recipe)
    length = min(training_length(config, PROMPT_TOKENS), shape.window or 10**9)
    memory = training_memory(shape, config, device, length, sharding)
    rows = int(config.training.get("per_device_train_batch_size", 8))
    method = f"{config.method} {method_of(config)}"
    if sharding.num_processes > 1:
        method += f", {sharding.config} over {sharding.num_processes}"
    yield StageMemory("train", recipe.policy.path, method, memory, rows, length)


def method_of(config: TrainConfig) -> str:
    """Return `full`, `LoRA` or `QLoRA`."""
    return "full" if config.lora is None else "QLoRA" if config.quantization else "LoRA"


def sharding_of(recipe: Recipe) -> Sharding:
    """Return how the training of a recipe is shared; a file of accelerate's counts as `ddp`."""
    launch = recipe.launch
    if launch is None:
        return Sharding()
    known = launch.config in ("fsdp2", "zero2", "zero3")
    return Sharding(launch.num_processes, launch.config if known else "ddp")


def nearest_setting(recipe: Recipe, stage: StageMemory, device: Device) -> str:
    """Say which setting fits, as it is written on the command line."""
    rounds = [each for each in recipe.different_rounds if each.train]
    shape = model_shape(stage.model)
    assert shape is not None
    if stage.stage != "train":
        return _mend_engine(stage, shape, device)
    for each in rounds:
        config = each.train
        assert config is not None
        fit = fit_training(shape, config, device, PROMPT_TOKENS, sharding_of(each))
        if fit and not fit.changes:
            continue
        options = []
        if fit:
            settings = " ".join(f"train.{key}={_yaml(value)}" for key, value in fit.changes.items())
            options.append(f"set {settings} ({fit.memory.total / GIB:.0f} GiB)")
        if config.lora is None and each.launch is None and not device.is_cpu:
            sharding = sharding_that_fits(shape, config, device, PROMPT_TOKENS)
            if sharding:
                num = sharding.num_processes
                options.append(
                    f"train on {num} of them with launch='{{num_processes: {num}, config: fsdp2}}'"
                )
        if options:
            return "; or ".join(options)
    return "no setting of the training fits it: take a smaller model or a larger device"


def _mend_engine(stage: StageMemory, shape: ModelShape, device: Device) -> str:
    parts = stage.memory.parts
    rest = stage.memory.total - parts["weights"]
    if parts["weights"] > 0.9 * device.usable:
        num = 2
        while parts["weights"] / num > 0.7 * device.usable:
            num *= 2
        return (
            f"the weights alone do not fit: split them over {num} devices with engine vllm and "
            f"vllm.tensor_parallel_size={num}, or take a smaller model"
        )
    share = (device.usable - parts["weights"]) / rest
    if stage.method == "vllm":
        fixed = parts["activations"]
        room = device.usable - parts["weights"] - fixed
        length = int(room / (shape.cache_elements * 2)) // 256 * 256
        return f"set its vllm.max_model_len to {max(256, length)} or lower"
    tokens = stage.rows * stage.length
    if stage.method == "reads":
        tokens = stage.length
    fitting = max(256, int(tokens * share) // 256 * 256)
    return f"set its batch_tokens to {fitting} or lower"


def _yaml(value: Any) -> str:
    if hasattr(value, "model_dump"):
        value = value.model_dump(exclude_defaults=True)
    if isinstance(value, Mapping):
        return "'{" + ", ".join(f"{key}: {each}" for key, each in value.items()) + "}'"
    return str(value).lower() if isinstance(value, bool) else str(value)
