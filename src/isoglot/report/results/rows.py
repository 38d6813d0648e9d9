"""The rows that all results share: a number of a language, a number of a group of languages.

Every results file is a `Results` document: `results` has a row for each language and metric,
`groups` a row for each group of languages. Values stay rates from 0 to 1 here, `None` where unknown
(NaN in Python, null in JSON); `Interval` is what tables and charts take.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple, Protocol, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from isoglot.core.documents import Document
from isoglot.report.results.names import (
    GROUP_NAMES,
    IN_LANGUAGE,
    TIERS,
    language_name,
    metric_name,
    tier,
)

RESULTS_FILE = "results.json"
OFF_TARGET = "off_target_rate"
THOUGHT_OFF_TARGET = "thought_off_target_rate"
MIXED = "mixed_rate"
LANGUAGE_FAULTS = (OFF_TARGET, THOUGHT_OFF_TARGET, MIXED)
"""The rates of answers and of thoughts in another language than requested, and of mixed answers."""
RATING = "rating"
MEAN = "mean"
"""Name of the group of all languages; also stands in place of a language tag."""


def _none_of_nan(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


Known = Annotated[float | None, BeforeValidator(_none_of_nan)]
"""A float, or None where it is unknown; NaN becomes None."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its 95 % interval, as tables and charts show it; None is unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None
    change: "Interval | None" = None
    """Difference to a baseline, in the same unit."""
    n: int | None = None
    """Examples that the value is of."""
    unknown: int | None = None
    """Examples without a value, which are not in `n`."""

    @property
    def has_bounds(self) -> bool:
        return self.low is not None and self.high is not None

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def is_beyond_zero(self) -> bool:
        """True if the interval is known and does not reach zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def difference(new: Interval, old: Interval) -> Interval | None:
    """New minus old from two values and their intervals; None where a value is unknown.

    Newcombe 1998, method 10: wider than a paired interval of the same examples.
    """
    if new.value is None or old.value is None:
        return None
    value = new.value - old.value
    if new.low is None or new.high is None or old.low is None or old.high is None:
        return Interval(value)
    down = math.hypot(new.value - new.low, old.high - old.value)
    up = math.hypot(new.high - new.value, old.value - old.low)
    return Interval(value, value - down, value + up)


class Measure(NamedTuple):
    """A task and a metric, such as the accuracy on MGSM."""

    task: str
    metric: str

    @property
    def title(self) -> str:
        return f"{metric_name(self.metric)} on {self.task}"

    @property
    def is_off_target(self) -> bool:
        return self.metric == OFF_TARGET

    @property
    def is_language_fault(self) -> bool:
        """True for the rates of answers and thoughts in another language: no scores."""
        return self.metric in LANGUAGE_FAULTS

    @property
    def in_language(self) -> "Measure":
        """The share of answers that are right and in the requested language."""
        return Measure(self.task, f"{IN_LANGUAGE}{self.metric}")

    @property
    def is_in_language(self) -> bool:
        return self.metric.startswith(IN_LANGUAGE)

    @property
    def is_rating(self) -> bool:
        """True if the values are a judge's grades, stored as a tenth of themselves."""
        return self.metric == RATING or self.metric.startswith(f"{RATING}_turn_")


class ResultPart(BaseModel):
    """A part of a document: frozen, and unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset()
    """Fields that the file leaves out where they are None."""

    @model_serializer(mode="wrap")
    def _serialize(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        content = handler(self)
        return {k: v for k, v in content.items() if v is not None or k not in self.LEFT_OUT}


_CHANGE = ("change", "change_low", "change_high", "change_p")


class HasFields(Protocol):
    """A dataclass with the fields of a row; NaN where a value is unknown."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


class Changed(ResultPart):
    """A value with its interval, and its change to a baseline where there is one."""

    LEFT_OUT = frozenset(_CHANGE)

    value: Known
    low: Known = None
    high: Known = None
    change: Known = None
    change_low: Known = None
    change_high: Known = None
    change_p: Known = None
    """Two-sided p-value of a sign-flip test over families."""

    @classmethod
    def of(cls, row: HasFields, **more: object) -> Self:
        """A row from a dataclass with the same fields, and `more` fields."""
        return cls.model_validate({**asdict(row), **more})

    def with_change(self, value: float, low: float, high: float, p: float | None = None) -> Self:
        """The row with its change to a baseline; NaN is unknown."""
        change = dict(zip(_CHANGE, (value, low, high, p), strict=True))
        return self.model_copy(update={k: _none_of_nan(v) for k, v in change.items()})

    @property
    def change_interval(self) -> Interval | None:
        """The change to the baseline; None where there is none."""
        if self.change is None:
            return None
        return Interval(self.change, self.change_low, self.change_high)

    @property
    def interval(self) -> Interval:
        return Interval(self.value, self.low, self.high, self.change_interval)


class ResultRow(Changed):
    """One language and one metric of a task."""

    LEFT_OUT = Changed.LEFT_OUT | {"num_cut_off", "max_new_tokens"}

    task: str = ""
    language: str
    """A tag; `mean` in the results of judges and scorers."""
    trained: bool = False
    """True if the model was trained on this language."""
    metric: str
    n: int | None = None
    unknown: int | None = None
    """Examples without a value: kept out of `n` and of `value`."""
    num_cut_off: int | None = None
    """Generated answers that reached the token limit; None where answers are not generated."""
    max_new_tokens: int | None = None
    """The token limit of the answers; None where another program made them."""
    signature: str = ""
    """Task, data, decoding and versions: numbers with the same signature can be compared."""

    @property
    def measure(self) -> Measure:
        return Measure(self.task, self.metric)

    @property
    def interval(self) -> Interval:
        change = self.change_interval
        return Interval(self.value, self.low, self.high, change, self.n, self.unknown)


_R = TypeVar("_R", bound=ResultRow)


class GroupRow(Changed):
    """One number over several languages."""

    LEFT_OUT = frozenset({"change_p"})

    task: str = ""
    metric: str
    group: str
    """A key of `names.GROUP_NAMES`, or one of a task's own."""
    languages: list[str] = []

    @property
    def measure(self) -> Measure:
        return Measure(self.task, self.metric)


class Results(Document):
    """The base of every results file: rows by language, and rows by group of languages."""

    MEND: ClassVar[str] = (
        "name the folder of `isoglot evaluate` or `isoglot judge` (--out), or repeat the command"
    )

    seed: int | None = None
    results: Sequence[ResultRow]
    groups: Sequence[GroupRow] = ()

    @classmethod
    def read_from(cls, folder: Path) -> Self:
        """Read the results in a folder; raises InputError where there are none."""
        return cls.read(folder / RESULTS_FILE, mend=cls.MEND)

    @property
    def title(self) -> str:
        """The title of pages and tables: a model, or two."""
        return self.model_name

    @property
    def model_name(self) -> str:
        """The name of the model, or of both; empty where there is none."""
        return ""


def measures_of(rows: Iterable[ResultRow]) -> list[Measure]:
    """Every measure except rates of language faults, in order of appearance."""
    return [m for m in dict.fromkeys(row.measure for row in rows) if not m.is_language_fault]


def task_names(rows: Iterable[ResultRow]) -> list[str]:
    """Every task, in order of appearance."""
    return list(dict.fromkeys(row.task for row in rows))


def rows_of(rows: Iterable[_R], measure: Measure) -> dict[str, _R]:
    """Language → row of one measure, including rows without a value."""
    return {row.language: row for row in rows if row.measure == measure}


def intervals(rows: Mapping[str, ResultRow]) -> dict[str, Interval]:
    """Language → interval."""
    return {tag: row.interval for tag, row in rows.items()}


def language_order(rows: Sequence[ResultRow]) -> list[str]:
    """All languages by tier, the best of each first: the one order of every table and chart."""
    tags = dict.fromkeys(row.language for row in rows)
    main = next(iter(measures_of(rows)), None)
    values = {tag: row.value or 0.0 for tag, row in rows_of(rows, main).items()} if main else {}
    return sorted(tags, key=lambda t: (TIERS.index(tier(t)), -values.get(t, 0.0), language_name(t)))


def groups_of(groups: Iterable[GroupRow], measure: Measure) -> dict[str, GroupRow]:
    """Group → row of one measure, in the order of `GROUP_NAMES`.

    Only the means of a rate of language faults are kept, where less is better.
    """
    rows = [
        row
        for row in groups
        if row.measure == measure
        and not (measure.is_language_fault and row.group in ("worst", "democratisation"))
    ]
    rank = {name: i for i, name in enumerate(GROUP_NAMES)}
    return {r.group: r for r in sorted(rows, key=lambda row: rank.get(row.group, len(rank)))}


def group_title(group: str, found: Mapping[str, ResultRow]) -> str:
    """The name of a group, with the worst language's own; `found` has a row for each language."""
    name = GROUP_NAMES.get(group, group)
    values = {tag: row.value for tag, row in found.items() if row.value is not None}
    if group != "worst" or not values:
        return name
    return f"{name} ({language_name(min(values, key=lambda tag: values[tag]))})"


def unknown_sentence(rows: Iterable[ResultRow]) -> str:
    """`3 of 90 answers (3.3 %) have no value`; empty where every answer has one.

    An answer counts once, whatever the number of its metrics: of each task and language the metric
    with most unknown answers is taken.
    """
    counts = _of_answers(rows, lambda row: row.unknown or 0)
    missing, total = (sum(each) for each in zip(*counts, strict=True)) if counts else (0, 0)
    if not missing:
        return ""
    return f"{missing} of {total} answers ({100 * missing / total:.1f} %) have no value"


def cut_off_sentence(rows: Iterable[ResultRow]) -> str:
    """`16 of 90 answers were cut at 48 tokens`; empty where none was."""
    rows = list(rows)
    counts = _of_answers(rows, lambda row: row.num_cut_off or 0)
    cut, total = (sum(each) for each in zip(*counts, strict=True)) if counts else (0, 0)
    return f"{cut} of {total} answers were {cut_off_title(rows).lower()}" if cut else ""


def cut_off_title(rows: Iterable[ResultRow]) -> str:
    """`Cut at 48 tokens`; empty where no answer was cut off."""
    cut = [row for row in rows if row.num_cut_off]
    limits = {row.max_new_tokens for row in cut}
    if not cut:
        return ""
    limit = limits.pop() if len(limits) == 1 else None
    return f"Cut at {limit} tokens" if limit else "Cut at the token limit"


def _of_answers(
    rows: Iterable[ResultRow], count: Callable[[ResultRow], int]
) -> list[tuple[int, int]]:
    """A count and the number of answers of each task and language, the greatest over metrics."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows:
        key = row.task, row.language
        most, total = found.get(key, (0, 0))
        found[key] = max(most, count(row)), max(total, (row.n or 0) + (row.unknown or 0))
    return list(found.values())
