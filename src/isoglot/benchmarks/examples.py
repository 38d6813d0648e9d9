"""Examples of a benchmark: loading, selection of whole families, and scoring of their choices."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from isoglot.benchmarks.benchmark import Answering, Example
from isoglot.benchmarks.catalogue import AnyBenchmark, configured
from isoglot.benchmarks.own import OwnBenchmarkConfig
from isoglot.benchmarks.rows import MissingRows, RowReader
from isoglot.core.errors import InputError, RefusedRow
from isoglot.core.protocols import LikelihoodModel, Tick, no_tick
from isoglot.core.records import Choice, Prompt, content_id
from isoglot.core.row_sources import source_revision
from isoglot.core.rows import Row
from isoglot.core.store import shards_of


def answering_of(config: AnyBenchmark) -> Answering:
    """Return the answering that a configuration requests, or the benchmark's default."""
    return configured(config).answering_of(config)


def available_languages(config: AnyBenchmark, languages: Sequence[str]) -> list[str]:
    """Return those of the languages that the benchmark has; raises InputError if it has none."""
    benchmark = configured(config)
    found = [tag for tag in languages if tag in benchmark.languages]
    if not found:
        raise InputError(
            f"{benchmark.name} has none of {', '.join(languages)}: expected some of "
            f"{', '.join(benchmark.languages)}"
        )
    return found


def languages_with_rows(config: AnyBenchmark, languages: Sequence[str]) -> list[str]:
    """Return those of the languages that the benchmark has, and whose rows are in its files.

    Without files of one's own these are all that it has. Raises InputError if there is none.
    """
    benchmark, available = configured(config), available_languages(config, languages)
    if isinstance(config, OwnBenchmarkConfig) or config.data is None:
        return available
    found, missing = [], list[MissingRows]()
    for tag in available:
        try:
            RowReader(benchmark, tag, data=config.data)("test")
            found.append(tag)
        except MissingRows as error:
            missing.append(error)
    if not found:
        raise missing[0]
    return found


class LoadedExamples(NamedTuple):
    """Examples of a benchmark, language by language, and the revisions they came from."""

    examples: list[Example]
    revisions: list[str]
    """Commits of the hub; empty for files."""


def _only_split(rows: Sequence[Row], _split: str) -> Sequence[Row]:
    return rows


def read_examples(config: AnyBenchmark, languages: Sequence[str]) -> LoadedExamples:
    """Read the examples in each of the languages that the benchmark has."""
    benchmark = configured(config)
    examples: list[Example] = []
    own = config.read_rows() if isinstance(config, OwnBenchmarkConfig) else {}
    revisions: set[str] = set()
    for tag in available_languages(config, languages):
        if isinstance(config, OwnBenchmarkConfig):
            examples += benchmark.examples(partial(_only_split, own[tag]), tag, config)
            continue
        rows = RowReader(benchmark, tag, data=config.data, revision=config.revision or "")
        try:
            examples += benchmark.examples(rows, tag, config)
        except RefusedRow as error:
            raise InputError(f"{benchmark.name} in {tag}: {error}") from error
        revisions |= {loaded.revision for loaded in rows.loaded.values() if loaded.revision}
    if not examples:
        raise InputError(f"{benchmark.name} gave 0 examples: expected some; see its files")
    return LoadedExamples(examples, sorted(revisions))


def benchmark_files(config: AnyBenchmark) -> list[str]:
    """Return what identifies the rows before they are read: content of files, or a revision."""
    if isinstance(config, OwnBenchmarkConfig):
        return [source_revision(config.rows)]
    if config.data is None:
        pinned = configured(config).source.revision
        return [config.revision or pinned or "newest"]
    folder = config.data.expanduser()
    places = [path for path in folder.glob(f"{config.benchmark}*") if path.is_dir()] or [folder]
    files = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(files)
        if path.is_file()
    ]


def select_examples(
    examples: Sequence[Example], num_families: int | None, families_per_shard: int, *, seed: int
) -> list[list[Example]]:
    """Select `num_families` of each language, or all; return shards of whole families.

    Families that every language has come first, so that a sample of a parallel benchmark is
    parallel; otherwise a hash of family and seed decides. A language in which all families are its
    own, such as English in the Language Confusion Benchmark, has as many as the others.
    """
    languages: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        languages[example.family].add(example.prompt.language)
    if num_families is not None:
        order = sorted(languages, key=lambda f: (-len(languages[f]), content_id(str(seed), f)))
        kept: dict[str, set[str]] = defaultdict(set)
        for family in order:
            for tag in languages[family]:
                if len(kept[tag]) < num_families:
                    kept[tag].add(family)
        examples = [each for each in examples if each.family in kept[each.prompt.language]]
    return shards_of(examples, families_per_shard)


def score_choices(
    prompts: Sequence[Prompt],
    unscored: Sequence[Choice],
    model: LikelihoodModel,
    tick: Tick = no_tick,
) -> list[Choice]:
    """Return each choice with the likelihood that the model gives it after its prompt."""
    choices: dict[tuple[str, str], list[Choice]] = defaultdict(list)
    for choice in unscored:
        choices[choice.family, choice.prompt_id].append(choice)
    of_prompt = [choices[prompt.family, prompt.prompt_id] for prompt in prompts]
    texts = [[choice.text for choice in each] for each in of_prompt]
    scored = []
    likelihoods = model.log_likelihoods(prompts, texts, tick)
    for own_choices, own_likelihoods in zip(of_prompt, likelihoods, strict=True):
        for choice, found in zip(own_choices, own_likelihoods, strict=True):
            value, num_tokens = (found.log_probability, found.num_tokens) if found else (None, 0)
            known = replace(choice, log_probability=value, num_tokens=num_tokens)
            scored.append(replace(known, sampler=model.name))
    return scored
