"""A page: one HTML file that needs nothing else, and in which no text of a model acts.

A page lists its sections (title, caption, charts, tables), then the cards, then the table of all
results with their signatures, then how everything was made. Texts are plain: the page escapes them.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from isoglot.core.documents import read_json
from isoglot.report.cards.card import Cards
from isoglot.report.cells import PERCENT, UNKNOWN, Column, Scale, bounds, number
from isoglot.report.charts.canvas import Chart
from isoglot.report.results.names import language_name
from isoglot.report.results.rows import Interval, ResultRow
from isoglot.report.table import NUM_OPEN, Table, TableRow


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure at the top of a page."""

    name: str
    figure: str
    note: str

    @classmethod
    def of(
        cls, name: str, interval: Interval, scale: Scale = PERCENT, unknown: str = UNKNOWN
    ) -> "Tile":
        """A value, and its 95 % interval or `unknown` as the note."""
        figure = number(interval.value, scale) + (" %" if scale is PERCENT else "")
        return cls(name, figure, bounds(interval, scale) if interval.has_bounds else unknown)


@dataclass(frozen=True, slots=True)
class PageSection:
    """A heading with its charts, then its tables; `missing` says why there are none."""

    anchor: str
    title: str
    caption: str
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    missing: str = ""
    is_panels: bool = False
    """True where charts stand side by side."""


@dataclass(frozen=True, slots=True)
class Page:
    """The content of a page."""

    title: str
    headline: str
    sections: Sequence[PageSection]
    cards: Cards
    tiles: Sequence[Tile] = ()
    fine: Sequence[str] = ()
    """Small print under the figures at the top."""
    notices: Sequence[str] = ()
    """Each is shown once."""
    results: Sequence[tuple[str, ResultRow]] = ()
    """Every number, each with the name of the model that it is of."""
    order: Sequence[str] = ()
    """Order of the languages in the table of all results."""
    closing: Sequence[PageSection] = ()
    """Sections after the table of all results."""
    facts: str = ""
    """Settings and versions behind the page, as text."""
    facts_name: str = "run.json"


def render_page(page: Page) -> str:
    """The page as HTML."""
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
    signatures = list(dict.fromkeys(row.signature for _, row in page.results))
    charts = [chart.figure for part in (*page.sections, *page.closing) for chart in part.charts]
    return environment.get_template("report.html.jinja").render(
        page=page,
        notices=list(dict.fromkeys(page.notices)),
        html=lambda table: Markup(table.to_html()),
        is_open=_is_open,
        results=Markup(_results_table(page, signatures).to_html(anchor="result-table")),
        signatures=signatures,
        # The scripts are ours and plotly's; nothing of a run is in them.
        scripts=[Markup(script) for script in scripts],
        hashes=[_csp_hash(script) for script in scripts],
        style=Markup((folder / "page.css").read_text(encoding="utf-8")),
        data=Markup(_inert_json({"charts": charts, "browser": page.cards.content()})),
    )


def _is_open(table: Table, section: PageSection) -> bool:
    """Long tables below charts are folded."""
    if table.is_open is not None:
        return table.is_open
    return not section.charts or len(table.rows) <= NUM_OPEN


def write_page(path: Path, page: Page) -> Path:
    """Write a page, whole or not at all, and return its path."""
    content = render_page(page).encode(errors="replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".html.tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
    return path


def read_facts(path: Path) -> str:
    """The JSON file that says how a folder was made, as text; empty where there is none."""
    if not path.exists():
        return ""
    content = read_json(path, mend="delete it, or repeat the command that wrote it")
    return json.dumps(content, indent=2, ensure_ascii=False)


def _results_table(page: Page, signatures: Sequence[str]) -> Table:
    """All results; each way of measuring stands once below, and a result refers to its number."""
    rank = {tag: i for i, tag in enumerate(page.order)}
    shown = sorted(
        page.results,
        key=lambda r: (r[1].task, r[1].metric, rank.get(r[1].language, len(rank)), r[0]),
    )
    columns = [Column(name, is_text=True) for name in ("Task", "Metric", "Language", "Model")]
    columns += [Column(name) for name in ("Value, %", "n", "Unknown")]
    columns += [Column(name, is_text=True) for name in ("Trained", "Signature")]
    return Table(
        "All results",
        columns,
        [
            TableRow(
                row.task,
                [
                    row.metric,
                    f"{language_name(row.language)} ({row.language})",
                    model,
                    Interval(row.value, row.low, row.high),
                    row.n,
                    row.unknown,
                    "yes" if row.trained else "no",
                    f"[{signatures.index(row.signature) + 1}]",
                ],
            )
            for model, row in shown
        ],
    )


def _inert_json(value: object) -> str:
    """JSON that can stand in a `<script>`: nothing in it can end the element or open another."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _csp_hash(script: str) -> str:
    """The source expression that lets exactly this script run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
