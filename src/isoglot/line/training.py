"""The train stage as a job: which method of `train/`, on which files, behind which bar."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Demonstration, Preference, Prompt
from isoglot.core.store import count_rows, naming_a_full_disk, read_shard, shard_paths
from isoglot.data.score import score
from isoglot.execute.progress import Bar, Bars
from isoglot.line.job import Job
from isoglot.train.choose import HeldOut, Identify, Reward
from isoglot.train.common import OnStep, Policy, TrainConfig
from isoglot.train.examples import check_languages


def make_policy(job: Job, out: Path) -> Mapping[str, Any]:
    """M_{t+1}, trained from M_t on the preferences, M_t being its own reference; or on
    demonstrations."""
    stage = next(name for name in ("filter", "clean") if name in job.inputs)
    kind, what = {"filter": (Preference, "pair"), "clean": (Demonstration, "demonstration")}[stage]
    files = [p for p in shard_paths(job.inputs[stage]) if count_rows(p, kind)]
    if not files:
        raise InputError(
            f"{job.inputs[stage]} holds no {what} to train on: expected some after `{stage}`; see "
            f"the reasons there (`isoglot report`), relax `{stage}:` or take more prompts"
        )
    config = job.recipe.train
    if config and config.mixing:  # else a language without rows is a line of the summary
        check_languages(files, job.recipe.languages)
    return _trained(job, files, out)


def make_online_policy(job: Job, out: Path) -> Mapping[str, Any]:
    """M_{t+1}, trained from M_t on its own answers to the prompts, by the reward of `score:`."""
    files = [p for p in shard_paths(job.inputs["prompts"]) if count_rows(p, Prompt)]
    return _trained(job, files, out)


def _trained(job: Job, files: Sequence[Path], out: Path) -> Mapping[str, Any]:
    config, launch = job.recipe.train, job.recipe.launch
    assert config is not None
    train: Callable[..., Any] = partial(train_here, job)
    if launch:
        from isoglot.train.launch import train_launched

        train = partial(train_launched, launch, train)
    with _behind_a_bar(job, out) as on_step:
        return train(files, job.start(), out, config, seed=_seed(job), on_step=on_step)


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
    """The method of a recipe in this process, the only one or one of a launch.

    A job can be sent to another process; the models that reward answers cannot, and are loaded
    here.
    """
    from isoglot.train.dpo import train_dpo
    from isoglot.train.rloo import train_rloo
    from isoglot.train.sft import train_sft

    judged = _reward(job) if config.choose or config.method == "rloo" else None
    held_out = _held_out(job, *judged) if config.choose and judged else None
    given: dict[str, Any] = {"seed": seed, "on_step": on_step, "held_out": held_out}
    if config.method == "rloo":
        assert judged is not None
        return train_rloo(files, policy, out, config, *judged, **given)
    train = {"dpo": train_dpo, "sft": train_sft}[config.method]
    return train(files, policy, out, config, **given)


def _held_out(job: Job, reward: Reward, identify: Identify) -> HeldOut:
    """The prompts of the last families of the round."""
    assert job.recipe.train
    assert job.recipe.train.choose
    num = job.recipe.train.choose.num_families
    prompts = [
        row for path in shard_paths(job.inputs["prompts"]) for row in read_shard(path, Prompt)
    ]
    families = list(dict.fromkeys(prompt.family for prompt in prompts))
    if len(families) <= num:
        raise InputError(
            f"expected more than the {num} families that train.choose keeps out of training, got "
            f"{len(families)}; set train.choose.num_families lower or take more prompts"
        )
    last = set(families[-num:])
    return HeldOut([row for row in prompts if row.family in last], reward, identify)


def _reward(job: Job) -> tuple[Reward, Identify]:
    """The total of the recipe's scorers behind its gates, and what tells languages apart."""
    scorers, identifier = job.scorers()
    config = job.recipe.score
    assert config is not None

    def reward(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        rows = score(prompts, completions, scorers, config, identifier)
        return [row.rewards["total"] for row in rows]

    return reward, identifier.identify


def _seed(job: Job) -> int:
    return job.recipe.seed * 1000 + job.round


@contextmanager
def _behind_a_bar(job: Job, out: Path) -> Iterator[OnStep]:
    """What a training calls at each step; the bar is made when the number of steps is known."""
    config = job.recipe.train
    assert config is not None
    title = job.title(f"train {config.method}")
    with Bars(silent=job.silent) as bars, naming_a_full_disk(out):
        bar: list[Bar] = []

        def on_step(step: int, total: int) -> None:
            if not bar:
                bar.append(bars.bar(title, total))
            bar[0].reach(step)

        yield on_step
