"""Pieces of Markdown for the generated pages."""

import re
from collections.abc import Sequence
from html import escape
from typing import Any


def code(language: str, text: str) -> str:
    """Return a fenced block."""
    return f"```{language}\n{text.strip()}\n```"


def definition(term: str, facts: Sequence[str], meaning: str) -> str:
    """Return a term with short facts beside it, and its meaning below."""
    return f"{' · '.join([term, *facts])}\n:   {meaning}"


def prose(text: str) -> str:
    """Return text in one line, in which only code is markup."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else _plain(part) for part in parts)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table of cells that are Markdown already."""

    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", r"\|") for cell in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


def _plain(text: str) -> str:
    return re.sub(r"([*_\[\]])", r"\\\1", escape(text, quote=False))
