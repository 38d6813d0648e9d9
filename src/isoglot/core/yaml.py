"""YAML 1.2, safely loaded."""

from typing import Any

from isoglot.core.errors import InputError


def read_yaml(text: str, name: str) -> dict[str, Any]:
    """The keys and values of a YAML 1.2 text, called `name` in an error (InputError).

    In YAML 1.2 `no` is Norwegian and not false.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        values = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{name} is not YAML: {problem}") from None
    if not isinstance(values, dict):
        raise InputError(f"{name}: expected keys and values, got {type(values).__name__}")
    return values
