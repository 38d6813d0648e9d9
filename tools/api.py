"""The page of the Python API: the public names of the package, from their docstrings."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import griffe
from markup import code, definition, prose

import isoglot
from isoglot.core.section import Section


def api_page() -> str:
    """Return the page."""
    lines = [
        "# Python API",
        "The public names of `import isoglot`. The [guide](../python.md) shows them at work; the "
        "command line is a thin layer over them.",
    ]
    for name in sorted(isoglot.__all__, key=str.lower):
        if not name.startswith("_"):
            lines += _public(name, getattr(isoglot, name))
    return "\n\n".join(lines)


def _public(name: str, value: Any) -> Iterator[str]:
    yield f"## {name} {{ #{name} }}"
    if inspect.isclass(value):
        yield from _docstring(inspect.getdoc(value) or "")
        yield from _members(value)
    elif callable(value):
        yield code("python", f"{name}{_signature(value)}")
        yield from _docstring(inspect.getdoc(value) or "")
    else:
        yield f"A table of {len(value)} rows by tag: see [Languages](languages.md)."


def _signature(value: Callable[..., Any]) -> str:
    signature = inspect.signature(value)
    text = _in_one_line(signature)
    if len(text) < 70:
        return text
    rows = "".join(f"    {row},\n" for row in _rows(signature))
    return f"(\n{rows}){_answer(signature)}"


def _in_one_line(signature: inspect.Signature) -> str:
    return f"({', '.join(_rows(signature))}){_answer(signature)}"


def _answer(signature: inspect.Signature) -> str:
    kind = _annotation(signature.return_annotation)
    return kind and f" -> {kind}"


def _rows(signature: inspect.Signature) -> Iterator[str]:
    """Yield the parameters as they are written, with the star before those by name only."""
    has_star = False
    for each in signature.parameters.values():
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and not has_star:
            yield "*"
        has_star = has_star or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        kind = _annotation(each.annotation)
        value = getattr(each.default, "__name__", repr(each.default))
        default = "" if each.default is each.empty else f" = {value}"
        yield f"{stars}{each.name}{kind and f': {kind}'}{default}"


def _annotation(kind: Any) -> str:
    if kind is inspect.Signature.empty:
        return ""
    text = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    return re.sub(
        r"\b(?:isoglot|pathlib|collections\.abc|typing)\.(?:\w+\.)*", "", text.strip("'\"")
    )


def _docstring(text: str) -> Iterator[str]:
    """Yield the sections of a docstring in Google's style as Markdown."""
    parsed = griffe.Docstring(text, lineno=1).parse("google", warnings=False)
    for part in parsed:
        if part.kind is griffe.DocstringSectionKind.text:
            yield prose(part.value)
        elif part.kind is griffe.DocstringSectionKind.admonition:
            body = part.value.description
            yield (
                code("python", body) if part.title == "Example" else prose(f"{part.title}: {body}")
            )
        elif part.kind is griffe.DocstringSectionKind.examples:
            yield code("python", "\n".join(example for _, example in part.value))
        elif isinstance(part.value, list):
            yield f"**{part.kind.value.capitalize()}**"
            for each in part.value:
                term = getattr(each, "name", "") or str(each.annotation or "")
                yield definition(f"`{term}`" if term else "", [], prose(each.description))


def _members(kind: type) -> Iterator[str]:
    """Yield the attributes and methods of a class and of its bases in the package."""
    if issubclass(kind, Section):
        yield f"Its keys are those of [{kind.__name__}](keys.md#{kind.__name__.lower()})."
        return
    own = [base for base in reversed(kind.__mro__) if base.__module__.startswith("isoglot.")]
    found = {name: each for base in own for name, each in _parsed(base).members.items()}
    plain = []
    for name, each in found.items():
        is_method = each.is_function and "property" not in each.labels
        shown = (
            f"{name}{_in_one_line(inspect.signature(getattr(kind, name)))}" if is_method else name
        )
        if not is_method and each.annotation is not None:
            shown = f"{name}: {each.annotation}"
        if not name.startswith("_") and each.docstring is None and each.is_attribute:
            plain.append(f"`{shown}`")
        elif not name.startswith("_") and each.docstring is not None:
            first = each.docstring.value.split("\n\n")[0]
            yield definition(f"`{' '.join(shown.split())}`", [], prose(first))
    if plain:
        yield f"Also {', '.join(plain)}."


def _parsed(kind: type) -> Any:
    """Return the class as griffe reads it, with the docstrings of its attributes."""
    path = Path(inspect.getfile(kind))
    module = griffe.visit(kind.__module__, filepath=path, code=path.read_text(encoding="utf-8"))
    return module[kind.__qualname__]
