"""Keys of services, which come from environment variables alone."""

import os
import re
from typing import Annotated

from pydantic import AfterValidator

from isoglot.core.errors import InputError


def _is_name(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise InputError(
            "expected the name of an environment variable, such as OPENAI_API_KEY; the key itself "
            "must stand in no recipe"
        )
    return name


KeyVariable = Annotated[str | None, AfterValidator(_is_name)]
"""Name of the environment variable that holds a key."""


def read_key(name: str, url: str) -> str:
    """Return the key in an environment variable; raise InputError if there is none."""
    key = os.environ.get(name, "").strip()
    if not key:
        raise InputError(
            f"expected a key for {url} in the environment variable {name}, got none; export it, or "
            "correct api_key_env"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise InputError(
            f"expected a key of printable ASCII in the environment variable {name}, got other "
            f"characters; copy it again"
        )
    return key
