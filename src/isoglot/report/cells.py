"""The cells of tables, and how values become text: percent, points, grades, bounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from isoglot.report.escape import MINUS, UNKNOWN
from isoglot.report.results.rows import Interval, Measure


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit in which values are shown."""

    factor: float
    digits: int
    unit: str
    step: str = ""
    """Unit of a difference."""
    is_signed: bool = False


PERCENT = Scale(100, 1, "%", "points")
POINTS = Scale(100, 1, "points", "points", is_signed=True)
GRADES = Scale(10, 2, "1 to 10", "grades")
GRADE_STEPS = Scale(10, 2, "grades", "grades", is_signed=True)
INDEX = Scale(1, 2, "")
"""A coefficient, such as Krippendorff's alpha."""
INDEX_3 = Scale(1, 3, "")
AMOUNT = Scale(1, 0, "")
"""A count or an amount."""


def scale_of(measure: Measure) -> Scale:
    """Grades of a judge are shown as it gave them, all else in percent."""
    return GRADES if measure.is_rating else PERCENT


def step_of(scale: Scale) -> Scale:
    """The scale of differences between values of a scale."""
    return GRADE_STEPS if scale is GRADES else POINTS if scale is PERCENT else scale


def number(value: float | None, scale: Scale = PERCENT) -> str:
    """A value in the scale's unit, with its sign where the scale has one; a dash when unknown."""
    if value is None:
        return UNKNOWN
    sign = "+" if scale.is_signed else ""
    return f"{scale.factor * value:{sign}.{scale.digits}f}".replace("-", MINUS)


def bounds(interval: Interval | None, scale: Scale = PERCENT) -> str:
    """`41.0 to 49.3`, the 95 % interval; a dash when unknown."""
    if interval is None or not interval.has_bounds:
        return UNKNOWN
    return f"{number(interval.low, scale)} to {number(interval.high, scale)}"


def value_and_bounds(interval: Interval | None, scale: Scale = PERCENT) -> str:
    """`45.2 (41.0 to 49.3)`; the value alone where the bounds are unknown."""
    value = number(interval.value if interval else None, scale)
    if interval is None or interval.value is None or not interval.has_bounds:
        return value
    return f"{value} ({bounds(interval, scale)})"


def sign_of_change(interval: Interval) -> str:
    """`*` where a difference is beyond its 95 % interval."""
    return "*" if interval.is_beyond_zero else ""


Tone = Literal["good", "bad", "unsure"]


@dataclass(frozen=True, slots=True)
class Toned:
    """A coloured text, such as the answer to a claim; bold in Markdown."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Badge:
    """A short label: a pill on a page, in code type in Markdown, `mark` in a terminal."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class ShareBar:
    """A bar of a share, from 0 to 1, of its column."""

    share: float


@dataclass(frozen=True, slots=True)
class Steps:
    """A value over rounds: `4.1 → 3.0 → 2.1` on a page, its ends in the other forms."""

    values: Sequence[float | None]

    def text(self, scale: Scale, *, is_whole: bool = False) -> str:
        values = self.values if is_whole else [*self.values[:1], *self.values[1:][-1:]]
        return " → ".join(number(value, scale) for value in values) or UNKNOWN


Cell: TypeAlias = str | int | float | Interval | Toned | Badge | ShareBar | Steps | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `title` names the unit too. The first one is the head of each row."""

    title: str
    scale: Scale = PERCENT
    is_text: bool = False
    """True where cells begin on the left."""
    form: Literal["brackets", "half", "value", "words"] = "brackets"
    """Terminal, Markdown and LaTeX: `45.2 [41.0, 49.3]`, `45.2 ±4.1`, `45.2`, or
    `45.2 (41.0 to 49.3)`; `words` also keeps an interval in one cell on a page."""
    change_scale: Scale | None = None
    """The scale of changes, unless that of differences of `scale` fits."""

    @property
    def of_change(self) -> Scale:
        return self.change_scale or step_of(self.scale)


def plain(cell: Cell, column: Column) -> str:
    """A cell as plain text, without its change."""
    match cell:
        case None:
            return UNKNOWN
        case Toned(text) | Badge(text):
            return text
        case ShareBar(share):
            return "█" * max(1, round(20 * share))
        case Steps():
            return cell.text(column.scale)
        case str() | bool() | int():
            return str(cell)
        case float():
            return number(cell, column.scale)
        case Interval():
            sign = sign_of_change(cell) if column.scale.is_signed else ""
            return number(cell.value, column.scale) + sign + bounds_in_cell(cell, column)


def bounds_in_cell(cell: Interval, column: Column) -> str:
    """The bounds of a value within its cell."""
    if cell.value is None or cell.half is None or column.form == "value":
        return ""
    if column.form == "half":
        return f" ±{number(cell.half, Scale(column.scale.factor, column.scale.digits, ''))}"
    low, high = (number(end, column.scale) for end in (cell.low, cell.high))
    return f" ({low} to {high})" if column.form == "words" else f" [{low}, {high}]"
