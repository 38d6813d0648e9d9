"""Overrides: settings given as `key=value`, in addition to a YAML file."""

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.yaml import read_yaml


def settings_of(overrides: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as nested values; they are `key=value` whose values are YAML, or by key."""
    values: dict[str, Any] = {}
    set_all(values, overrides)
    return values


def set_all(values: dict[str, Any], overrides: Sequence[str] | Mapping[str, Any]) -> None:
    """Set `key=value` texts, or keys with dots and their values, in place."""
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            set_key(values, key, value)
    else:
        for text in overrides:
            override(values, text)


def override(values: dict[str, Any], text: str) -> None:
    """Set `a.b.0.c=value` in place; the value is YAML."""
    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"expected key=value, got {text!r}; for example seed=2")
    set_key(values, key, read_yaml(f"v: {value}", text)["v"])


def set_key(values: dict[str, Any], key: str, value: Any) -> None:
    """Set `a.b.0.c` in place.

    An entry of `rounds` keeps a key inside a section as one dotted key. Raises InputError if the
    recipe has no such place.
    """
    *parents, last = key.split(".")
    if parents[:1] == ["rounds"] and len(parents) > 1:
        parents, last = parents[:2], key.split(".", 2)[2]
    place: Any = values
    try:
        for name in parents:
            is_dict = isinstance(place, dict)
            inner = place.setdefault(name, {}) if is_dict else place[int(name)]
            if inner is None and is_dict:  # a section that is left out
                inner = place[name] = {}
            place = inner
        place[int(last) if isinstance(place, list) else last] = value
    except (TypeError, ValueError, IndexError, KeyError):
        raise InputError(f"cannot set {key!r}: no such place in the recipe; see its file") from None
