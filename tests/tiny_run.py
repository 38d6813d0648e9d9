"""A whole run in seconds: the recipe of the demo with a tiny random model and few prompts.

A random model writes no language and closes no translation, so any reply counts as a translation
and only the filters stay on that do not ask for sense.
"""

import json
import shutil
from pathlib import Path

from isoglot.recipe.recipe import Recipe, load_recipe

LANGUAGES = ("en", "es", "sw")

_EVALUATION = ("num_families=6", "decoding.max_new_tokens=8")


def stopping_copy(model: Path, folder: Path) -> Path:
    """The model with every sixth token as an end of turn: else all answers would be cut off."""
    shutil.copytree(model, folder)
    path = folder / "generation_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"eos_token_id": list(range(1, 300, 6))}))
    return folder


def tiny_overrides(policy: Path, *more: str) -> list[str]:
    """What turns `lidr-lab` into a run of two rounds on three languages, three shards a stage."""
    return [
        f"policy.path={policy}",
        "policy.device=cpu",
        f"languages=[{', '.join(LANGUAGES)}]",
        "unseen_languages=[it]",
        "families_per_shard=3",
        "prompts.num_families=8",
        "generate.sampling.max_new_tokens=8",
        "translate.sampling.max_new_tokens=8",
        'translate.pattern="(.*)"',
        'translate.prefill=""',
        "filter.filters=[empty, same_text]",
        "train.training.use_cpu=true",
        "train.training.bf16=false",
        "train.training.per_device_train_batch_size=4",
        "train.training.save_steps=1",
        "train.training.logging_steps=1",
        *(f"evaluate.tasks.{i}.{setting}" for i in (0, 1) for setting in _EVALUATION),
        *(f"evaluate.validation.{setting}" for setting in _EVALUATION),
        *more,
    ]


def tiny_recipe(policy: Path, *more: str) -> Recipe:
    """The recipe of these overrides; what comes in `more` wins."""
    return load_recipe("lidr-lab", tiny_overrides(policy, *more))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def mtimes(folder: Path) -> dict[str, int]:
    """When each shard of answers or pairs was written; prompts cost nothing to write again."""
    shards = [p for p in folder.rglob("part-*.parquet") if p.parent.name != "prompts"]
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in shards}
