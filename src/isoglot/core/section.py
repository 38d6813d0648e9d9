"""The base class of the sections of a recipe, and their errors in one line."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from isoglot.core.errors import InputError, did_you_mean


class Section(BaseModel):
    """A part of a recipe: frozen, and an unknown key is refused with a did-you-mean.

    The class stands in the module of the stage that reads it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_keys(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        for key in values:
            if key not in cls.model_fields:
                known = f"known keys: {', '.join(cls.model_fields)}"
                hint = did_you_mean(str(key), cls.model_fields, known)
                raise InputError(f"unknown key {key!r}; {hint}")
        return values


_T = TypeVar("_T")


def validated(kind: type[_T], values: object, where: str) -> _T:
    """Return values from the user as an instance of a section.

    Raises:
        InputError: in one line, `where` they come from, the key, and the problem there.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        # Of the branches of a union, the one that came furthest is the one that was meant.
        problem = max(error.errors(), key=lambda problem: len(problem["loc"]))
        raise InputError(f"{where}: {_in_one_line(problem, values)}") from None


def _in_one_line(problem: ErrorDetails, values: object) -> str:
    place = ".".join(_keys(problem["loc"], values, is_missing=problem["type"] == "missing"))
    message = problem["msg"].removeprefix("Value error, ")
    came = "" if problem["type"] == "value_error" else f", got {_shown(problem)!r}"
    return f"{place}: {message}{came}" if place else f"{message}{came}"


def _shown(problem: ErrorDetails) -> object:
    """The value at fault; of a whole section only the key that selects its class, since another may
    hold a password."""
    given = problem["input"]
    if problem["type"] == "engine" and isinstance(given, dict):
        return {key: given[key] for key in ("engine", "kind") if key in given}
    return given


def _keys(loc: tuple[int | str, ...], values: object, *, is_missing: bool) -> list[str]:
    """Select the parts of a place that are keys and positions; others name a branch of a union."""
    keys = []
    for part in loc[:-1] if is_missing else loc:
        has_key = isinstance(values, Mapping) and part in values
        has_place = isinstance(values, list | tuple) and part in range(len(values))
        if not has_key and not has_place:
            continue
        values = values[part]  # type: ignore[index]
        keys.append(str(part))
    return [*keys, str(loc[-1])] if is_missing else keys
