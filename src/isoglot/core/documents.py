"""JSON files: read with one set of messages, or as typed documents with a version."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from isoglot.core.errors import InputError
from isoglot.core.section import validated
from isoglot.core.store import write_json


def _nan_of_null(value: object) -> object:
    return math.nan if value is None else value


def _null_of_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


Number = Annotated[
    float, BeforeValidator(_nan_of_null), PlainSerializer(_null_of_nan, when_used="json")
]
"""A float whose NaN, the mean of nothing, is null in JSON."""


class Document(BaseModel):
    """A result at rest: one JSON file with the fields of the class and a version.

    A file without `version` is of version 1, the form that isoglot wrote before it had versions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    VERSION: ClassVar[int] = 1
    """Raise it when a field changes its name or its meaning."""

    version: int = 1

    @classmethod
    def read(cls, path: Path, *, mend: str) -> Self:
        """The document in a file.

        Raises:
            InputError: no such file, no JSON, another version, or other fields; `mend` says what
                to do then.
        """
        content = read_json(path, mend=mend)
        if (version := content.get("version", 1)) != cls.VERSION:
            raise InputError(
                f"{path}: expected version {cls.VERSION} of this file, came {version!r}: {mend}"
            )
        try:
            return validated(cls, content, str(path))
        except InputError as error:
            raise InputError(f"{error}: {mend}") from None

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all; raises OSError where it cannot be written."""
        stamped = self.model_copy(update={"version": self.VERSION})
        write_json(path, stamped.model_dump(mode="json"))


def read_json(path: Path, *, mend: str) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InputError: no such file, no JSON, or no object; `mend` says what to do then.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"expected a file {path}, came none: {mend}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path} ({error}): {mend}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object, came {type(content).__name__}: {mend}")
    return content
