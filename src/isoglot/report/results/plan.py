"""The plan of a recipe: what it will generate, train and cost, as `isoglot plan` counts it."""

from collections.abc import Mapping, Sequence

from isoglot.report.results.rows import ResultPart


class Amount(ResultPart):
    """An amount as it typically comes out, and the most that it can be."""

    typical: int | float
    most: int | float


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


class PlanRate(ResultPart):
    """The speed of a device at one kind of work."""

    work: str
    device: str
    billions: float
    """Weights of the models that the rate is of, at most."""
    tokens_per_second: float
    source: str


class PlanAssumptions(ResultPart):
    """The numbers that a plan rests on."""

    typical_share: float
    """Part of `max_new_tokens` that a typical completion has."""
    usd_per_hour: float | None
    rates: Sequence[PlanRate]


class RecipePlan(ResultPart):
    """The plan of a whole recipe."""

    recipe: str
    device: str
    rounds: int
    works: Sequence[PlannedWork]
    totals: PlanTotals
    judge_calls: int
    """Calls of a judge for each comparison of two policies; no part of the totals."""
    assumed: PlanAssumptions
    notes: Sequence[str]
