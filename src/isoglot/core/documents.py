"""JSON files that isoglot wrote: as a dictionary, or as a typed document with a version."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from isoglot.core.errors import InputError
from isoglot.core.files import read_file_text, write_json
from isoglot.core.section import validated

Number = Annotated[
    float,
    BeforeValidator(lambda value: math.nan if value is None else value),
    PlainSerializer(
        lambda value: None if math.isnan(value) else value, float | None, when_used="json"
    ),
]
"""A float that is null in JSON if it is NaN, the mean of nothing."""


class Document(BaseModel):
    """A result as a JSON file, with the fields of the class and a version.

    A file without `version` has version 1, the form from before there were versions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    VERSION: ClassVar[int] = 1
    """Raised whenever a field changes its name or its meaning."""

    LEFT_OUT: ClassVar[frozenset[str]] = frozenset()
    """Fields that the file leaves out if they are None."""

    version: int = 1

    @classmethod
    def read(cls, path: Path, *, mend: str) -> Self:
        """Read the document in a file.

        Raises:
            InputError: no such file, no JSON, another version, or other fields; ends with `mend`.
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
        """Write the file, whole or not at all; raises as `write_json` does."""
        stamped = self.model_copy(update={"version": self.VERSION})
        content = stamped.model_dump(mode="json")
        absent = {key for key in self.LEFT_OUT if content[key] is None}
        write_json(path, {key: value for key, value in content.items() if key not in absent})


def read_json(path: Path, *, mend: str) -> dict[str, Any]:
    """Read the object in a JSON file.

    Raises:
        InputError: no such file, no JSON, or no object; ends with `mend`.
    """
    try:
        content = json.loads(read_file_text(path))
    except FileNotFoundError:
        raise InputError(f"expected a file {path}, came none: {mend}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot read {path} ({error}): {mend}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected an object, came {type(content).__name__}: {mend}")
    return content
