"""Sections of a recipe: prompts, evaluation, language identifier and executor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from isoglot.benchmarks.catalogue import AnyBenchmark
from isoglot.benchmarks.examples import answering_of
from isoglot.core.errors import InputError
from isoglot.core.protocols import Sampling
from isoglot.core.row_sources import FileRowsConfig, HubRowsConfig, ListRowsConfig, RowSource
from isoglot.core.section import Section
from isoglot.data.artefacts import ArtefactConfig
from isoglot.data.cross_lingual import CrossLingualConfig
from isoglot.evals.graders import FINAL_ANSWERS, GraderName
from isoglot.evals.grading import TaskConfig
from isoglot.lab.prompts import LabPromptConfig
from isoglot.models.load import ModelConfig
from isoglot.models.translation.prompted_passes import RewritingConfig

PromptSource = Annotated[
    LabPromptConfig | FileRowsConfig | HubRowsConfig | ListRowsConfig, Field(discriminator="kind")
]


def _with_kind(source: Any) -> Any:
    is_file = isinstance(source, Mapping) and "path" in source and "kind" not in source
    return {"kind": "file", **source} if is_file else source


class AgreedGold(Section):
    """The vote that makes the gold of rewritten prompts again, as scorer `agreement` counts it: the
    dominant language has to answer so, too.

    A pass rewrites each language alone, so that the questions of a family may drift apart; those
    that do agree on no answer.
    """

    grader: GraderName
    """The grader whose reading of an answer is compared: last_number, exact or sequence."""
    min_share: float = Field(0.4, ge=0, le=1)
    """Smallest share of the vote of a family that makes a gold, 0 to 1."""
    sampling: Sampling = Sampling(num_samples=4, temperature=1.0)
    """Decoding of the answers to each rewritten prompt, in its own language."""

    @model_validator(mode="after")
    def _can_vote(self) -> Self:
        if self.grader not in FINAL_ANSWERS:
            raise InputError(
                f"expected a grader that reads one final answer, {', '.join(FINAL_ANSWERS)}, got "
                f"{self.grader!r}; take one of them"
            )
        self.sampling.require_distinct_samples()
        return self


class TransformPass(RewritingConfig):
    """One pass over the prompts, and the model that makes it."""

    sampler: ModelConfig | None = None
    """The model that rewrites; default: the policy of the round."""
    gold: Literal["drop", "keep", "agreed"] = "drop"
    """Fate of the gold answers, since another question may have another answer. `keep` is for a
    pass that changes none, which nothing checks; `agreed` makes them again: the model answers the
    new prompts, and the final answer on which the languages of a family agree is their gold, else
    they have none."""
    agreement: AgreedGold | None = None
    """The vote of `gold: agreed`."""

    @model_validator(mode="before")
    @classmethod
    def _one_key(cls, values: Any) -> Any:
        if isinstance(values, dict) and "keep_gold" in values:
            raise InputError("expected `gold: keep` in place of keep_gold; write that")
        return values

    @model_validator(mode="after")
    def _votes_for_gold(self) -> Self:
        if (self.agreement is not None) != (self.gold == "agreed"):
            raise InputError(
                f"expected `agreement:` with gold agreed, and with no other, got gold {self.gold}; "
                "add `agreement: {grader: last_number}`, or leave it out"
            )
        return self


class PromptsConfig(Section):
    """The prompts of each round."""

    source: PromptSource | tuple[RowSource, ...]
    """One source, or several whose rows have different columns."""
    num_families: int | None = Field(None, ge=1)
    """Families per round, new ones in each round; default: all, in a single round."""
    parallel: bool = True
    """Require a prompt in every language from each family."""
    translate_from: str | None = None
    """The only language of the source; its prompts are translated into the others."""
    artefacts: ArtefactConfig = ArtefactConfig()
    """Checks of translated prompts; a prompt with a fault is dropped under its name."""
    transform: tuple[TransformPass, ...] = ()
    """Passes of a model over the prompts of every language, one after the other, before they are
    answered (The Art of Asking, arXiv:2510.19806); gold answers are dropped, unless a pass keeps
    them or makes them again."""
    cross_lingual: CrossLingualConfig | None = None
    """Pairs of prompt and answer languages; default: every prompt is answered in its own."""
    grader: GraderName | None = None
    """Measures the reward accuracy of the pairs, if the prompts have a gold answer."""

    @field_validator("source", mode="before")
    @classmethod
    def _kinds(cls, source: Any) -> Any:
        """Accept rows in place of a source, and a path without its kind."""
        if not isinstance(source, list | tuple):
            return _with_kind(source)
        if any(isinstance(each, Mapping) and {"kind", "path"} & set(each) for each in source):
            return tuple(map(_with_kind, source))
        is_rows = bool(source) and all(isinstance(each, str | Mapping) for each in source)
        return {"kind": "list", "rows": source} if is_rows else source

    def check_completions(self) -> None:
        """Check that the source names a column of answers; raises InputError if not."""
        sources = self.source if isinstance(self.source, tuple) else (self.source,)
        if not any(
            each.has_completions
            if isinstance(each, LabPromptConfig)
            else each.columns.may_have_completions
            for each in sources
        ):
            raise InputError(
                "samplers: kind source answers with the set's own answers: name their column in "
                "prompts.source.columns (`completion`, or `messages`)"
            )


class EvaluationTask(TaskConfig):
    """A task with its prompts: a published benchmark, or your own prompts with a grader."""

    prompts: Annotated[
        LabPromptConfig | FileRowsConfig | HubRowsConfig | ListRowsConfig | AnyBenchmark,
        Field(discriminator="kind"),
    ]
    """A published benchmark (`kind: benchmark`), or prompts with gold answers."""
    num_families: int | None = Field(1000, ge=1)
    """Families of examples; None: all."""
    cross_lingual: CrossLingualConfig | None = None
    """Makes the prompts cross-lingual; there are results by direction, then."""

    @property
    def deciding(self) -> dict[str, Any]:
        """The settings that decide its results: choices scored by likelihood have no decoding."""
        prompts = self.prompts
        is_scored = isinstance(prompts, AnyBenchmark) and answering_of(prompts) == "likelihood"
        unused = {"decoding", "cut_off"} if is_scored else set()
        return self.model_dump(mode="json", exclude=unused)

    @model_validator(mode="after")
    def _cross_lingual_is_for_own_prompts(self) -> Self:
        if self.cross_lingual and isinstance(self.prompts, AnyBenchmark):
            raise InputError(
                f"{self.name}: cross_lingual is for prompts of the lab or a file; a benchmark has "
                "its own prompts: leave one of them out"
            )
        return self


class EvaluateConfig(Section):
    """The evaluation of every policy M_t."""

    tasks: tuple[EvaluationTask, ...] = ()
    """The tasks whose results are reported."""
    validation: EvaluationTask | None = None
    """The task of the stop rule: no further round once no trained language gains on it beyond its
    interval. Its examples are not those of `tasks`. Default: every round is run."""

    @property
    def all_tasks(self) -> tuple[EvaluationTask, ...]:
        """The tasks, and the validation task if there is one."""
        return (*self.tasks, self.validation) if self.validation else self.tasks


class LangidConfig(Section):
    """The identifier of real languages among those of the run: `models/language/identifier.py`."""

    kind: Literal["langid"] = "langid"


class FasttextConfig(Section):
    """A fastText model of the user that knows the languages of the run, such as GlotLID."""

    kind: Literal["fasttext"]
    path: Path
    """The model file (.bin or .ftz), whose labels are codes such as `__label__swh_Latn`."""


class AlmanacIdentifierConfig(Section):
    """The identifier of the lab's almanac, all of whose words are known."""

    kind: Literal["almanac"]


IdentifierConfig = Annotated[
    LangidConfig | FasttextConfig | AlmanacIdentifierConfig, Field(discriminator="kind")
]


class LocalConfig(Section):
    """Make shards one after another, on this machine."""

    kind: Literal["local"] = "local"


class RayConfig(Section):
    """Make shards by the workers of a Ray cluster whose nodes share the file system.

    Ray runs the stages whose models take the time: generate, both translations, score, and the
    answers of evaluate. The shards are the same, so a run may change between the two executors.
    """

    kind: Literal["ray"]
    num_workers: int | None = Field(None, ge=1)
    """Models at a time; default: one per GPU of the cluster, or else per CPU core."""
    address: str = "local"
    """`local`: a Ray of this machine alone; `auto`: the cluster of this machine; or host:port."""


ExecuteConfig = Annotated[LocalConfig | RayConfig, Field(discriminator="kind")]
