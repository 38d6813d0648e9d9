"""The stages that make prompts: read, translated, rewritten, and paired across languages."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.failures import are_prompts_translated, reasons
from isoglot.core.own_rows import describe_rows
from isoglot.core.protocols import Sampler, Tick
from isoglot.core.records import Dropped, Prompt, prompt_key
from isoglot.core.scorers import AgreementConfig
from isoglot.core.store import DROPPED
from isoglot.core.verbosity import tell
from isoglot.data.artefacts import artefact_check
from isoglot.data.cross_lingual import CrossLingualConfig, cross_lingual
from isoglot.data.generate import generate
from isoglot.data.transform import transform_prompts
from isoglot.data.translate import translate_prompts
from isoglot.data.untranslatable import untranslatable
from isoglot.evals.graders import FINAL_ANSWERS
from isoglot.execute.local import ShardCounts, map_shards
from isoglot.line.counts import count_by_language, totals
from isoglot.line.job import Job, Shards
from isoglot.line.sources import round_selection, write_prompts
from isoglot.models.load import load_sampler
from isoglot.models.scorers.agreement import AgreementScorer
from isoglot.models.translation.prompted import PromptTranslator
from isoglot.recipe.sections import AgreedGold, TransformPass


def make_prompts(job: Job, out: Path) -> Mapping[str, Any]:
    """Take fresh families for the round."""
    counts = write_prompts(job.recipe.prompts.source, round_selection(job.recipe, job.round), out)
    if "forms" in counts and not job.silent:
        told = describe_rows(counts["forms"], counts.get("refused", {}))
        tell(f"prompts: {told}")
    return counts


def make_prompt_translations(job: Job, out: Path) -> Mapping[str, Any]:
    """Translate the prompts into the other languages; a faulty translation is dropped by name."""
    recipe, source = job.recipe, job.recipe.prompts.translate_from
    assert source is not None

    def load() -> Any:
        translator = job.translator()
        config = recipe.prompts.artefacts
        return translator, artefact_check(job.identifier(), config, translator)

    def stage(prompts: list[Prompt], loaded: Any, tick: Tick) -> tuple[list[Prompt], list[Dropped]]:
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

    inputs = job.shards("prompts")
    with job.bar("translate prompts", inputs[0].num_rows * (len(recipe.languages) - 1)) as bar:
        executor = job.executor(job.translator_config())
        counts = executor(
            stage,
            inputs,
            out,
            Prompt,
            load=load,
            bar=bar,
            ticks=True,
            is_final=are_prompts_translated,
        )
    return {"rows": counts.num_rows, "dropped": counts.num_dropped}


def transform_folders(passes: Sequence[TransformPass], out: Path) -> list[Path]:
    """Return the folder of each pass: the last one writes that of the stage."""
    return [out / "passes" / f"{place:02d}" for place in range(len(passes) - 1)] + [out]


def make_transformed(job: Job, out: Path) -> Mapping[str, Any]:
    """Rewrite the prompts pass after pass; a prompt with a fault is dropped by name.

    One model is in memory at a time, so each pass goes over all shards before the next.
    """
    passes = job.recipe.prompts.transform
    inputs = job.shards("prompts")
    for place, (each, folder) in enumerate(
        zip(passes, transform_folders(passes, out), strict=True), 1
    ):
        bar = f"transform {place}/{len(passes)} {each.kind}"
        counts = _transform(job, each, inputs, folder, bar)
        if not counts.num_rows:
            by_language = count_by_language(folder, Prompt)
            raise InputError(
                f"expected prompts that pass {place} of prompts.transform keeps, got none of "
                f"{counts.num_dropped}: {reasons(totals(by_language)['dropped'])}; see "
                f"{folder / DROPPED}, and take another template or sampler"
            )
        inputs = [Shards(folder, Prompt)]
        gc.collect()  # a model may hold itself in a cycle, and the next one needs its room
    return {"rows": counts.num_rows, "dropped": counts.num_dropped}


def _transform(
    job: Job, config: TransformPass, inputs: list[Shards], out: Path, title: str
) -> ShardCounts:
    def load() -> Any:
        sampler = load_sampler(config.sampler) if config.sampler else job.model()
        return sampler, job.identifier()

    def stage(prompts: list[Prompt], loaded: Any, tick: Tick) -> tuple[list[Prompt], list[Dropped]]:
        sampler, identifier = loaded
        kept, dropped = transform_prompts(
            prompts,
            PromptTranslator(sampler, config),
            identifier,
            keep_gold=config.gold == "keep",
            max_length_ratio=config.max_length_ratio,
            tick=tick,
        )
        if config.agreement:
            dominant = job.recipe.dominant_language
            kept = with_agreed_gold(kept, sampler, config.agreement, dominant, tick)
        return kept, dropped

    executor = job.executor(config.sampler or job.recipe.policy)
    how: dict[str, Any] = {"load": load, "ticks": True, "is_final": are_prompts_translated}
    with job.bar(title, inputs[0].num_rows * (2 if config.agreement else 1)) as bar:
        return executor(stage, inputs, out, Prompt, bar=bar, **how)


def with_agreed_gold(
    prompts: list[Prompt], sampler: Sampler, config: AgreedGold, dominant: str, tick: Tick
) -> list[Prompt]:
    """Give prompts of whole families the final answer on which the languages of their family agree
    as their gold; those of others have none."""
    completions = generate(prompts, sampler, config.sampling, tick)
    prompt_of = {prompt_key(prompt): prompt for prompt in prompts}
    answered = [prompt_of[prompt_key(row)] for row in completions]
    vote = AgreementConfig(grader=config.grader, min_share=config.min_share)
    scorer = AgreementScorer(vote, FINAL_ANSWERS[config.grader], dominant)
    agreed = scorer.agreed(answered, completions)
    return [replace(prompt, gold=agreed.get(prompt.family)) for prompt in prompts]


def make_cross_lingual(job: Job, out: Path) -> Mapping[str, Any]:
    """Replace the prompts by prompts that request an answer in another language."""
    recipe, config = job.recipe, job.recipe.prompts.cross_lingual
    assert config is not None
    prompts = job.inputs["prompts"].folder
    return write_cross_lingual(prompts, config, recipe.languages, recipe.seed, out)


def write_cross_lingual(
    prompts: Path, config: CrossLingualConfig, languages: tuple[str, ...], seed: int, out: Path
) -> Mapping[str, Any]:
    """Write the cross-lingual prompts of a folder of prompts, shard by shard."""
    stage = partial(cross_lingual, config=config, languages=languages, seed=seed)
    return {"rows": map_shards(stage, [(prompts, Prompt)], out, Prompt).num_rows}
