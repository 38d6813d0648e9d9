"""The page of a schema: each section of a pydantic model, with every key."""

import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from markup import code, definition, prose
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

Examples = Sequence[tuple[str, Mapping[str, Any]]]
"""Files by name, as their values, from which examples are taken."""

_NAMES: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    Any: "any value",
    type(None): "null",
    dict: "keys and values",
}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_TAGS = ("kind", "engine")
"""Keys that select one of several sections."""


class Place(NamedTuple):
    """A section and the dotted key under which a file has it."""

    path: str
    kind: type[BaseModel]

    @property
    def anchor(self) -> str:
        return self.kind.__name__.lower().removesuffix("config")

    @property
    def tags(self) -> list[str]:
        """The value by which this section is selected under its key."""
        found = [self.kind.model_fields.get(name) for name in _TAGS]
        texts = [_literals(field.annotation) for field in found if field is not None]
        return [text for names in texts[:1] for text in names]

    @property
    def title(self) -> str:
        if not self.path:
            return "Top level"
        tag = f": {'/'.join(self.tags)}" if self.tags else ""
        return f"{self.path}{tag}"


def places(root: type[BaseModel]) -> list[Place]:
    """List the sections of a schema, each under the first key that has it, in the order of keys."""
    found: dict[type, Place] = {}

    def walk(kind: type[BaseModel], path: str) -> None:
        if kind in found:
            return
        found[kind] = Place(path, kind)
        for name, field in kind.model_fields.items():
            for inner in _sections(field.annotation):
                walk(inner, f"{path}.{name}" if path else name)

    walk(root, "")
    return list(found.values())


def keys_page(title: str, intro: str, root: type[BaseModel], examples: Examples) -> str:
    """Return the page of a schema."""
    known = {place.kind: place for place in places(root)}
    parts = [f"# {title}", intro]
    for place in known.values():
        parts += _section(place, known, examples)
    return "\n\n".join(parts)


def meaning_of(kind: type[BaseModel], name: str) -> str:
    """Return the meaning of a key; one that only has another default has that of its base class."""
    for base in kind.__mro__:
        fields = getattr(base, "model_fields", {})
        if name in fields and fields[name].description:
            return fields[name].description
    return "Selects this section." if name in _TAGS else ""


def _section(place: Place, known: Mapping[type, Place], examples: Examples) -> Iterator[str]:
    yield f"## {place.title} {{ #{place.anchor} }}"
    yield prose((place.kind.__doc__ or "").split("\n\n")[0])
    base = next((each for each in place.kind.__mro__[1:] if each in known), None)
    own = place.kind.model_fields
    if base is not None:
        other = known[base]
        yield f"All keys of [{other.title}](#{other.anchor}), and:"
        own = {
            name: field
            for name, field in own.items()
            if name not in base.model_fields or field.default != base.model_fields[name].default
        }
    for name, field in own.items():
        yield _key(place, name, field, known)
    example = _example(place, examples)
    if example:
        yield f"From `{example[0]}`:"
        yield code("yaml", example[1])


def _key(place: Place, name: str, field: FieldInfo, known: Mapping[type, Place]) -> str:
    anchor = f"{place.anchor}.{name}"
    facts = [_type(field.annotation, known, field.metadata), _default(field)]
    term = f"`{name}`{{ #{anchor} }}"
    return definition(term, facts, prose(meaning_of(place.kind, name)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "default: its own defaults"
    if isinstance(value, tuple):
        value = [
            each.model_dump(mode="json") if isinstance(each, BaseModel) else each for each in value
        ]
    return f"default `{_flow(value)}`"


def _flow(value: Any) -> str:
    """Return a value as YAML writes it in one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if value and value.strip() == value and "`" not in value else f'"{value}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value)


def _type(kind: Any, known: Mapping[type, Place], metadata: Sequence[Any] = ()) -> str:
    bounds = "".join(f" {sign} {value:,}" for sign, value in _bounds(metadata))
    return _plain_type(kind, known) + bounds


def _bounds(metadata: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for each in metadata:
        parts = each if isinstance(each, annotated_types.GroupedMetadata) else [each]
        for part in parts:
            for name, sign in _SIGNS.items():
                if hasattr(part, name) and getattr(part, name) is not None:
                    yield sign, getattr(part, name)


def _plain_type(kind: Any, known: Mapping[type, Place]) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = [each for meta in arguments[1:] for each in getattr(meta, "metadata", [meta])]
        return _type(arguments[0], known, inner)
    if origin is Literal:
        return " or ".join(f"`{_flow(each)}`" for each in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(each, known) for each in arguments))
    if origin in (tuple, list) or (origin is not None and issubclass(origin, Sequence)):
        inner = _type(arguments[0], known)
        return f"list of ({inner})" if " or " in inner else f"list of {inner}"
    if origin is not None and issubclass(origin, Mapping):
        return f"map of {_type(arguments[0], known)} to {_type(arguments[1], known)}"
    if kind in known:
        place = known[kind]
        return f"[{'/'.join(place.tags) or 'section'}](#{place.anchor})"
    return _NAMES.get(kind, "any value")


def _literals(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(each) for each in get_args(kind)]
    return []


def _sections(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections that a type may have."""
    if isinstance(kind, type) and get_origin(kind) is None:
        if issubclass(kind, BaseModel):
            yield kind
        return
    for argument in get_args(kind):
        yield from _sections(argument)


def _example(place: Place, examples: Examples) -> tuple[str, str] | None:
    """Return a section of a file of the package: its name, and its text."""
    if not place.path:
        return None
    for name, values in examples:
        for found in _at(values, place.path.split(".")):
            if _is_of(place, found):
                return name, _block(place.path, found)
    return None


def _at(values: Any, keys: Sequence[str]) -> Iterator[Any]:
    if isinstance(values, list):
        for each in values:
            yield from _at(each, keys)
    elif not keys:
        yield values
    elif isinstance(values, Mapping) and keys[0] in values:
        yield from _at(values[keys[0]], keys[1:])


def _is_of(place: Place, value: Any) -> bool:
    if not isinstance(value, Mapping) or len(str(value)) > 1200:
        return False
    tags = {str(value[name]) for name in _TAGS if name in value}
    return set(value) <= set(place.kind.model_fields) and (
        not place.tags or bool(tags & set(place.tags))
    )


def _block(path: str, value: Any) -> str:
    for key in reversed(path.split(".")):
        value = {key: value}
    text = StringIO()
    yaml = YAML()
    yaml.width = 100
    yaml.dump(value, text)
    return text.getvalue()
