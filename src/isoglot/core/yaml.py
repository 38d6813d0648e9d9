"""YAML 1.2, safely loaded."""

from typing import Any

from isoglot.core.errors import InputError


def read_yaml(text: str, name: str) -> dict[str, Any]:
    """Parse the keys and values of a YAML 1.2 text, in which `no` is Norwegian and not false.

    Raises:
        InputError: the text, called `name` in the message, is not YAML or has no keys.
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
