"""From a benchmark's published rows to the questions of a task, and from choices to likelihoods."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from isoglot.benchmarks.benchmark import Answering, Ask, BenchmarkConfig, Example
from isoglot.benchmarks.catalogue import benchmark_of
from isoglot.benchmarks.conversations import variant_of
from isoglot.benchmarks.rows import RowReader
from isoglot.core.errors import InputError
from isoglot.core.protocols import LikelihoodModel, Tick, no_tick
from isoglot.core.records import Choice, Prompt, content_id
from isoglot.core.store import shards_of


def answering_of(config: BenchmarkConfig) -> Answering:
    """How a benchmark is answered: as asked for, or in its own first way."""
    benchmark = benchmark_of(config.benchmark)
    wanted = config.answering or benchmark.answering[0]
    if wanted not in benchmark.answering:
        raise InputError(
            f"{benchmark.name} is answered by {' or '.join(benchmark.answering)}, not by {wanted}; "
            "leave `answering` out"
        )
    return wanted


def languages_of(config: BenchmarkConfig, languages: Sequence[str]) -> list[str]:
    """Those of the languages that the benchmark has; raises InputError where it has none."""
    benchmark = benchmark_of(config.benchmark)
    there = [tag for tag in languages if tag in benchmark.languages]
    if not there:
        raise InputError(
            f"{benchmark.name} has none of {', '.join(languages)}: expected some of "
            f"{', '.join(benchmark.languages)}"
        )
    return there


class Questions(NamedTuple):
    """The questions of a benchmark, language by language, and where they came from."""

    examples: list[Example]
    revisions: list[str]
    """Commits of the hub; empty for files."""


def read_examples(config: BenchmarkConfig, languages: Sequence[str]) -> Questions:
    """The questions in each of the languages that the benchmark has."""
    benchmark = benchmark_of(config.benchmark)
    ask = Ask(
        shots=config.shots,
        variant=variant_of(benchmark.name, benchmark.variants, config),
        answering=answering_of(config),
    )
    examples: list[Example] = []
    revisions: set[str] = set()
    for tag in languages_of(config, languages):
        rows = RowReader(benchmark, tag, data=config.data, revision=config.revision or "")
        examples += benchmark.examples(rows, tag, ask)
        revisions |= {loaded.revision for loaded in rows.loaded.values() if loaded.revision}
    if not examples:
        raise InputError(f"{benchmark.name} gave 0 examples: expected some; see its files")
    return Questions(examples, sorted(revisions))


def benchmark_files(config: BenchmarkConfig) -> list[str]:
    """What identifies a benchmark's rows before they are read: content of the files, or commit."""
    if config.data is None:
        return [config.revision or "newest"]
    folder = config.data.expanduser()
    named = [path for path in folder.glob(f"{config.benchmark}*") if path.is_dir()]
    places = named or [folder]
    files = [path for place in places for path in (place.rglob("*") if place.is_dir() else [place])]
    return [
        hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(files)
        if path.is_file()
    ]


def choose(
    examples: Sequence[Example], num_families: int | None, families_per_shard: int, *, seed: int
) -> list[list[Example]]:
    """Shards of whole families: `num_families` of them, the same in every language, or all.

    Families that every language has come first, so that a sample of parallel questions is parallel;
    which ones is decided by a hash of family and seed.
    """
    languages: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        languages[example.prompt.family].add(example.prompt.language)
    if num_families is not None:
        drawn = sorted(languages, key=lambda f: (-len(languages[f]), content_id(str(seed), f)))
        kept = set(drawn[:num_families])
        examples = [example for example in examples if example.prompt.family in kept]
    return shards_of(examples, families_per_shard)


def weigh(
    prompts: Sequence[Prompt],
    offered: Sequence[Choice],
    model: LikelihoodModel,
    tick: Tick = no_tick,
) -> list[Choice]:
    """Each offered choice with the likelihood that the model gives it after its prompt."""
    choices: dict[tuple[str, str], list[Choice]] = defaultdict(list)
    for choice in offered:
        choices[choice.family, choice.prompt_id].append(choice)
    of_prompt = [choices[prompt.family, prompt.prompt_id] for prompt in prompts]
    texts = [[choice.text for choice in each] for each in of_prompt]
    weighed = []
    weights = model.log_likelihoods(prompts, texts, tick)
    for each, likelihoods in zip(of_prompt, weights, strict=True):
        for choice, likelihood in zip(each, likelihoods, strict=True):
            found = (likelihood.log_probability, likelihood.num_tokens) if likelihood else (None, 0)
            weighed.append(
                replace(choice, sampler=model.name, log_probability=found[0], num_tokens=found[1])
            )
    return weighed
