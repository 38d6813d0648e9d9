"""The stages that make preferences: score the completions, pair them, filter the pairs."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.records import Completion, Preference, Prompt
from isoglot.core.scorers import EmbeddingSection, is_fitted
from isoglot.core.store import read_shard, shard_paths
from isoglot.data.filter import filter_preferences
from isoglot.data.length_penalty import PenalisedReward, fit_length_penalties
from isoglot.data.pair import pair_completions
from isoglot.data.score import ScoreConfig, score
from isoglot.data.splice import spliced_preferences
from isoglot.execute.ledger import make_once
from isoglot.execute.local import map_shards
from isoglot.line.job import Job, Shards
from isoglot.models.scorers.load import calibrated


def make_scores(job: Job, out: Path) -> Mapping[str, Any]:
    """Give every completion its rewards.

    The embeddings of parallel prompts of all shards calibrate similarities first
    (`calibration.json`). A length penalty that is fitted needs the rewards of all shards: they are
    made without it (`unfitted/`), then come the penalties (`length_penalties.json`), then the
    rewards.
    """
    config = job.recipe.score
    assert config is not None
    prompts, completions = job.shards("prompts", "completions")
    load: Callable[[], Any] = job.scorers
    if any(isinstance(each, EmbeddingSection) and each.calibrate for each in config.scorers):
        means = make_once(out / "calibration.json", lambda: _calibrate(job))
        load = partial(job.scorers, means)
    fitted = [each.name for each in config.scorers if is_fitted(each)]
    if not fitted:
        return _score(job, config, [prompts, completions], out, load)
    without = config.model_copy(update={"gates": (), "gate_reward": None})
    unfitted = Shards(out / "unfitted", Completion)
    _score(job, without, [prompts, completions], unfitted.folder, load)

    def fit() -> dict[str, dict[str, float]]:
        return {
            name: fit_length_penalties(
                (
                    row
                    for path in shard_paths(unfitted.folder)
                    for row in read_shard(path, Completion)
                ),
                name,
            )
            for name in fitted
        }

    penalties = make_once(out / "length_penalties.json", fit)

    def known() -> Any:
        scorers = [PenalisedReward(each.name, penalties.get(each.name)) for each in config.scorers]
        return scorers, job.identifier()

    return _score(job, config, [prompts, unfitted], out, known)


def _calibrate(job: Job) -> Mapping[str, Any]:
    """Measure how similar parallel prompts are, in all shards."""
    recipe = job.recipe
    assert recipe.score is not None
    paths = shard_paths(job.inputs["prompts"].folder)
    prompts = [row for path in paths for row in read_shard(path, Prompt)]
    dominant = recipe.dominant_language
    return calibrated(recipe.score.scorers, prompts, job.policy_config(), dominant)


def _score(
    job: Job, config: ScoreConfig, inputs: list[Shards], out: Path, load: Callable[[], Any]
) -> Mapping[str, Any]:
    def stage(prompts: list[Prompt], rows: list[Completion], loaded: Any) -> list[Completion]:
        scorers, identifier = loaded
        return score(prompts, rows, scorers, config, identifier)

    with job.bar("score", inputs[0].num_rows) as bar:
        counts = job.executor()(stage, inputs, out, Completion, load=load, bar=bar)
    return counts.kept_and_dropped


def make_pairs(job: Job, out: Path) -> Mapping[str, Any]:
    """Pair the completions by the recipe's rule; every candidate pair is kept."""
    recipe = job.recipe
    stage = partial(
        pair_completions, config=recipe.pair, dominant=recipe.dominant_language, round=job.round
    )
    inputs, config = job.shards("prompts", "completions"), recipe.pair

    def with_spliced(
        prompts: list[Prompt], rows: list[Completion], identifier: Any
    ) -> list[Preference]:
        made = stage(prompts, rows)
        given: dict[str, Any] = {"share": config.spliced, "seed": config.seed}
        return [*made, *spliced_preferences(made, rows, identifier, **given)]

    with job.bar("pair", inputs[0].num_rows) as bar:
        if config.spliced:
            counts = map_shards(with_spliced, inputs, out, Preference, load=job.identifier, bar=bar)
        else:
            counts = map_shards(stage, inputs, out, Preference, bar=bar)
    return counts.kept_and_dropped


def make_filtered(job: Job, out: Path) -> Mapping[str, Any]:
    """Separate the pairs fit to train on from the others, which carry their reason."""
    stage = partial(filter_preferences, config=job.recipe.filter)
    inputs = job.shards("pair")
    with job.bar("filter", inputs[0].num_rows) as bar:
        counts = map_shards(stage, inputs, out, Preference, load=job.identifier, bar=bar)
    return counts.kept_and_dropped
