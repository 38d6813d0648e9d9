"""The verbosity of the commands, in this process and all that it starts."""

import os
import sys
from enum import StrEnum

from isoglot.core.text import printable

_VARIABLE = "ISOGLOT_VERBOSITY"


class Verbosity(StrEnum):
    """The levels."""

    QUIET = "quiet"
    """Results and errors only."""
    NORMAL = "normal"
    """Bars on a terminal, elsewhere a line a minute."""
    VERBOSE = "verbose"
    """Also the notices of the libraries, and a line every ten seconds."""


def verbosity() -> Verbosity:
    """Return the level that `set_verbosity`, or the environment, has set; else the normal one."""
    try:
        return Verbosity(os.environ.get(_VARIABLE, Verbosity.NORMAL))
    except ValueError:
        return Verbosity.NORMAL


def set_verbosity(level: Verbosity) -> None:
    """Set the level of this process, its children, and the workers that it starts."""
    os.environ[_VARIABLE] = level


def tell(text: str) -> None:
    """Print a line to standard error, unless the level is quiet."""
    if verbosity() != Verbosity.QUIET:
        print(f"isoglot: {printable(text)}", file=sys.stderr)
