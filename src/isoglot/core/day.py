"""The day that chat templates take for today, in this process and all that it starts.

Some templates write today's date into every prompt. What is resumed tomorrow has to go on with the
prompts that it began with, so each run keeps the day of its start in its record.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError

VARIABLE = "ISOGLOT_DAY"
"""Variable of the environment with the day that is kept, as YYYY-MM-DD."""

CLOCK = "strftime_now"
"""The function of transformers by which a template reads the clock."""


def is_dated(folder: Path) -> bool:
    """True if the chat template in a folder reads the clock; loads no tokenizer."""
    files = (folder / name for name in ("chat_template.jinja", "tokenizer_config.json"))
    return any(CLOCK in file.read_text("utf-8") for file in files if file.is_file())


def day() -> date:
    """Return the day that is kept, else today."""
    kept = os.environ.get(VARIABLE)
    try:
        return date.fromisoformat(kept) if kept else date.today()
    except ValueError:
        raise InputError(f"expected {VARIABLE} as YYYY-MM-DD, got {kept!r}; correct it") from None


@contextmanager
def day_kept(*records: Path) -> Iterator[str]:
    """Keep the `day` of the first of these JSON records that has one, else that of `day`."""
    known = (
        read_json(each, mend="delete it and run again").get("day")
        for each in records
        if each.exists()
    )
    before = os.environ.get(VARIABLE)
    found = next((each for each in known if isinstance(each, str)), None)
    os.environ[VARIABLE] = kept = found or day().isoformat()
    try:
        yield kept
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before
