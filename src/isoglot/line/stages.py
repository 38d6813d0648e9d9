"""The stages of the line as jobs: what each reads, which model it loads, what it writes.

Functions in `data/`, `train/` and `evals/` are rows in, rows out. Here they meet folders, models
and bars.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.protocols import GoldConfig, Tick
from isoglot.core.records import Completion, Demonstration, Dropped, Preference, Prompt
from isoglot.core.store import read_shard, shard_paths, write_json
from isoglot.data.artefacts import artefact_check
from isoglot.data.cross_lingual import check_cross_lingual
from isoglot.data.filter import filter_preferences
from isoglot.data.pair import pair
from isoglot.data.route import (
    Way,
    decide,
    development_families,
    languages_without,
    measure,
    route,
)
from isoglot.data.score import score
from isoglot.data.translate import translate_prompts
from isoglot.data.untranslatable import untranslatable
from isoglot.evals.graders import GRADERS
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.execute.ray import check_ray
from isoglot.line.answers import check_pool
from isoglot.line.job import Job
from isoglot.line.prompts import (
    MapShards,
    Wanted,
    file_revisions,
    num_rows,
    write_cross_lingual,
    write_prompts,
)
from isoglot.models.load import (
    check_translator,
    sampler_revision,
    scorer_settings,
)
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import RayConfig
from isoglot.train.common import check_training
from isoglot.train.launch import check_launch


def make_prompts(job: Job, out: Path) -> Mapping[str, Any]:
    """Fresh families for this round."""
    recipe, config = job.recipe, job.recipe.prompts
    there = (config.translate_from,) if config.translate_from else recipe.languages
    wanted = Wanted(
        there,
        config.num_families,
        recipe.seed,
        skip=job.round * (config.num_families or 0),
        parallel=config.parallel,
        system=recipe.system,
        families_per_shard=recipe.families_per_shard,
    )
    return write_prompts(config.source, wanted, out)


def make_prompt_translations(job: Job, out: Path) -> Mapping[str, Any]:
    """The prompts that there are, and those of the other languages, translated by the policy."""
    recipe, source = job.recipe, job.recipe.prompts.translate_from
    assert source is not None
    num = num_rows(job.inputs["prompts"], Prompt)
    with Bars(silent=job.silent) as bars:
        bar = bars.bar(job.title("translate prompts"), num * (len(recipe.languages) - 1))

        def load() -> Any:
            translator = job.translator()
            return translator, artefact_check(
                job.identifier(), recipe.prompts.artefacts, translator
            )

        def stage(
            prompts: list[Prompt], loaded: Any, tick: Tick
        ) -> tuple[list[Prompt], list[Dropped]]:
            translator, check = loaded
            return translate_prompts(
                prompts,
                translator,
                source=source,
                languages=recipe.languages,
                tick=tick,
                check=check if recipe.prompts.artefacts.is_used else None,
                exclude=untranslatable if source == "en" else None,
            )

        inputs = [(job.inputs["prompts"], Prompt)]
        counts = job.executor(stage, inputs, out, Prompt, load=load, tick=bar)
    return {"rows": counts.num_rows, "dropped": counts.num_dropped}


def make_cross_lingual(job: Job, out: Path) -> Mapping[str, Any]:
    """Prompts that ask across languages, in place of those that each ask in one."""
    recipe, config = job.recipe, job.recipe.prompts.cross_lingual
    assert config is not None
    return write_cross_lingual(job.inputs["prompts"], config, recipe.languages, recipe.seed, out)


def make_scores(job: Job, out: Path) -> Mapping[str, Any]:
    """Rewards of the completions."""
    config = job.recipe.score
    assert config is not None

    def stage(prompts: list[Prompt], rows: list[Completion], loaded: Any) -> list[Completion]:
        scorers, identifier = loaded
        return score(prompts, rows, scorers, config, identifier)

    return _quick(
        job, "score", stage, ["prompts", "completions"], Completion, out,
        load=job.scorers, executor=job.executor,
    )  # fmt: skip


def make_pairs(job: Job, out: Path) -> Mapping[str, Any]:
    """Every candidate pair, good or bad."""
    recipe = job.recipe

    def stage(prompts: list[Prompt], rows: list[Completion]) -> list[Preference]:
        return pair(prompts, rows, recipe.pair, dominant=recipe.dominant_language, round=job.round)

    return _quick(job, "pair", stage, ["prompts", "completions"], Preference, out)


def make_filtered(job: Job, out: Path) -> Mapping[str, Any]:
    """The pairs that are fit for training, and the others with their reasons."""

    def stage(rows: list[Preference], identifier: Any) -> Any:
        return filter_preferences(rows, identifier, job.recipe.filter)

    return _quick(job, "filter", stage, ["pair"], Preference, out, load=job.identifier)


def make_demonstrations(job: Job, out: Path) -> Mapping[str, Any]:
    """Of each prompt the answer of its language's best way; `routes.json` says which that is."""
    config = job.recipe.route
    assert config is not None
    table = _routes(job, out / "routes.json")
    way_in = {way.language: way.way for way in table if way.is_chosen}

    def stage(prompts: list[Prompt], rows: list[Completion], identifier: Any) -> Any:
        return route(prompts, rows, identifier, config, way_in)

    counts = _quick(
        job, "route", stage, ["prompts", "completions"], Demonstration, out, load=job.identifier
    )
    return {**counts, "num_languages": len(way_in)}


def _routes(job: Job, path: Path) -> list[Way]:
    """The decision table, made once from the development families of all shards."""
    recipe, config = job.recipe, job.recipe.route
    assert config is not None
    if path.exists():
        return [Way(**row) for row in json.loads(path.read_text(encoding="utf-8"))["ways"]]
    asked, answers = (shard_paths(job.inputs[key]) for key in ("prompts", "completions"))
    families = development_families(
        (row.family for part in asked for row in read_shard(part, Prompt)),
        config.num_development_families,
    )
    identifier = job.identifier()
    measured = []
    with Bars(silent=job.silent) as bars:
        bar = bars.bar(job.title("measure ways"), len(asked))
        for place, (prompts, rows) in enumerate(zip(asked, answers, strict=True), 1):
            measured += measure(
                read_shard(prompts, Prompt),
                read_shard(rows, Completion),
                identifier,
                config,
                families,
                is_checked=recipe.prompts.artefacts.is_used,
            )
            bar.reach(place)
    table = decide(measured, recipe.languages, config)
    without = languages_without(table, recipe.languages)
    ways = [asdict(way) for way in table]
    write_json(path, {"num_families": len(families), "ways": ways, "without": without})
    return table


def check_settings(recipe: Recipe, out: Path) -> None:
    """Raise InputError for what would else fail only after hours: paths, keys of the trainer.

    A run that has trained is not asked again, since that would import TRL for nothing.
    """
    if isinstance(recipe.execute, RayConfig):
        check_ray()
    sampler_revision(recipe.policy)
    for task in recipe.evaluate.all_tasks:
        file_revisions(task.prompts)
        if task.cross_lingual:
            check_cross_lingual(task.cross_lingual, recipe.all_languages)
    for round, each in enumerate(recipe.different_rounds):
        _check_round(each, out / f"round-{round}")


def _check_round(recipe: Recipe, out: Path) -> None:
    check_pool(recipe)
    is_made = any(out.glob("translate*/done.json"))
    for place, translator in enumerate(recipe.translators):
        sampler_revision(translator)
        if not is_made:
            check_translator(translator, recipe.translated_languages(place))
    for scorer in recipe.score.scorers if recipe.score else ():
        scorer_settings(scorer)
        if isinstance(scorer, GoldConfig) and scorer.grader not in GRADERS:
            raise InputError(
                f"score.scorers: no grader {scorer.grader!r}; expected one of {', '.join(GRADERS)}"
            )
    file_revisions(recipe.prompts.source)
    if recipe.prompts.cross_lingual:
        check_cross_lingual(recipe.prompts.cross_lingual, recipe.languages)
    if recipe.train and not (out / "train/done.json").exists():
        check_training(recipe.train)
        if recipe.launch:
            check_launch(recipe.launch, recipe.train)


def _quick(
    job: Job,
    name: str,
    stage: Callable[..., Any],
    inputs: list[str],
    output: type,
    out: Path,
    load: Callable[[], Any] | None = None,
    executor: MapShards = map_shards,
) -> Mapping[str, Any]:
    """A stage without a language model."""
    kinds = {"prompts": Prompt, "completions": Completion, "pair": Preference}
    first = job.inputs[inputs[0]]
    with Bars(silent=job.silent) as bars:
        bar = bars.bar(job.title(name), num_rows(first, kinds[inputs[0]]))
        folders = [(job.inputs[key], kinds[key]) for key in inputs]
        counts = executor(stage, folders, out, output, load=load, reached=bar.reach)
    return {"kept": counts.num_rows, "dropped": counts.num_dropped}
