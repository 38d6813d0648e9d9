"""The base of every section of a recipe: frozen, and an unknown key dies with a did-you-mean."""

from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A part of a recipe. The class lives beside the stage that reads it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_keys(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        for key in values:
            if key not in cls.model_fields:
                close = get_close_matches(str(key), cls.model_fields, n=1)
                hint = (
                    f"did you mean {close[0]!r}?"
                    if close
                    else f"known keys: {', '.join(cls.model_fields)}"
                )
                raise ValueError(f"unknown key {key!r}; {hint}")
        return values
