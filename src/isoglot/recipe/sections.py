"""The sections of a recipe that say where prompts come from, how is measured and where it runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from isoglot.benchmarks.benchmark import BenchmarkConfig
from isoglot.core.errors import InputError
from isoglot.core.section import Section
from isoglot.data.artefacts import ArtefactConfig
from isoglot.data.cross_lingual import CrossLingualConfig
from isoglot.data.prompts import PromptFileConfig
from isoglot.evals.graders import GraderName
from isoglot.evals.grading import TaskConfig
from isoglot.lab.prompts import LabPromptConfig

PromptSource = Annotated[LabPromptConfig | PromptFileConfig, Field(discriminator="kind")]


class PromptsConfig(Section):
    """Where the prompts of each round come from."""

    source: PromptSource | tuple[PromptFileConfig, ...]
    """One source, or several files whose rows differ in form."""
    num_families: int | None = Field(None, ge=1)
    """Families in each round, fresh ones every time; left out, all there are (one round)."""
    parallel: bool = True
    """Whether each family must have a prompt in every language."""
    translate_from: str | None = None
    """The one language that there are prompts in; the policy translates them into the others."""
    artefacts: ArtefactConfig = ArtefactConfig()
    """Which translated prompts are left out, each for a named reason."""
    cross_lingual: CrossLingualConfig | None = None
    """In which languages each family is asked for answers in which others; left out, every prompt
    for one in its own."""
    grader: GraderName | None = None
    """Measures the reward accuracy of the pairs, where prompts carry a gold answer."""

    def check_completions(self) -> None:
        """Raise InputError where the source says of no column that it holds answers."""
        sources = self.source if isinstance(self.source, tuple) else (self.source,)
        if not any(
            each.columns.has_completions
            if isinstance(each, PromptFileConfig)
            else each.has_completions
            for each in sources
        ):
            raise InputError(
                "samplers: kind source answers with the set's own answers: name their column in "
                "prompts.source.columns (`completion`, or `messages`)"
            )


class EvaluationTask(TaskConfig):
    """A task with its prompts: a published benchmark, or prompts of one's own with a grader."""

    prompts: Annotated[
        LabPromptConfig | PromptFileConfig | BenchmarkConfig, Field(discriminator="kind")
    ]
    num_families: int | None = Field(1000, ge=1)
    """Examples for each language; None: all there are."""
    cross_lingual: CrossLingualConfig | None = None
    """Asks the prompts across languages; then the results go by direction, too."""

    @model_validator(mode="after")
    def _asks_across(self) -> Self:
        if self.cross_lingual and isinstance(self.prompts, BenchmarkConfig):
            raise InputError(
                f"{self.name}: cross_lingual is for prompts of the lab or a file; the questions of "
                "a benchmark are asked as it publishes them: leave one of them out"
            )
        return self


class EvaluateConfig(Section):
    """How every policy M_t is measured."""

    tasks: tuple[EvaluationTask, ...] = ()
    validation: EvaluationTask | None = None
    """The task of the stop rule: no further round when no trained language gains on it beyond its
    interval. Its examples are never those of `tasks`. Left out: every round is run."""

    @property
    def all_tasks(self) -> tuple[EvaluationTask, ...]:
        """The tasks, and the validation task where there is one."""
        return (*self.tasks, self.validation) if self.validation else self.tasks


class LangidConfig(Section):
    """The identifier of real languages (`models/language/langid.py`), among those of the run."""

    kind: Literal["langid"] = "langid"


class AlmanacIdentifierConfig(Section):
    """The one of the lab's almanac, whose words are all known."""

    kind: Literal["almanac"]


IdentifierConfig = Annotated[LangidConfig | AlmanacIdentifierConfig, Field(discriminator="kind")]


class LocalConfig(Section):
    """Shards are made one after another, on this machine."""

    kind: Literal["local"] = "local"


class RayConfig(Section):
    """Shards are made by the workers of a Ray cluster whose nodes share the file system.

    It runs the stages whose models take the time: generate, both translations, score, and the
    answers of evaluate. The shards are the same, so a run may change between the two.
    """

    kind: Literal["ray"]
    num_workers: int | None = Field(None, ge=1)
    """Models at a time; left out, one for each GPU of the cluster, or else for each CPU core."""
    address: str = "local"
    """`local`: a Ray of this machine alone; `auto`: the cluster that it belongs to; or host:port.
    """


ExecuteConfig = Annotated[LocalConfig | RayConfig, Field(discriminator="kind")]
