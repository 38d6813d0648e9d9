"""Benchmarks: published rows, turned into examples, and the metrics of their answers.

Each benchmark has a file that turns its rows into examples, its source in `sources.toml`, and its
words, with all languages side by side, in a `.toml` of its name. Labels are named and never
indexed: a swapped index reads as a plausible number.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic import Field

from isoglot.core.errors import InputError, did_you_mean
from isoglot.core.languages import LANGUAGES
from isoglot.core.records import Choice, Prompt
from isoglot.core.rows import Row
from isoglot.core.section import Section
from isoglot.evals.metric import Metric

ReadSplit = Callable[[str], Sequence[Row]]
"""Split (`test`, `train`) → its rows in one language; `test@en` are those in another language."""

Answering = Literal["generation", "likelihood"]


class PromptFormat(Section):
    """Form of a benchmark's prompts and answers."""

    shots: int = Field(0, ge=0)
    """Number of worked examples before each prompt."""
    variant: str = ""
    """A prompt variant of the benchmark, such as `native_cot`; empty is its first."""
    answering: Answering | None = None
    """Free generation, or the likeliest of the given choices; None is the benchmark's default."""


class BenchmarkConfig(PromptFormat):
    """A published benchmark as the prompts of a task."""

    kind: Literal["benchmark"] = "benchmark"
    benchmark: str
    """A key of `catalogue.BENCHMARKS`."""
    data: Path | None = None
    """Local files in the published format, or a folder that holds a folder of the benchmark's name;
    left out, the hub."""
    revision: str | None = None
    """Commit, branch or tag of the data set on the hub; left out, the pinned one of `sources.toml`,
    else `main`. The signature names the commit."""


@dataclass(frozen=True, slots=True)
class Example:
    """One example of a benchmark in one language."""

    prompt: Prompt
    """Its `gold` is read by the metrics: a number, a reference text, the label of a choice."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Label → text that would follow the prompt; empty where the answer is generated freely."""
    follow_ups: Sequence[Prompt] = ()
    """Later user turns, each following the model's answer to the turn before it."""

    @property
    def family(self) -> str:
        return self.prompt.family

    def unscored_choices(self) -> list[Choice]:
        """Return the choices as rows without likelihoods."""
        prompt = self.prompt
        return [
            Choice(prompt.family, prompt.prompt_id, prompt.language, "", label, text, None, 0)
            for label, text in self.choices.items()
        ]


class Source(NamedTuple):
    """Publication of a benchmark: the keys that `sources.toml` documents."""

    hub: str = ""
    revision: str = ""
    config: str = "{code}"
    split: str = "test"
    files: tuple[str, ...] = ()
    split_in_files: Mapping[str, str] = MappingProxyType({})
    train_split: str = ""
    how_to_get: str = ""
    licence: str = ""
    columns: tuple[str, ...] = ()
    title: str = ""
    languages: Mapping[str, str] = MappingProxyType({})
    """BCP-47 tag → language as the set writes it; an empty one where the set names no language."""


@cache
def source_of(benchmark: str) -> Source:
    """Return the source of a benchmark from `sources.toml`."""
    table = dict(literals("sources")[benchmark])
    tags, codes = table.pop("languages", None), table.pop("codes", {})
    match table.pop("codes_from", None):
        case "flores":
            known = {row.tag: row.flores for row in LANGUAGES.values() if row.flores}
        case "ntrex":
            known = {row.tag: row.ntrex[0] for row in LANGUAGES.values() if row.ntrex}
        case "words":
            known = {tag: words["code"] for tag, words in literals(benchmark).items()}
        case _:
            known = {tag: tag for tag in tags}
    known |= codes
    languages = {tag: known[tag] for tag in tags or known}
    for name in ("files", "columns"):  # hashable, as a key of a cache of files
        table[name] = tuple(table.get(name, ()))
    return Source(**table, languages=languages)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark in all its languages."""

    name: str
    read: Callable[[ReadSplit, str, PromptFormat], list[Example]]
    """Rows of one language, its tag, prompt format → examples; parallel rows share a family."""
    metrics: Sequence[Metric]
    """The first one is the benchmark's own."""
    answering: tuple[Answering, ...] = ("generation",)
    """The first one is the default."""
    variants: tuple[str, ...] = ("",)
    max_new_tokens: int = 512
    judged: bool = False
    """True if a judge compares the answers (`isoglot judge`), so that no metric grades them."""
    own_source: Source | None = None
    """The source of a benchmark that is not in `sources.toml`."""

    @property
    def source(self) -> Source:
        """Its entry in `sources.toml`, or its own."""
        return self.own_source or source_of(self.name)

    @property
    def title(self) -> str:
        """Name and topic in a few words."""
        return self.source.title

    @property
    def languages(self) -> Mapping[str, str]:
        """BCP-47 tag → the language as the data set writes it."""
        return self.source.languages

    def answering_of(self, prompt_format: PromptFormat) -> Answering:
        """Return the requested answering, by default the first."""
        wanted = prompt_format.answering or self.answering[0]
        if wanted not in self.answering:
            raise InputError(
                f"{self.name}: expected answering by {' or '.join(self.answering)}, came {wanted}; "
                "leave `answering` out"
            )
        return wanted

    def examples(
        self, rows: ReadSplit, language: str, prompt_format: PromptFormat
    ) -> list[Example]:
        """Turn the rows of a language into examples, in the order of the rows.

        Raises:
            InputError: an unknown variant, shots where no worked examples are published, too few of
                them, or rows that are not as published.
        """
        variant = prompt_format.variant or self.variants[0]
        if variant not in self.variants:
            known = f"known: {', '.join(self.variants[:12])}"
            hint = did_you_mean(variant, self.variants, known)
            raise InputError(f"{self.name}: unknown variant {variant!r}; {hint}")
        if prompt_format.shots and not self.source.train_split:
            raise InputError(
                f"{self.name}: expected 0 shots, for no worked examples are published, came "
                f"{prompt_format.shots}; leave `shots` out"
            )
        answering = self.answering_of(prompt_format)
        chosen = PromptFormat(shots=prompt_format.shots, variant=variant, answering=answering)
        return self.read(rows, language, chosen)


@cache
def literals(name: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the content of `benchmarks/NAME.toml`: for a benchmark, tag → name → text."""
    text = files("isoglot.benchmarks").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
