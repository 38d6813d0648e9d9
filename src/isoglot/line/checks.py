"""Checks of a run and of its prompts: whatever would otherwise fail only after hours of work."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError, require
from isoglot.core.records import Prompt
from isoglot.core.scorers import JudgeScorerConfig, SiblingsConfig
from isoglot.core.store import read_shard, shard_paths
from isoglot.data.cross_lingual import check_cross_lingual
from isoglot.execute.ray import check_ray
from isoglot.line.job import Job, Shards
from isoglot.line.memory import check_memory, this_device
from isoglot.line.scorers import check_scorer
from isoglot.line.sources import file_revisions
from isoglot.models.load import check_key, check_translator, model_name_of, sampler_revision
from isoglot.models.member import PolicyMember
from isoglot.models.scorers.load import scorer_settings
from isoglot.recipe.models import model_of
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import RayConfig
from isoglot.train.arguments import check_training
from isoglot.train.launch import check_launch, num_processes_of
from isoglot.train.template import check_template, check_turns, end_ids, load_training_tokenizer


def check_settings(recipe: Recipe, out: Path) -> None:
    """Raise InputError for a missing package, a missing or unknown path, model, grader or trainer
    argument, and a stage that the memory of this machine cannot hold.

    A round that has trained is not checked again, since that would import TRL for nothing.
    """
    require("train", "a run")
    require("report", "the page of a run")
    if isinstance(recipe.execute, RayConfig):
        check_ray()
    for each in recipe.different_rounds:  # first, since the answer takes no request
        file_revisions(each.prompts.source)
    sampler_revision(recipe.policy)
    for task in recipe.evaluate.all_tasks:
        file_revisions(task.prompts)
        if task.cross_lingual:
            check_cross_lingual(task.cross_lingual, recipe.all_languages)
    for round, each in enumerate(recipe.different_rounds):
        is_trained = any(earlier.train for earlier in recipe.different_rounds[:round])
        _check_round(each, out / f"round-{round}", is_trained)
        if not is_made(each, out / f"round-{round}"):
            check_memory(each, this_device())


def is_made(recipe: Recipe, folder: Path) -> bool:
    """True if the last stage of a round is done, after which its models are needed no more."""
    return (folder / ("train" if recipe.train else "pair") / "done.json").exists()


def _check_round(recipe: Recipe, out: Path, is_trained: bool) -> None:
    samplers = [
        recipe.policy if isinstance(each, PolicyMember) else each for each in recipe.samplers
    ]
    _check_names("samplers", samplers)
    _check_names("translators", recipe.translators)
    _check_keys(recipe, out, samplers)
    is_translated = any(out.glob("translate*/done.json"))
    for place, translator in enumerate(recipe.translators):
        if not is_translated:
            check_translator(translator, recipe.translated_languages(place))
    for scorer in recipe.score.scorers if recipe.score else ():
        scorer_settings(scorer)
        check_scorer(scorer, recipe, is_trained=is_trained)
    if recipe.prompts.cross_lingual:
        check_cross_lingual(recipe.prompts.cross_lingual, recipe.languages)
    if recipe.train and not (out / "train/done.json").exists():
        check_training(recipe.train, num_processes_of(recipe.launch))
        if recipe.launch:
            check_launch(recipe.launch, recipe.train)


def _check_keys(recipe: Recipe, out: Path, samplers: Sequence[Any]) -> None:
    """Check the keys of the servers that the stages which are not done ask."""
    scorers = recipe.score.scorers if recipe.score else ()
    judges = [
        model_of(each.model)
        for each in scorers
        if isinstance(each, JudgeScorerConfig | SiblingsConfig)
    ]
    asked = {"generate": samplers, "translate": recipe.translators, "score": judges}
    for stage, models in asked.items():
        if not (out / stage / "done.json").exists():
            for model in models:
                check_key(model)


def _check_names(section: str, models: Sequence[Any]) -> None:
    """Check that each model can be found, and that no two have one name."""
    names: list[str] = []
    for model in models:
        sampler_revision(model)
        names.append(model_name_of(model))
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(
            f"expected {section} of different names, came {twice[0]!r} twice; leave one out"
        )


def check_prompts(job: Job, shards: Shards) -> None:
    """Check the chat template of the policy on a prompt of each form, before anything is written.

    A prompt that is trained on is checked with an answer, as training will read both.

    Raises:
        InputError: a template that refuses the turns of a prompt, loses one, or spoils a training.
    """
    recipe = job.recipe
    is_sampler = not recipe.samplers or any(isinstance(s, PolicyMember) for s in recipe.samplers)
    if not recipe.train and not (is_sampler and recipe.policy.format == "chat"):
        return
    forms: dict[tuple[str, ...], Prompt] = {}
    for path in shard_paths(shards.folder):
        for prompt in read_shard(path, Prompt):
            forms.setdefault(tuple(turn["role"] for turn in prompt.prompt), prompt)
    policy = job.start()
    tokenizer = load_training_tokenizer(policy)
    ends = end_ids(policy, tokenizer)
    answer = {"completion": [{"role": "assistant", "content": "7"}]}
    for roles, prompt in forms.items():
        row = {"prompt": prompt.prompt, "language": prompt.language}
        if recipe.train and roles[-1] == "user":
            check_template(tokenizer, ends, [row | ({} if recipe.train.is_online else answer)])
        else:
            check_turns(tokenizer, [row])
