"""The plan of a recipe: what it will generate, train and cost, as `isoglot plan` counts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from isoglot.core.section import Section
from isoglot.report.results.rows import ResultPart

DeviceWork = Literal[
    "generate.transformers",
    "generate.vllm",
    "translate.transformers",
    "translate.ctranslate2",
    "read",
    "train",
]


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as it typically comes out, and the most that it can be."""

    typical: int | float = 0.0
    most: int | float = 0.0

    def plus(self, other: "Amount") -> "Amount":
        """Add two amounts."""
        return Amount(self.typical + other.typical, self.most + other.most)

    def times(self, factor: float) -> "Amount":
        """Multiply both sides."""
        return Amount(self.typical * factor, self.most * factor)


class PlannedWork(ResultPart):
    """A stage of one round and the model that it calls."""

    stage: str
    model: str | None
    unit: str
    """The unit of `num`."""
    num: int
    is_exact: bool
    """False where `num` is an upper bound."""
    times: int
    """Rounds that the stage is made in."""
    tokens_in: Amount
    tokens_out: Amount
    hours: Amount
    """Hours of the device."""
    usd: Amount | None
    """None where the recipe gives no price."""
    on_device: bool
    """False where a vendor computes, or nothing does."""


class PlannedMemory(ResultPart):
    """Peak memory of one model in one stage, on each device."""

    stage: str
    model: str
    method: str
    """The engine; or the method of training, with adapters and sharding."""
    rows: int
    """Rows at a time: of a batch, or that the cache of vLLM holds."""
    length: int
    """Tokens of the longest row."""
    parts: Mapping[str, float]
    """GiB of the weights, the optimiser, and so on, which exist at one time."""
    gib: float
    fits: bool


class PlanTotals(ResultPart):
    """Sums over all rounds."""

    num: Mapping[str, int]
    """Unit → number."""
    tokens_in: Amount
    tokens_out: Amount
    hours: Amount
    usd: Amount
    usd_is_whole: bool
    """False where part of the work has no price."""


class Rate(Section):
    """The throughput of one device: a row of its table, which the user may give."""

    work: DeviceWork
    device: str
    billions: float = Field(gt=0)
    """The largest model that the row is for, in billions of weights."""
    tokens_per_second: float = Field(gt=0)
    source: str
    """Its publication or measurement, or `assumed` and the basis."""


class PlanAssumptions(ResultPart):
    """The numbers that a plan rests on."""

    typical_share: float
    """Part of `max_new_tokens` that a typical completion has."""
    usd_per_hour: float | None
    rates: Sequence[Rate]


class RecipePlan(ResultPart):
    """The plan of a whole recipe."""

    recipe: str
    device: str
    device_gib: float
    """Memory of one device."""
    rounds: int
    works: Sequence[PlannedWork]
    memory: Sequence[PlannedMemory]
    totals: PlanTotals
    judge_calls: int
    """Calls of a judge for each comparison of two policies; no part of the totals."""
    assumed: PlanAssumptions
    notes: Sequence[str]
