"""The stages that make prompts: read, translated, and paired across languages."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.failures import are_prompts_translated
from isoglot.core.own_rows import describe_rows
from isoglot.core.protocols import Tick
from isoglot.core.records import Dropped, Prompt
from isoglot.core.verbosity import tell
from isoglot.data.artefacts import artefact_check
from isoglot.data.cross_lingual import CrossLingualConfig, cross_lingual
from isoglot.data.translate import translate_prompts
from isoglot.data.untranslatable import untranslatable
from isoglot.execute.local import map_shards
from isoglot.line.job import Job
from isoglot.line.sources import round_selection, write_prompts


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
