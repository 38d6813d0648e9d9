"""Formatted numbers of the pages that are not on the engine yet."""

from isoglot.report.results.measures import PERCENT, Change, Row, Scale, number

UNKNOWN = "\u2013"
MINUS = "\u2212"  # as wide as a plus, which keeps columns straight


def percent(value: float | None, scale: Scale = PERCENT) -> str:
    """A rate times 100, or a grade from 1 to 10; a dash when unknown."""
    return UNKNOWN if value is None else f"{scale.factor * value:.{scale.digits}f}"


def signed(value: float | None, scale: Scale = PERCENT) -> str:
    """A difference of rates in points, or of grades, with its sign."""
    if value is None:
        return UNKNOWN
    return f"{scale.factor * value:+.{scale.digits}f}".replace("-", MINUS)


def interval(change: Change | None, scale: Scale = PERCENT) -> str:
    """`+3.1 to +7.9`, empty when unknown."""
    if change is None or change.low is None or change.high is None:
        return ""
    return f"{signed(change.low, scale)} to {signed(change.high, scale)}"


def bounds(row: Row | None, scale: Scale = PERCENT) -> str:
    """`41.0 to 49.3`, the 95 % interval of a value; a dash when unknown."""
    low, high = number(row, "low"), number(row, "high")
    if low is None or high is None:
        return UNKNOWN
    return f"{percent(low, scale)} to {percent(high, scale)}"
