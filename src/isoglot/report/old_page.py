"""What every page shares: one HTML file that needs nothing else and in which no model text acts."""

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.report import tables
from isoglot.report.cards.browser import Browser
from isoglot.report.charts.canvas import Chart
from isoglot.report.results.measures import Row, language_name, number, own_name, read_json


class Tile(NamedTuple):
    """A figure at the top of a page."""

    name: str
    figure: str
    note: str = ""


class Line(NamedTuple):
    """A row of a table: what it is about, then its cells as text."""

    head: str
    cells: Sequence[str]
    tag: str = ""
    """The language of the row; empty where the row is no language."""
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table under the plots of a section; every column but the first is set to the right."""

    columns: Sequence[str]
    lines: Sequence[Line]
    title: str = "The numbers"
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its plots and table; `missing` says why there are none."""

    anchor: str
    title: str
    caption: str
    missing: str
    charts: Sequence[Chart] = field(default_factory=tuple)
    grid: Grid | None = None
    is_panels: bool = False
    """True where plots stand side by side."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says; texts are plain, nothing in them is HTML."""

    title: str
    sentence: str
    sections: Sequence[Section]
    browser: Browser
    tiles: Sequence[Tile] = ()
    fine: Sequence[str] = ()
    """Small print under the figures at the top."""
    notices: Sequence[str] = ()
    """Said once each."""
    rows: Sequence[tuple[str, Row]] = ()
    """Everything that was measured, each under the name of what it was measured of."""
    order: Sequence[str] = ()
    """That of the languages in the table of all results."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the folder says about how it was made."""
    facts_name: str = "run.json"


def render_page(page: Page, template: str = "base.html.jinja", **context: Any) -> str:
    """The page as HTML; `template` extends the base with what only it has, told in `context`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    folder = files("isoglot.report")
    scripts = [get_plotlyjs(), (folder / "page.js").read_text(encoding="utf-8")]
    environment = Environment(
        loader=PackageLoader("isoglot", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": tables.percent, "signed": tables.signed}
    environment.filters |= {"language_name": language_name, "own_name": own_name}
    results, signatures = _result_rows(page.rows, page.order)
    charts = [chart.figure for section in page.sections for chart in section.charts]
    return environment.get_template(template).render(
        page=page,
        notices=list(dict.fromkeys(page.notices)),
        results=results,
        signatures=signatures,
        facts=json.dumps(page.facts, indent=2, ensure_ascii=False) if page.facts else "",
        # The scripts are ours and plotly's; nothing of a run is in them.
        scripts=[Markup(script) for script in scripts],
        hashes=[_csp_hash(script) for script in scripts],
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),
        data=Markup(_inert_json({"charts": charts, "browser": page.browser.data()})),
        **context,
    )


def write_page(path: Path, html: str) -> Path:
    """Write a page, whole or not at all, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".html.tmp")
    temporary.write_bytes(html.encode(errors="replace"))
    os.replace(temporary, path)
    return path


def facts_of(path: Path) -> Mapping[str, Any]:
    """What a folder says of how it was made; nothing where the file is not there."""
    return read_json(path) if path.exists() else {}


def _result_rows(
    rows: Sequence[tuple[str, Row]], order: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows for the table of all results; signatures.

    Each way of measuring stands once, in order of appearance: a result refers to it by number.
    """
    signatures = list(dict.fromkeys(str(row.get("signature") or "") for _, row in rows))
    rank = {tag: i for i, tag in enumerate(order)}
    shown: list[dict[str, Any]] = [
        {
            **{key: row.get(key) for key in ("metric", "language", "n", "unknown")},
            **{key: number(row, key) for key in ("value", "low", "high")},
            "task": row.get("task") or "",
            "policy": name,
            "trained": bool(row.get("trained")),
            "signature": signatures.index(str(row.get("signature") or "")) + 1,
        }
        for name, row in rows
    ]
    shown.sort(
        key=lambda r: (r["task"], r["metric"], rank.get(r["language"], len(rank)), r["policy"])
    )
    return shown, signatures


def _inert_json(value: object) -> str:
    """JSON that can stand in a `<script>`: nothing in it can end the element or open another."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _csp_hash(script: str) -> str:
    """The source expression that lets exactly this script run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
