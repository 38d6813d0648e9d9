"""What a benchmark is: where its rows are published, how a row is asked, how an answer is graded.

Each benchmark has one file (rows to examples) and one file of literals with every language side by
side. Labels are named and never indexed: a swapped index reads as a plausible number.
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

from isoglot.core.records import Choice, Prompt
from isoglot.core.rows import Row
from isoglot.core.section import Section
from isoglot.evals.metric import Metric

Answering = Literal["generation", "likelihood"]


class Ask(Section):
    """How a benchmark is asked."""

    shots: int = Field(0, ge=0)
    """Worked examples before the question."""
    variant: str = ""
    """A benchmark's own ways of asking, such as `native_cot`; empty is its first."""
    answering: Answering | None = None
    """By what the model writes, or by which choice it finds likeliest; None is the benchmark's
    first way."""


class BenchmarkConfig(Ask):
    """A published benchmark as the prompts of a task."""

    kind: Literal["benchmark"] = "benchmark"
    benchmark: str
    """A key of `benchmarks.BENCHMARKS`."""
    data: Path | None = None
    """Local files in the published format, or a folder that holds a folder of the benchmark's name;
    left out, the hub."""
    revision: str | None = None
    """Commit, branch or tag of the data set on the hub; left out, `main`. The signature names the
    commit."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question of a benchmark in one language."""

    prompt: Prompt
    """`gold` is what the metrics read: a number, a reference text, the label of a choice."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Label → the text that would follow the prompt; empty where the answer is written freely."""
    follow_ups: Sequence[Prompt] = ()
    """The later user turns, each asked after the model's answer to the turn before it."""

    @property
    def family(self) -> str:
        return self.prompt.family

    def offered(self) -> list[Choice]:
        """The choices as rows, before a model weighs them."""
        asked = self.prompt
        return [
            Choice(asked.family, asked.prompt_id, asked.language, "", label, text, None, 0)
            for label, text in self.choices.items()
        ]


class Source(NamedTuple):
    """Where the rows of a benchmark are published."""

    hub: str
    """Data set on the hub, `owner/name`; empty where it is not there."""
    config: str = "{code}"
    """Its configuration; `{code}` is the language as the data set writes it."""
    split: str = "test"
    files: tuple[str, ...] = ()
    """Names of the published files of one language, with `{code}`; the first that exists is read.
    A file with a column `lang` or `language` may hold all languages."""
    split_in_files: Mapping[str, str] = MappingProxyType({})
    """What names of files call a split, where that is not its name on the hub."""
    train_split: str = ""
    """Split of the worked examples; empty where they are literals or there are none."""
    how_to_get: str = ""
    """What a user does who has neither the hub nor the files."""
    licence: str = ""
    columns: tuple[str, ...] = ()
    """Names of the columns of published files that have no header."""


Rows = Callable[[str], Sequence[Row]]
"""A split's name (`test`, `train`) → its rows in one language; `test@en` are the rows in another
one. `rows.RowReader` is one."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark in all its languages."""

    name: str
    title: str
    source: Source
    languages: Mapping[str, str]
    """BCP-47 tag → the language as the data set writes it."""
    examples: Callable[[Rows, str, Ask], list[Example]]
    """Rows of one language, its tag, how to ask → the examples, in the order of the rows. Parallel
    rows have the same `family` in every language."""
    metrics: Sequence[Metric]
    """The first one is the benchmark's own."""
    answering: tuple[Answering, ...] = ("generation",)
    variants: tuple[str, ...] = ("",)
    max_new_tokens: int = 512
    judged: bool = False
    """Whether its answers wait for a judge (`isoglot judge`): no metric but the off-target rate."""


@cache
def literals(benchmark: str) -> Mapping[str, Mapping[str, Any]]:
    """The words of a benchmark: tag → name → text, from `benchmarks/BENCHMARK.toml`."""
    text = files("isoglot.benchmarks").joinpath(f"{benchmark}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
