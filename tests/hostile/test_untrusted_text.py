"""Names and texts of strangers reach terminal and tables as text, whatever they are."""

import csv
import io

import pytest

from isoglot.commands.options import console
from isoglot.core.text import printable
from isoglot.report.cells import Column
from isoglot.report.table import Table, TableRow

HOSTILE = (
    "[/red]",
    "[bold]x[/bold]",
    "[link=https://evil.example]x[/link]",
    ":smile:",
    "\x1b[2J\x1b[31mgone",
    "\x9b31m",
    "\u202egnp.exe",
    "\u2066hidden",
    "bell\a\b\b",
    "=cmd('calc')",
    "@SUM(A1)",
    "+1\r-2",
)
OBEYED = "\x1b\x9b\u202e\u2066\a\b"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_console_prints_a_text_and_obeys_none(text, capsys):
    table = Table(text, [Column("model"), Column("n", is_text=True)], [TableRow(text, [text])])
    screen = console()
    screen.print(text)
    screen.print(f"policy {text}: 3 pairs")
    screen.print(table.to_rich())
    shown = capsys.readouterr().out
    assert not set(OBEYED) & set(shown)
    assert printable(text).split("\r")[0] in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_a_table_holds_a_text_and_no_formula(text):
    table = Table("t", [Column("model"), Column("n", is_text=True)], [TableRow(text, [text])])
    for form in (table.to_csv(), table.to_markdown(), table.to_latex()):
        assert not set(OBEYED) & set(form)
    _, row = csv.reader(io.StringIO(table.to_csv()))
    assert not [cell for cell in row if cell[:1] in "=+-@"]


def test_an_error_is_printed_as_text(isoglot):
    code, _, error = isoglot("run", "nope\x1b[2J")
    assert (code, "\x1b" in error) == (2, False)
