"""Prompts of any source into shards, and samplers over them: what a run and a measurement share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from isoglot.benchmarks.benchmark import BenchmarkConfig
from isoglot.benchmarks.examples import benchmark_files
from isoglot.core.protocols import LanguageIdentifier, Sampling, Tick
from isoglot.core.records import Completion, Prompt
from isoglot.core.store import count_rows, shard_path, shard_paths, shards_of, write_shard
from isoglot.data.cross_lingual import CrossLingualConfig, cross_lingual
from isoglot.data.generate import generate
from isoglot.data.prompts import PromptFileConfig, prompts_revision, read_prompts, select_families
from isoglot.execute.local import Counts, map_shards
from isoglot.execute.progress import Bars
from isoglot.lab.almanac_identifier import AlmanacIdentifier
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.models.load import load_identifier
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import AlmanacIdentifierConfig, PromptSource

MapShards = Callable[..., Counts]
"""`execute.local.map_shards`, or what does the same elsewhere."""


def identifier_of(recipe: Recipe) -> LanguageIdentifier:
    """What tells the languages of a run apart."""
    if isinstance(recipe.identifier, AlmanacIdentifierConfig):
        return AlmanacIdentifier(recipe.all_languages)
    return load_identifier(recipe.all_languages)


OwnPrompts = PromptSource | tuple[PromptFileConfig, ...]
PromptSources = OwnPrompts | BenchmarkConfig


def file_revisions(source: PromptSources) -> list[str]:
    """What identifies the content of each of the user's files of prompts; the lab has none."""
    if isinstance(source, BenchmarkConfig):
        return benchmark_files(source)
    files = source if isinstance(source, tuple) else (source,)
    return [prompts_revision(file) for file in files if isinstance(file, PromptFileConfig)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which prompts of a source are written."""

    languages: tuple[str, ...]
    num_families: int | None
    """None: all there are."""
    seed: int
    skip: int = 0
    """Families of earlier rounds."""
    parallel: bool = True
    """Whether each family must have a prompt in every language."""
    system: str = ""
    families_per_shard: int = 250


def write_prompts(source: OwnPrompts, wanted: Wanted, out: Path) -> Mapping[str, Any]:
    """Prompts in shards of whole families; of the lab's world one shard at a time."""
    size, languages = wanted.families_per_shard, wanted.languages
    shards: Iterable[list[Prompt]]
    if isinstance(source, LabPromptConfig):
        num = wanted.num_families or size
        rows = lab_prompts(source, languages, seed=wanted.seed, num_families=num, skip=wanted.skip)
        shards = iter(lambda: list(islice(rows, size * len(languages))), [])
    else:
        sources = source if isinstance(source, tuple) else (source,)
        prompts = [prompt for file in sources for prompt in read_prompts(file)]
        families = select_families(
            prompts,
            languages=languages,
            num_families=wanted.num_families or len({row.family for row in prompts}),
            seed=wanted.seed,
            skip=wanted.skip,
            parallel=wanted.parallel,
        )
        shards = shards_of(families, size)
    num_written = 0
    for index, shard in enumerate(shards):
        said = [with_system(prompt, wanted.system) for prompt in shard]
        write_shard(shard_path(out, index), said, Prompt)
        num_written += len(said)
    return {"rows": num_written}


def write_cross_lingual(
    prompts: Path, config: CrossLingualConfig, languages: tuple[str, ...], seed: int, out: Path
) -> Mapping[str, Any]:
    """The prompts of a folder asked across languages, shard by shard."""

    def stage(rows: list[Prompt]) -> list[Prompt]:
        return cross_lingual(rows, config, languages=languages, seed=seed)

    return {"rows": map_shards(stage, [(prompts, Prompt)], out, Prompt).num_rows}


def with_system(prompt: Prompt, system: str) -> Prompt:
    """The prompt after a system message, where there is one."""
    message = {"role": "system", "content": system}
    return replace(prompt, prompt=(message, *prompt.prompt)) if system else prompt


def run_sampler(
    prompts: Path,
    load: Callable[[], Any],
    sampling: Sampling,
    out: Path,
    *,
    title: str,
    serves: Callable[[Prompt], bool] | None = None,
    silent: bool = False,
    executor: MapShards = map_shards,
) -> Mapping[str, Any]:
    """The answers of the loaded sampler to a folder of prompts, shard by shard.

    `serves` says which prompts it is asked; left out, all.
    """
    with Bars(silent=silent) as bars:
        bar = bars.bar(title, num_rows(prompts, Prompt))

        def stage(prompts: list[Prompt], sampler: Any, tick: Tick) -> list[Completion]:
            asked = prompts if serves is None else [each for each in prompts if serves(each)]
            return generate(asked, sampler, sampling, tick)

        inputs = [(prompts, Prompt)]
        counts = executor(stage, inputs, out, Completion, load=load, tick=bar, reached=bar.reach)
    return {"rows": counts.num_rows}


def num_rows(folder: Path, kind: type) -> int:
    """Rows in all shards of a folder."""
    return sum(count_rows(path, kind) for path in shard_paths(folder))
