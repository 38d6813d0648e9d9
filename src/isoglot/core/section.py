"""The base of every section of a recipe: frozen, and an unknown key dies with a did-you-mean."""

from difflib import get_close_matches

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator


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


def first_problem(error: ValidationError) -> str:
    """One line: where in the recipe, and what is wrong there."""
    # Of the branches of a union, the one that came furthest is the one that was meant.
    problem = max(error.errors(), key=lambda problem: len(problem["loc"]))
    kinds = (
        "lab",
        "file",
        "transformers",
        "openai",
        "seq2seq",
        "vllm",
        "google",
        "constrained-int",
        "local",
        "ray",
        "langid",
        "almanac",
        "policy",
        "gold",
        "reward_model",
    )
    loc = problem["loc"]  # its first part is a key, also where it is called as a kind is
    parts = [str(part) for i, part in enumerate(loc) if i == 0 or part not in kinds]
    place = ".".join(part for part in parts if "[" not in part)  # the name of a branch is no key
    message = problem["msg"].removeprefix("Value error, ")
    came = "" if problem["type"] == "value_error" else f", got {problem['input']!r}"
    return f"{place}: {message}{came}" if place else f"{message}{came}"
