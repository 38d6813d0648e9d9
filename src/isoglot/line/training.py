"""The stage that trains: M_{t+1} from M_t, on preferences, demonstrations or prompts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.files import naming_a_full_disk
from isoglot.core.protocols import LanguageIdentifier, Scorer
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import count_rows, read_shard, shard_paths
from isoglot.data.score import ScoreConfig, score
from isoglot.execute.progress import Bars, TrainingBars
from isoglot.line.job import Job, Shards
from isoglot.recipe.recipe import Recipe
from isoglot.train.examples import check_rows_in
from isoglot.train.policy import Policy
from isoglot.train.selection import HeldOut, Identify, Reward
from isoglot.train.settings import OnStep, TrainConfig


def make_policy(job: Job, out: Path) -> Mapping[str, Any]:
    """Train the policy of the next round; of preferences, M_t is the reference.

    Raises InputError if there are no rows to train on.
    """
    config, launch = job.recipe.train, job.recipe.launch
    assert config is not None
    if job.recipe.is_online:
        files = _files(job.inputs["prompts"])
    else:
        stage, row = _rows_of(job.recipe)
        files = _files(job.inputs[stage])
        if not files:
            raise InputError(
                f"{job.inputs[stage].folder} holds no {row} to train on: expected some after "
                f"`{stage}`; see the reasons there (`isoglot report`), relax `{stage}:` or take "
                "more prompts"
            )
        if config.mixing:  # without mixing, the summary lists the languages without rows
            check_rows_in(files, job.recipe.trained_on)
    train: Callable[..., Any] = partial(train_here, job)
    if launch:
        from isoglot.train.launch import train_launched

        train = partial(train_launched, launch, train)
    seed = job.recipe.seed * 1000 + job.round
    with _progress(job, out) as on_step:
        return train(files, job.start(), out, config, seed=seed, on_step=on_step)


def train_here(
    job: Job,
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    *,
    seed: int,
    on_step: OnStep,
) -> dict[str, Any]:
    """Train by the recipe's method in this process, the only one or one of a launch.

    The models that reward completions are loaded here: they cannot be sent to another process.
    """
    reward, identify, held_out = None, None, None
    if config.choose or config.is_rewarded:
        assert job.recipe.score is not None
        reward, identify = reward_by(job.recipe.score, *job.scorers())
        held_out = _held_out(job, reward, identify) if config.choose else None
    elif config.is_online:
        identify = job.identifier().identify
    given: dict[str, Any] = {"seed": seed, "on_step": on_step, "held_out": held_out}
    return train_by_method(files, policy, out, config, reward, identify, **given)


def train_by_method(
    files: Sequence[Path],
    policy: Policy,
    out: Path,
    config: TrainConfig,
    reward: Reward | None,
    identify: Identify | None,
    **given: Any,
) -> dict[str, Any]:
    """Train by the config's method; online ones need a language identifier, and all of them but
    `sdft` a reward."""
    from isoglot.train.dpo import train_dpo
    from isoglot.train.online import train_online
    from isoglot.train.sft import train_sft

    if config.is_rewarded:
        assert reward is not None
        assert identify is not None
        return train_online(files, policy, out, config, reward, identify, **given)
    if config.is_online:
        from isoglot.train.sdft import train_sdft

        assert identify is not None
        return train_sdft(files, policy, out, config, identify, **given)
    train = {"dpo": train_dpo, "sft": train_sft}[config.method]
    return train(files, policy, out, config, **given)


def _rows_of(recipe: Recipe) -> tuple[str, str]:
    """Return the stage whose rows are trained on, and what a row is."""
    if recipe.privilege:
        return "privilege", "prompt with a context"
    return ("clean", "demonstration") if recipe.route else ("filter", "pair")


def _files(shards: Shards) -> list[Path]:
    """The shards that hold rows."""
    return [path for path in shard_paths(shards.folder) if count_rows(path, shards.record)]


def _held_out(job: Job, reward: Reward, identify: Identify) -> HeldOut:
    """The prompts of the last families of the round."""
    assert job.recipe.train
    assert job.recipe.train.choose
    num = job.recipe.train.choose.num_families
    paths = shard_paths(job.inputs["prompts"].folder)
    prompts = [row for path in paths for row in read_shard(path, Prompt)]
    families = list(dict.fromkeys(prompt.family for prompt in prompts))
    if len(families) <= num:
        raise InputError(
            f"expected more than the {num} families that train.choose keeps out of training, came "
            f"{len(families)}; set train.choose.num_families lower or take more prompts"
        )
    last = set(families[-num:])
    return HeldOut([row for row in prompts if row.family in last], reward, identify)


def reward_by(
    config: ScoreConfig, scorers: Sequence[Scorer], identifier: LanguageIdentifier
) -> tuple[Reward, Identify]:
    """Return the total reward of scorers and gates, and the identification of languages."""

    def reward(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        rows = score(prompts, completions, scorers, config, identifier)
        return [row.rewards["total"] for row in rows]

    return reward, identifier.identify


@contextmanager
def _progress(job: Job, out: Path) -> Iterator[OnStep]:
    """The bars of a training."""
    assert job.recipe.train is not None
    title = job.title(f"train {job.recipe.train.method}")
    with Bars(silent=job.silent) as bars, naming_a_full_disk(out):
        yield TrainingBars(bars, title)
