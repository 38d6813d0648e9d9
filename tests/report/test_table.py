"""One table in five forms: the same numbers, unknown as unknown, and no text that acts."""

import csv
import io
import re

import pytest
from rich.console import Console

from isoglot.report.cells import (
    GRADES,
    POINTS,
    Badge,
    Cell,
    Column,
    ShareBar,
    Steps,
    Toned,
    bounds,
    number,
    value_and_bounds,
)
from isoglot.report.results.rows import Interval
from isoglot.report.table import Table, TableRow

HOSTILE = "</td><script>alert(1)</script>|*[x](http://evil)*\n\\input{x}&_%[red]"
SWAHILI = Interval(0.4525, 0.41, 0.493, Interval(0.031, 0.01, 0.05), n=250, unknown=3)
FORMS = ("to_html", "to_rich", "to_markdown", "to_latex", "to_csv")


def table_of(*cells: Cell, columns: list[Column] | None = None, head: str = "Swahili") -> Table:
    columns = columns or [Column(f"c{i}") for i in range(len(cells))]
    return Table("Title", [Column("Language"), *columns], [TableRow(head, cells, tag="sw")])


def printed(table: Table, width: int = 140) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(table.to_rich())
    return console.export_text()


def drawn(table: Table, form: str) -> str:
    return printed(table) if form == "to_rich" else getattr(table, form)()


def cells_of(html: str) -> list[str]:
    body = html.split("<tbody>")[1]
    return [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", body)]


def test_html_has_columns_for_bounds_and_changes() -> None:
    html = table_of(SWAHILI, columns=[Column("Value, %")]).to_html()
    assert re.findall(r"<th[^>]*>([^<]*)</th>", html) == [
        "Language", "Value, %", "95 % interval", "Change", "95 % interval",
    ]  # fmt: skip
    assert cells_of(html) == ["45.2", "41.0 to 49.3", "+3.1*", "+1.0 to +5.0"]
    assert '<span class="own" lang="sw" dir="ltr">Kiswahili</span>' in html


def test_columns_that_no_row_fills_are_left_out() -> None:
    assert cells_of(table_of(Interval(0.5), 0.25, 7).to_html()) == ["50.0", "25.0", "7"]


def test_the_other_forms_have_bounds_in_the_cell() -> None:
    table = table_of(SWAHILI)
    assert "Swahili (sw) 45.2 [41.0, 49.3] (+3.1*)" in " ".join(printed(table).split())
    assert r"| Swahili | 45.2 \[41.0, 49.3\] |" in table.to_markdown()
    assert r"Swahili & 45.2 [41.0, 49.3] \\" in table.to_latex()


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("brackets", "45.2 [41.0, 49.3]"),
        ("half", "45.2 ±4.2"),
        ("value", "45.2"),
        ("words", "45.2 (41.0 to 49.3)"),
    ],
)
def test_forms_of_an_interval(form, shown: str) -> None:
    table = table_of(Interval(0.4525, 0.41, 0.493), columns=[Column("c", form=form)])
    assert table.to_latex().splitlines()[4] == rf"Swahili & {shown} \\"
    assert (cells_of(table.to_html()) == [shown]) == (form in ("words",))


def test_csv_has_the_numbers_as_they_are() -> None:
    lines = list(csv.reader(io.StringIO(table_of(SWAHILI, None, 7).to_csv())))
    assert lines[0] == ["Language", "c0", "c0 low", "c0 high", "c0 change", "c0 change low",
                        "c0 change high", "c1", "c2"]  # fmt: skip
    assert lines[1][1:] == ["0.4525", "0.41", "0.493", "0.031", "0.01", "0.05", "", "7"]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "to_csv"])
def test_unknown_is_a_dash_and_never_a_number(form: str) -> None:
    text = drawn(table_of(None, Interval(None), Interval(None, change=Interval(None))), form)
    body = text[text.index("Swahili") :]
    assert not re.search(r"\d", body)
    assert body.count("–") + body.count("--") >= 3


@pytest.mark.parametrize("form", FORMS)
def test_hostile_text_is_inert_in_every_form(form: str) -> None:
    cells: list[Cell] = [HOSTILE, Toned(HOSTILE, "good"), Badge(HOSTILE)]
    table = table_of(*cells, head=HOSTILE)
    text = drawn(Table(HOSTILE, table.columns, table.rows, HOSTILE, (HOSTILE,)), form)
    match form:
        case "to_html":
            assert "<script" not in text
            assert "&lt;script&gt;" in text
        case "to_rich":
            assert text.count("[red]") >= 4, "brackets are no markup"
        case "to_markdown":
            without_code = re.sub("`[^`]*`", "", text)
            assert not re.search(r"(?<!\\)[<\[*]x|(?<!\\)<script", without_code)
            rows = [line for line in text.splitlines() if line.startswith("|")]
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
            assert len(rows) == 3
        case "to_latex":
            assert "\\input" not in text.split("\\begin", 1)[1]
            assert all(line.startswith("%") for line in text.split("\\begin", 1)[0].splitlines())
        case "to_csv":
            assert len(list(csv.reader(io.StringIO(text)))) == 2


def test_no_csv_cell_starts_a_formula() -> None:
    for start in "=+-@\t\r":
        text = table_of(f"{start}cmd()").to_csv()
        line = list(csv.reader(io.StringIO(text, newline="")))[1]
        assert line[1] == f"'{start}cmd()".replace("\r", " ")


def test_no_latex_row_is_an_argument_of_the_row_before() -> None:
    assert r"{}[2cm] & x \\" in table_of("x", head="[2cm]").to_latex()


def test_groups_come_last_in_a_terminal_and_are_bold_elsewhere() -> None:
    rows = [TableRow("Mean", ["1"], is_group=True), TableRow("Swahili", ["2"], section="low"),
            TableRow("German", ["3"], section="high")]  # fmt: skip
    table = Table("T", [Column("Language"), Column("c")], rows)
    words = printed(table).split()
    assert words.index("Swahili") < words.index("German") < words.index("Mean")
    assert '<tr class="whole"><th scope="row">Mean' in table.to_html()
    assert "| **Mean** | 1 |" in table.to_markdown()
    assert table.to_latex().count(r"\midrule") == 2


def test_only_a_change_beyond_its_interval_is_coloured_and_bold() -> None:
    sure, unsure = Interval(0.05, 0.01, 0.09), Interval(0.05, -0.01, 0.11)
    table = table_of(sure, unsure, columns=[Column("a", POINTS), Column("b", POINTS)])
    assert table.to_html().count("<b>") == 1
    columns = table.to_rich().drawn(80).columns[1:]
    assert [next(iter(column.cells)).style for column in columns] == ["green", ""]


def test_grades_and_bars_and_texts() -> None:
    assert number(0.62, GRADES) == "6.20"
    assert number(-0.031, POINTS) == "−3.1"
    assert bounds(Interval(0.5)) == "–"
    assert value_and_bounds(SWAHILI) == "45.2 (41.0 to 49.3)"
    steps = table_of(Steps([]), Steps([0.04]), Steps([0.04, None, 0.02]))
    assert r"– & 4.0 & 4.0 → 2.0 \\".replace("–", "--") in steps.to_latex()
    assert cells_of(steps.to_html()) == ["–", "4.0", "4.0 → – → 2.0"]
    assert steps.to_csv().splitlines()[1] == "Swahili,,0.04,0.04  0.02"
    assert '<i style="width:25.00%"></i>' in table_of(ShareBar(0.25)).to_html()
    assert "█████" in printed(table_of(ShareBar(0.25)))
    badge = table_of(Badge("never trained", "○"))
    assert '<span class="group never-trained">never trained</span>' in badge.to_html()
    assert "○" in printed(badge)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_number_is_broken_in_a_narrow_terminal(width: int) -> None:
    columns = [Column(f"a long title of column {i}", form="value") for i in range(4)]
    columns.append(Column("a text", is_text=True))
    cells = [SWAHILI, 12345, None, "≤ 220,000 translations", "a very long text " * 9]
    rows = [TableRow("Chinese (Simplified)", cells, tag="zh-Hans")]
    text = printed(Table("T", [Column("Language"), *columns], rows), width)
    assert max(map(len, text.splitlines())) <= width
    for word in ("Chinese", "45.2", "(+3.1*)", "12345", "220,000", "translations", "long"):
        assert word in text
    assert "…" not in text
    assert text.count("very") == 9, "nothing is cut off"
