"""The stages that make preferences: score the completions, pair them, filter the pairs."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.records import Completion, Preference, Prompt
from isoglot.data.filter import filter_preferences
from isoglot.data.pair import pair_completions
from isoglot.data.score import score
from isoglot.execute.local import map_shards
from isoglot.line.job import Job


def make_scores(job: Job, out: Path) -> Mapping[str, Any]:
    """Give every completion its rewards."""
    config = job.recipe.score
    assert config is not None

    def stage(prompts: list[Prompt], rows: list[Completion], loaded: Any) -> list[Completion]:
        scorers, identifier = loaded
        return score(prompts, rows, scorers, config, identifier)

    inputs = job.shards("prompts", "completions")
    with job.bar("score", inputs[0].num_rows) as bar:
        counts = job.executor()(stage, inputs, out, Completion, load=job.scorers, bar=bar)
    return counts.kept_and_dropped


def make_pairs(job: Job, out: Path) -> Mapping[str, Any]:
    """Pair the completions by the recipe's rule; every candidate pair is kept."""
    recipe = job.recipe
    stage = partial(
        pair_completions, config=recipe.pair, dominant=recipe.dominant_language, round=job.round
    )
    inputs = job.shards("prompts", "completions")
    with job.bar("pair", inputs[0].num_rows) as bar:
        counts = map_shards(stage, inputs, out, Preference, bar=bar)
    return counts.kept_and_dropped


def make_filtered(job: Job, out: Path) -> Mapping[str, Any]:
    """Separate the pairs fit to train on from the others, which carry their reason."""
    stage = partial(filter_preferences, config=job.recipe.filter)
    inputs = job.shards("pair")
    with job.bar("filter", inputs[0].num_rows) as bar:
        counts = map_shards(stage, inputs, out, Preference, load=job.identifier, bar=bar)
    return counts.kept_and_dropped
