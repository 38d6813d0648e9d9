"""Texts that may come from a model, made inert for the form that they go to."""

import re

from isoglot.core.text import printable

UNKNOWN = "\u2013"
MINUS = "\u2212"  # as wide as a plus, which keeps columns straight


def escape_csv(value: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe before it; what a
    terminal would obey is replaced."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        value = f"'{value}"
    return printable(value.replace("\r", " ")) if isinstance(value, str) else value


def escape_markdown(text: str) -> str:
    """The text on one line, in which nothing is Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", one_line(text))


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: f"\\{character}" for character in "{}$&#%_"},
}


def escape_latex(text: str) -> str:
    """The text on one line, in which nothing is a command."""
    escaped = "".join(_LATEX.get(character, character) for character in one_line(text))
    # A row that starts with a bracket would be read as an argument of the row before.
    guard = "{}" if escaped.startswith(("[", "*")) else ""
    return guard + escaped.replace(UNKNOWN, "--").replace(MINUS, "$-$")


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))
