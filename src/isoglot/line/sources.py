"""Sources of a recipe: its prompts, from files or the lab, and its language identifier."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from isoglot.benchmarks.benchmark import BenchmarkConfig
from isoglot.benchmarks.examples import benchmark_files
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Prompt
from isoglot.core.row_sources import RowSource, source_revision
from isoglot.core.store import shard_path, shards_of, write_shard
from isoglot.data.prompts import read_prompts, select_families
from isoglot.lab.almanac_identifier import AlmanacIdentifier
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.models.load import load_identifier
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import AlmanacIdentifierConfig, EvaluationTask, PromptSource

OwnPrompts = PromptSource | tuple[RowSource, ...]
PromptSources = OwnPrompts | BenchmarkConfig


def identifier_of(recipe: Recipe) -> LanguageIdentifier:
    """Load the language identifier of a run, with all its languages as candidates."""
    if isinstance(recipe.identifier, AlmanacIdentifierConfig):
        return AlmanacIdentifier(recipe.all_languages)
    return load_identifier(recipe.all_languages)


def file_revisions(source: PromptSources) -> list[str]:
    """Identify the content of the user's prompts; none for the lab."""
    if isinstance(source, BenchmarkConfig):
        return benchmark_files(source)
    sources = source if isinstance(source, tuple) else (source,)
    return [source_revision(each) for each in sources if not isinstance(each, LabPromptConfig)]


@dataclass(frozen=True, slots=True)
class PromptSelection:
    """The prompts to take from a source."""

    languages: tuple[str, ...]
    num_families: int | None
    """None: all families."""
    seed: int
    skip: int = 0
    """Families that earlier rounds took."""
    parallel: bool = True
    """Require a prompt in every language from each family."""
    system: str = ""
    families_per_shard: int = 250


def round_selection(recipe: Recipe, round: int) -> PromptSelection:
    """Select the prompts of a round: families that no earlier round took."""
    config = recipe.prompts
    return PromptSelection(
        (config.translate_from,) if config.translate_from else recipe.languages,
        config.num_families,
        recipe.seed,
        skip=round * (config.num_families or 0),
        parallel=config.parallel,
        system=recipe.system,
        families_per_shard=recipe.families_per_shard,
    )


def evaluation_selection(
    recipe: Recipe, task: EvaluationTask, languages: Sequence[str]
) -> PromptSelection:
    """Select the prompts of a task."""
    size = recipe.families_per_shard
    return PromptSelection(
        tuple(languages), task.num_families, recipe.seed, 0, True, recipe.system, size
    )


def select_prompts(source: OwnPrompts, selection: PromptSelection) -> Iterator[list[Prompt]]:
    """Yield the selected prompts in shards of whole families; those of the lab are made lazily."""
    size, languages = selection.families_per_shard, selection.languages
    if isinstance(source, LabPromptConfig):
        rows = lab_prompts(
            source,
            languages,
            seed=selection.seed,
            num_families=selection.num_families or size,
            skip=selection.skip,
        )
        yield from iter(lambda: list(islice(rows, size * len(languages))), [])
        return
    sources = source if isinstance(source, tuple) else (source,)
    prompts = [prompt for each in sources for prompt in read_prompts(each)]
    selected = select_families(
        prompts,
        languages=languages,
        num_families=selection.num_families or len({prompt.family for prompt in prompts}),
        seed=selection.seed,
        skip=selection.skip,
        parallel=selection.parallel,
    )
    yield from shards_of(selected, size)


def write_prompts(source: OwnPrompts, selection: PromptSelection, out: Path) -> Mapping[str, Any]:
    """Write the selected prompts, shard by shard."""
    num_written = 0
    for index, shard in enumerate(select_prompts(source, selection)):
        rows = [with_system(prompt, selection.system) for prompt in shard]
        write_shard(shard_path(out, index), rows, Prompt)
        num_written += len(shard)
    return {"rows": num_written}


def with_system(prompt: Prompt, system: str) -> Prompt:
    """Prepend the system message, if there is one."""
    message = {"role": "system", "content": system}
    return replace(prompt, prompt=(message, *prompt.prompt)) if system else prompt
