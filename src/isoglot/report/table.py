"""One table, drawn to HTML, to a terminal, to Markdown, to LaTeX and to CSV.

    table = Table(
        "Accuracy on mgsm",
        [Column("Language"), Column("Value, %"), Column("n")],
        [TableRow("Swahili", [Interval(0.41, 0.37, 0.45), 250], tag="sw", section="low")],
        caption="95 % intervals",
    )
    table.to_html(); table.to_rich(); table.to_markdown(); table.to_latex(); table.to_csv()

The first column is the head of each row, a text. A cell is

- a text, or `Toned` (a coloured text), `Badge` (a short label), `ShareBar` (a share of a length);
  `Steps` (a rate over rounds);
- a count (int), a rate (float) or an `Interval`: a value with bounds, change, n. Values stay rates;
  the column's `scale` turns them into percent, points or grades here and nowhere else;
- None where it is unknown, which is drawn as a dash.

HTML gives bounds and change columns of their own, if any row has them; the terminal, Markdown and
LaTeX put them into the cell (`45.2 [41.0, 49.3] (+3.1)`), and `Column.form` says how. CSV has the
numbers as they are. Every form escapes the texts, which may come from a model.
"""

import csv
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Literal, TypeAlias

from isoglot.core.text import printable
from isoglot.report.cells import (
    Badge,
    Cell,
    Column,
    ShareBar,
    Steps,
    Toned,
    bounds,
    bounds_in_cell,
    number,
    plain,
    sign_of_change,
)
from isoglot.report.escape import (
    UNKNOWN,
    escape_csv,
    escape_latex,
    escape_markdown,
    one_line,
)
from isoglot.report.results.names import language_name, own_name, text_direction
from isoglot.report.results.rows import Interval

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table as RichTable
    from rich.text import Text

NUM_OPEN = 40
"""Tables with more rows are folded on a page, and left out of the terminal."""


_Part: TypeAlias = Literal["value", "bounds", "change", "change bounds", "words"]
_CSV_PARTS: Mapping[_Part, Sequence[str]] = {
    "value": ["value"],
    "bounds": ["low", "high"],
    "change": ["change"],
    "change bounds": ["change low", "change high"],
    "words": ["value", "low", "high"],
}
_HEADS = {"bounds": "95 % interval", "change": "Change", "change bounds": "95 % interval"}


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row: its head, and a cell for each other column."""

    head: str
    cells: Sequence[Cell]
    tag: str = ""
    """The language that the row is about: pages add its own name, terminals its tag."""
    section: str = ""
    """Rows of one section stand together; a terminal rules a line between sections."""
    is_group: bool = False
    """True for a row over several others, such as a mean; a terminal shows these last."""

    @classmethod
    def of_language(
        cls, tag: str, cells: Sequence[Cell], mark: str = "", section: str = ""
    ) -> "TableRow":
        """The row of a language; `mark` follows its name."""
        return cls(language_name(tag) + mark, cells, tag, section)


@dataclass(frozen=True, slots=True)
class Table:
    """A title, columns and rows; see the module."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[TableRow]
    caption: str = ""
    """Shown below the table in a terminal; pages have the caption of their section."""
    notes: Sequence[str] = ()
    """Lines that travel with Markdown and LaTeX: units, counts, signatures."""
    summary: str = "The numbers"
    """Text that unfolds the table on a page."""
    is_open: bool | None = None
    """True where the page shows it unfolded; None lets the page decide by its length."""

    def to_html(self, *, anchor: str = "") -> str:
        """A `<table>`; intervals and changes get columns of their own."""
        plans = self._plans()
        heads = "".join(
            f"<th{_align(column, part)}>{html.escape(_HEADS.get(part, column.title))}</th>"
            for column, parts in zip(self.columns[1:], plans, strict=True)
            for part in parts
        )
        lines = []
        for row in self.rows:
            cells = "".join(
                f"<td{_align(column, part, cell)}>{_html_cell(cell, column, part)}</td>"
                for column, parts, cell in zip(self.columns[1:], plans, row.cells, strict=True)
                for part in parts
            )
            kind = ' class="whole"' if row.is_group else ""
            lines.append(f"<tr{kind}>{_html_head(row)}{cells}</tr>")
        name = f' id="{html.escape(anchor)}"' if anchor else ""
        body = "\n".join(lines)
        return (
            f'<table class="grid"{name}>\n<thead><tr><th>{html.escape(self.columns[0].title)}</th>'
            f"{heads}</tr></thead>\n<tbody>{body}</tbody></table>"
        )

    def to_rich(self) -> "_Fitted":
        """The table for `rich`, as wide as the terminal allows.

        No markup in it is interpreted; rows over several others come last.
        """
        return _Fitted(self)

    def to_markdown(self) -> str:
        """A table of GitHub's Markdown, with the notes as a list below it."""
        heads = [escape_markdown(column.title) for column in self.columns]
        rule = ["---" if c.is_text or not i else "---:" for i, c in enumerate(self.columns)]
        lines = [heads, rule]
        for row in self.rows:
            head = escape_markdown(row.head)
            cells = zip(row.cells, self.columns[1:], strict=True)
            head = f"**{head}**" if row.is_group else head
            lines.append([head, *(_markdown_cell(cell, column) for cell, column in cells)])
        text = [f"| {' | '.join(line)} |" for line in lines]
        notes = [f"- {escape_markdown(note)}" for note in self.notes]
        return "\n".join([*text, *([""] * bool(notes)), *notes, ""])

    def to_latex(self) -> str:
        r"""A `tabular` with the rules of booktabs; `\usepackage{booktabs}` is the only need."""
        parts = [[row for row in self.rows if row.is_group is part] for part in (False, True)]
        body = [self._latex_line([column.title for column in self.columns])]
        for rows in parts:
            if rows or not body[1:]:
                body.append(r"\midrule")
            for row in rows:
                cells = zip(row.cells, self.columns[1:], strict=True)
                body.append(self._latex_line([row.head, *(plain(*pair) for pair in cells)]))
        align = "".join("l" if c.is_text or not i else "r" for i, c in enumerate(self.columns))
        head = [f"% {one_line(note)}" for note in self.notes]
        start = [*head, rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
        return "\n".join([*start, *body, r"\bottomrule", r"\end{tabular}", ""])

    def _plans(self) -> list[list[_Part]]:
        """The columns that each column but the first takes in HTML and CSV."""
        return [
            _parts(column, [row.cells[i] for row in self.rows])
            for i, column in enumerate(self.columns[1:])
        ]

    @staticmethod
    def _latex_line(texts: Sequence[str]) -> str:
        return " & ".join(map(escape_latex, texts)) + r" \\"

    def to_csv(self) -> str:
        """Lines with the numbers as they are; no text in them starts a formula."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        plans = self._plans()
        heads = [self.columns[0].title]
        for column, parts in zip(self.columns[1:], plans, strict=True):
            names = [part for whole in parts for part in _CSV_PARTS[whole]]
            heads += [f"{column.title} {name}".removesuffix(" value") for name in names]
        writer.writerow(heads)
        for row in self.rows:
            line: list[object] = [escape_csv(row.head)]
            for cell, parts in zip(row.cells, plans, strict=True):
                line += [_raw(cell, part) for whole in parts for part in _CSV_PARTS[whole]]
            writer.writerow(line)
        return out.getvalue()


def _parts(column: Column, cells: Sequence[Cell]) -> list[_Part]:
    """The columns that a column takes where bounds and changes have their own."""
    found = [cell for cell in cells if isinstance(cell, Interval)]
    if column.form == "words" and found:
        return ["words"]
    changes = [cell.change for cell in found if cell.change]
    parts: list[_Part] = ["value"]
    if any(cell.has_bounds for cell in found):
        parts.append("bounds")
    if changes:
        parts.append("change")
    if any(change.has_bounds for change in changes):
        parts.append("change bounds")
    return parts


def _align(column: Column, part: _Part, cell: Cell = None) -> str:
    if isinstance(cell, ShareBar):
        return ' class="bar"'
    return "" if column.is_text and part == "value" else ' class="r"'


def _html_head(row: TableRow) -> str:
    own = own_name(row.tag)
    tag = html.escape(row.tag)
    attributes = f'class="own" lang="{tag}" dir="{text_direction(row.tag)}"'
    name = f" <span {attributes}>{html.escape(own)}</span>" if own else ""
    return f'<th scope="row">{html.escape(row.head)}{name}</th>'


def _html_cell(cell: Cell, column: Column, part: _Part) -> str:
    match cell:
        case Toned(text, tone):
            return f'<b class="{tone}">{html.escape(text)}</b>'
        case Badge(text):
            shown = html.escape(text)
            return f'<span class="group {shown.replace(" ", "-")}">{shown}</span>'
        case ShareBar(share):
            return f'<i style="width:{100 * share:.2f}%"></i>'
        case Steps():
            return cell.text(column.scale, is_whole=True)
        case Interval():
            text = html.escape(_part_text(cell, column, part))
            signed = cell.change if part == "change" else cell if column.scale.is_signed else None
            is_sure = part in ("value", "change") and signed is not None and signed.is_beyond_zero
            return f"<b>{text}*</b>" if is_sure else text
    return html.escape(plain(cell, column)) if part in ("value", "words") else UNKNOWN


def _part_text(cell: Interval, column: Column, part: _Part) -> str:
    match part:
        case "value":
            return number(cell.value, column.scale)
        case "bounds":
            return bounds(cell, column.scale)
        case "change":
            return number(cell.change.value if cell.change else None, column.of_change)
        case "change bounds":
            return bounds(cell.change, column.of_change)
        case "words":
            return plain(cell, column)


def _rich_cell(cell: Cell, column: Column) -> "Text":
    from rich.text import Text

    styles = {"good": "green", "bad": "red", "unsure": "yellow"}
    match cell:
        case Toned(text, tone):
            return Text(printable(text), styles[tone])
        case Badge(text, mark):
            return Text(printable(mark or text))
        case Interval():
            is_change = column.scale.is_signed
            value = number(cell.value, column.scale) + (sign_of_change(cell) if is_change else "")
            shown = Text(value, _style(cell) if is_change else "")
            shown.append(bounds_in_cell(cell, column), "dim")
            if cell.change:
                change = number(cell.change.value, column.of_change) + sign_of_change(cell.change)
                shown.append(f" ({change})", _style(cell.change))
            return shown
    return Text(printable(plain(cell, column)))


def _style(change: Interval) -> str:
    """Green for more and red for less, where the interval does not reach zero."""
    if not change.is_beyond_zero or change.value is None:
        return ""
    return "green" if change.value > 0 else "red"


def _markdown_cell(cell: Cell, column: Column) -> str:
    match cell:
        case Toned(text):
            return f"**{escape_markdown(text)}**"
        case Badge(text):
            return f"`{one_line(text).translate({ord('`'): chr(39), ord('|'): chr(92) + '|'})}`"
    return escape_markdown(plain(cell, column))


def _raw(cell: Cell, part: str) -> object:
    """A cell's part as CSV has it: empty where unknown."""
    match cell:
        case Interval():
            of = cell.change if part.startswith("change") else cell
            name = part.removeprefix("change ") if part != "change" else "value"
            value: float | None = getattr(of, name) if of else None
            return "" if value is None else value
        case ShareBar(share):
            return share
    if part != "value" or cell is None:
        return ""
    if isinstance(cell, Steps):
        return " ".join("" if value is None else repr(value) for value in cell.values)
    return escape_csv(cell.text if isinstance(cell, Toned | Badge) else cell)


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A table in a terminal: where it is too wide, texts wrap first, and numbers last."""

    table: Table

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> Iterator["RichTable"]:
        yield self.drawn(options.max_width)

    def drawn(self, width: int) -> "RichTable":
        """The table in so many columns of characters, if that can be."""
        from rich.box import SIMPLE
        from rich.table import Table as RichTable
        from rich.text import Text

        source = self.table
        shown = [row for row in source.rows if not row.is_group]
        shown += [row for row in source.rows if row.is_group]
        heads = [f"{row.head} ({row.tag})" if row.tag else row.head for row in shown]
        lines = [
            [Text(printable(head)), *(map(_rich_cell, row.cells, source.columns[1:]))]
            for head, row in zip(heads, shown, strict=True)
        ]
        table = RichTable(
            title=Text(printable(source.title)),
            caption=Text(printable(source.caption)) if source.caption else None,
            box=SIMPLE,
            padding=(0, 1, 0, 0),
        )
        for place, (column, least) in enumerate(
            zip(source.columns, self._widths(lines, width), strict=True)
        ):
            is_left = column.is_text or not place
            table.add_column(
                Text("\n".join(wrap(column.title, least))),
                justify="left" if is_left else "right",
                width=least,
                overflow="fold",
            )
        before = None
        for row, cells in zip(shown, lines, strict=True):
            if before and (before.section, before.is_group) != (row.section, row.is_group):
                table.add_section()
            table.add_row(*cells)
            before = row
        return table

    def _widths(self, lines: Sequence[Sequence["Text"]], width: int) -> list[int]:
        """The width of each column, in characters; the heads of columns wrap at words."""
        columns = self.table.columns
        whole, least = [], []
        for place, column in enumerate(columns):
            cells = [line[place] for line in lines]
            heads = [len(part) for part in re.split(r"\s|(?<=-)", column.title)]
            words = " ".join(cell.plain for cell in cells).split()
            whole.append(max([1, *heads, *(cell.cell_len for cell in cells)]))
            least.append(max([1, *heads, *map(len, words)]))
        room = width - 2 * len(columns) - 1
        texts = [i for i, column in enumerate(columns) if column.is_text or not i]
        numbers = [i for i in range(len(columns)) if i not in texts]
        # Texts give way first, at words; then numbers, at words; then both anywhere.
        floors = [
            {i: min(least[i], 16) for i in texts if i},
            {0: min(least[0], 16)},
            {i: least[i] for i in numbers},
            {i: min(least[i], 10) for i in texts},
            {i: min(least[i], 6) for i in numbers},
        ]
        for floor in floors:
            while sum(whole) > room and any(whole[i] > floor[i] for i in floor):
                whole[max(floor, key=lambda i: whole[i] - floor[i])] -= 1
        for i, column in enumerate(columns):  # where there is room, heads need not wrap
            whole[i] += max(0, min(len(column.title) - whole[i], room - sum(whole)))
        return whole
