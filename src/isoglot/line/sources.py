"""Sources of a recipe: its prompts, from files or the lab, and its language identifier."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from isoglot.benchmarks.catalogue import AnyBenchmark
from isoglot.benchmarks.examples import benchmark_files
from isoglot.core.hub import hub_commit, is_commit
from isoglot.core.own_rows import RowTally
from isoglot.core.protocols import LanguageIdentifier
from isoglot.core.records import Prompt
from isoglot.core.row_sources import HubRowsConfig, RowSource, source_revision
from isoglot.core.section import validated
from isoglot.core.store import shard_path, shards_of, write_shard
from isoglot.data.prompts import read_prompts, select_families
from isoglot.lab.almanac_identifier import AlmanacIdentifier
from isoglot.lab.prompts import LabPromptConfig, lab_prompts
from isoglot.models.load import load_identifier
from isoglot.recipe.recipe import Recipe, resolved
from isoglot.recipe.sections import (
    AlmanacIdentifierConfig,
    EvaluationTask,
    FasttextConfig,
    PromptSource,
)

OwnPrompts = PromptSource | tuple[RowSource, ...]
PromptSources = OwnPrompts | AnyBenchmark


def identifier_of(recipe: Recipe) -> LanguageIdentifier:
    """Load the language identifier of a run, with all its languages as candidates."""
    if isinstance(recipe.identifier, AlmanacIdentifierConfig):
        return AlmanacIdentifier(recipe.all_languages)
    if isinstance(recipe.identifier, FasttextConfig):
        return load_identifier(recipe.all_languages, recipe.identifier.path)
    return load_identifier(recipe.all_languages)


HUB_PINS = "hub.json"
"""The file of a run directory with the commits of its hub sets, by `owner/name@revision`."""


def pin_hub_sets(recipe: Recipe, known: Mapping[str, str]) -> tuple[Recipe, dict[str, str]]:
    """Return the recipe with a commit as the revision of each hub set, and all the commits.

    A branch that is `known` keeps its commit, so that a run resumes with the rows it began with.

    Raises:
        InputError: a set that is missing or gated, or no connection to the hub.
    """
    pins, values = dict(known), resolved(recipe)
    rounds = [values] if isinstance(recipe.rounds, int) else values["rounds"]
    for keys, each in zip(rounds, recipe.different_rounds, strict=True):
        # A round may set parts of a source alone, such as `prompts.source.revision`.
        if parts := [key for key in keys if key.startswith("prompts.source.")]:
            keys["prompts.source"] = resolved(each)["prompts"]["source"]
            for part in parts:
                del keys[part]
    found = _pinned(values, pins)
    return (recipe if found == values else validated(Recipe, found, recipe.name)), pins


def pin_source(source: RowSource, pins: dict[str, str]) -> RowSource:
    """Return a source with a commit as its revision, if it is a hub set; add that to `pins`."""
    if not isinstance(source, HubRowsConfig):
        return source
    revision = _pinned(source.model_dump(), pins)["revision"]
    return source.model_copy(update={"revision": revision})


def _pinned(values: Any, pins: dict[str, str]) -> Any:
    """Return nested values with the commit of each hub set; add the commits to `pins`."""
    if isinstance(values, list):
        return [_pinned(value, pins) for value in values]
    if not isinstance(values, dict):
        return values
    if values.get("kind") != "hub":
        return {key: _pinned(value, pins) for key, value in values.items()}
    path, revision = values["path"], values.get("revision", "main")
    key = f"{path}@{revision}"
    if key not in pins and not is_commit(revision):
        pins[key] = hub_commit(path, revision)
    return {**values, "revision": pins.get(key, revision)}


def file_revisions(source: PromptSources) -> list[str]:
    """Identify the content of the user's prompts; none for the lab."""
    if isinstance(source, AnyBenchmark):
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


def select_prompts(
    source: OwnPrompts, selection: PromptSelection, tally: RowTally | None = None
) -> Iterator[list[Prompt]]:
    """Yield the selected prompts in shards of whole families; those of the lab are made lazily.

    The rows of the user's are counted in `tally`.
    """
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
    prompts = [prompt for each in sources for prompt in read_prompts(each, tally)]
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
    num_written, tally = 0, RowTally()
    for index, shard in enumerate(select_prompts(source, selection, tally)):
        rows = [with_system(prompt, selection.system) for prompt in shard]
        write_shard(shard_path(out, index), rows, Prompt)
        num_written += len(shard)
    forms = {"forms": dict(tally.forms)} if tally.forms else {}
    refused = {"refused": dict(tally.refused)} if tally.refused else {}
    return {"rows": num_written, **forms, **refused}


def with_system(prompt: Prompt, system: str) -> Prompt:
    """Prepend the system message, if there is one."""
    message = {"role": "system", "content": system}
    return replace(prompt, prompt=(message, *prompt.prompt)) if system else prompt
