"""YAML 1.2, safely loaded."""

from collections.abc import Iterable
from typing import Any

from isoglot.core.errors import InputError

_MAX_DEPTH = 50
_MAX_NODES = 1_000_000


def read_yaml(text: str, name: str) -> dict[str, Any]:
    """Parse the keys and values of a YAML 1.2 text, in which `no` is Norwegian and not false.

    Raises:
        InputError: the text, called `name` in the message, is not YAML or has no keys.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        _check_depth(YAML(typ="safe", pure=True).parse(text), name)
        values = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{name} is not YAML: {problem}") from None
    if _num_nodes(values, {}) > _MAX_NODES:
        raise InputError(
            f"{name}: expected at most {_MAX_NODES:,} values, came more by aliases; write them out"
        )
    if not isinstance(values, dict):
        raise InputError(f"{name}: expected keys and values, got {type(values).__name__}")
    return values


def _check_depth(events: Iterable[Any], name: str) -> None:
    """Raise InputError for values in values in values beyond all bounds."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind in ("MappingStartEvent", "SequenceStartEvent")
        depth -= kind in ("MappingEndEvent", "SequenceEndEvent")
        if depth > _MAX_DEPTH:
            raise InputError(f"{name}: expected values nested {_MAX_DEPTH} times, came more")


def _num_nodes(value: Any, known: dict[int, int]) -> int:
    """Count values as often as aliases repeat them."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = _MAX_NODES  # one that contains itself
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_num_nodes(part, known) for part in parts)
    return known[id(value)]
