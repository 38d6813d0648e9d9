"""Cells of users' rows as texts and ids: what is neither text nor a number never becomes one."""

import math
import re
from decimal import Decimal

from isoglot.core.errors import RefusedRow

_EXACT = 2**53
"""From here on a float does not tell one integer from the next."""
_WHOLE = re.compile(r"(0|-?[1-9]\d*)\.0")


def is_missing(value: object) -> bool:
    """True for a cell without a value: none, or the NaN that tables write for it."""
    return value is None or (isinstance(value, float | Decimal) and math.isnan(value))


def cell_text(value: object, column: str) -> str:
    """Return a text as it is, and a number in its shortest form: 21.0 is `21`.

    Raises:
        RefusedRow: no value, true or false, an object, a list, or a number that is not exact.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        if isinstance(value, int):
            return str(value)
        if math.isfinite(value) and (value % 1 or -_EXACT < value < _EXACT):
            return str(value if value % 1 else int(value))
    raise RefusedRow(
        f"expected text in column {column!r}, came {value!r:.60}; mend the cell, or name the "
        "column that holds it",
        "not text",
    )


def cell_id(value: object, column: str) -> str:
    """Return the text of an id, the same for 21, 21.0, and both as texts.

    Raises:
        RefusedRow: a cell that is no text and no exact number, or is empty.
    """
    text = cell_text(value, column)
    if not text.strip():
        raise RefusedRow(
            f"expected an id in column {column!r}, came an empty cell; fill it in, or name the "
            "column that holds it",
            "no id",
        )
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text
