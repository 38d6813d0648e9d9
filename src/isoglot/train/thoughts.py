"""The thoughts of the answers that are trained on, written as the chat template writes them."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from isoglot.core.thinking import THOUGHT_KEYS
from isoglot.core.verbosity import tell
from isoglot.train.examples import SIDES

Thoughts = Literal["trained", "left_out"]


def thought_key(template: str) -> str | None:
    """Return the key of a turn from which a chat template writes its thought; None without one."""
    return next((key for key in THOUGHT_KEYS if re.search(rf"[.'\"]{key}(?!\w)", template)), None)


def write_thoughts(rows: Any, tokenizer: Any, thoughts: Thoughts) -> Any:
    """Give the answers of `rows` their thoughts, and take away the columns of these.

    A pair of which one side alone has a thought, as where the other is a translation, stays without
    it: the loss would be about thinking or not. Where no template has a place for thoughts, they
    are left out, and their number is told.
    """
    columns = {side: f"{side}_thought" for side in SIDES if f"{side}_thought" in rows.column_names}
    if not columns:
        return rows
    names = list(columns.values())
    num = sum(map(all, zip(*(rows[name] for name in names), strict=True)))
    key = thought_key(tokenizer.chat_template)
    if num and key is None and thoughts == "trained":
        tell(
            f"{num:,} rows have a thought that the chat template has no place for "
            f"({', '.join(THOUGHT_KEYS)}): it is left out of training"
        )
    if key is None or not num or thoughts == "left_out":
        return rows.remove_columns(names)

    def written(row: Mapping[str, Any]) -> dict[str, Any]:
        is_whole = all(row[name] for name in names)
        return {
            side: [{**turn, key: row[name] if is_whole else ""} for turn in row[side]]
            for side, name in columns.items()
        }

    return rows.map(written, remove_columns=names)
