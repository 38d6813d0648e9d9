"""The train stage as a job: which method of `train/`, on which files, behind which bar."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.records import Preference
from isoglot.core.store import count_rows, naming_a_full_disk, shard_paths
from isoglot.execute.progress import Bar, Bars
from isoglot.job import Job


def make_policy(job: Job, out: Path) -> Mapping[str, Any]:
    """M_{t+1}, trained from M_t on the preferences; M_t is its own reference."""
    from isoglot.train.dpo import train_dpo
    from isoglot.train.launch import train_launched
    from isoglot.train.sft import train_sft

    config, launch = job.recipe.train, job.recipe.launch
    assert config is not None
    train: Callable[..., Any] = {"dpo": train_dpo, "sft": train_sft}[config.method]
    if launch:
        train = partial(train_launched, launch, train)
    files = [p for p in shard_paths(job.inputs["filter"]) if count_rows(p, Preference)]
    if not files:
        raise ValueError(
            f"{job.inputs['filter']} holds no pair to train on: expected some after filtering; "
            "see the reasons there (`isoglot report`), relax `filter:` or take more prompts"
        )
    with Bars(silent=job.silent) as bars:
        bar: list[Bar] = []  # made at the first step, when the number of steps is known

        def on_step(step: int, total: int) -> None:
            if not bar:
                bar.append(bars.bar(job.title(f"train {config.method}"), total))
            bar[0].reach(step)

        seed = job.recipe.seed * 1000 + job.round
        with naming_a_full_disk(out):
            return train(files, job.start(), out, config, seed=seed, on_step=on_step)
