"""What a judge said, as a page and as a table: who wins in each language, and how surely."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoglot.report.cards.verdicts import verdict_browser
from isoglot.report.charts.bars import wins_and_losses
from isoglot.report.charts.canvas import Chart
from isoglot.report.old_page import (
    Grid,
    Line,
    Page,
    Section,
    Tile,
    facts_of,
    render_page,
    write_page,
)
from isoglot.report.pages.ratings import rating_table, write_rating_report
from isoglot.report.results.measures import Measure, Row, language_name, metric_name, number
from isoglot.report.results.old_evaluation import by_language, language_order, read_results, tier
from isoglot.report.tables import MINUS, UNKNOWN, percent, signed

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

MEAN = "mean"
_RATES = ("win_rate", "length_controlled_win_rate", "soft_win_rate")
_BIASES = ("position_bias", "verbosity_bias")
_AGREEMENT = "agreement"
_TRUST = ("swap_consistency", *_BIASES, _AGREEMENT)
_COUNTS = ("wins", "ties", "losses", "invalid", "unanswered")


def write_judge_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from what a judge said of two models, or of one; return its path.

    The page makes no network request; what the folder does not have is named on the page.
    InputError when `FOLDER/results.json` is absent or no results.
    """
    results = read_results(folder)
    if "b" not in results:
        return write_rating_report(folder, results)
    notes: list[str] = []
    rows = results["results"]
    page = Page(
        title=f"{_name(results, 'a')} against {_name(results, 'b')}",
        sentence=sentence(results),
        sections=_sections(results),
        browser=verdict_browser(folder, notes),
        tiles=_tiles(rows),
        fine=_fine(results),
        notices=notes,
        rows=[(_name(results, "a"), row) for row in rows],
        order=[MEAN, *_languages(rows)],
        facts=facts_of(folder / "judge.json"),
        facts_name="judge.json",
    )
    return write_page(folder / "report.html", render_page(page))


def sentence(results: Mapping[str, Any]) -> str:
    """Who wins, in one sentence, weighed by the interval."""
    rows = results["results"]
    found = by_language(rows, Measure("", "win_rate"))
    tags = _languages(rows)
    row = found.get(MEAN) or (found.get(tags[0]) if len(tags) == 1 else None)
    value, low, high = (number(row, key) for key in ("value", "low", "high"))
    if row is None or value is None:
        return "No win-rate is known: no pair has a verdict that could be read."
    a, b = _name(results, "a"), _name(results, "b")
    rate = f"win-rate {percent(value)} % ({percent(low)} to {percent(high)})"
    where = f"over {len(tags)} languages" if len(tags) > 1 else f"in {language_name(tags[0])}"
    if low is not None and high is not None and low <= 0.5 <= high:
        return f"{a} and {b} cannot be told apart {where}: {rate} of {a}."
    return f"{a if value > 0.5 else b} wins {where}: {rate} of {a}."


def _languages(rows: Sequence[Row]) -> list[str]:
    return language_order([row for row in rows if row["language"] != MEAN])


def _name(results: Mapping[str, Any], side: str) -> str:
    """`model` for `model@revision`, where the two still differ."""
    names = {key: str(results.get(key) or key.upper()) for key in ("a", "b")}
    short = {key: name.partition("@")[0] for key, name in names.items()}
    return short[side] if short["a"] != short["b"] else names[side]


def _tiles(rows: Sequence[Row]) -> list[Tile]:
    tiles = []
    for metric in (*_RATES, *_TRUST):
        row = by_language(rows, Measure("", metric)).get(MEAN)
        if row is not None and number(row) is not None:
            name = f"{metric_name(metric)}, mean"
            unit = " %" if metric not in (*_BIASES, _AGREEMENT) else ""
            tiles.append(Tile(name, _value(metric, row) + unit, _bounds(metric, row)))
    return tiles


def _value(metric: str, row: Row | None, key: str = "value") -> str:
    """A rate in percent, a bias in points with its sign, an agreement from -1 to 1."""
    value = number(row, key)
    if metric in _BIASES:
        return signed(value)
    if metric == _AGREEMENT:
        return UNKNOWN if value is None else f"{value:.2f}".replace("-", MINUS)
    return percent(value)


def _bounds(metric: str, row: Row | None) -> str:
    """The 95 % interval, in the unit of `_value`."""
    if number(row, "low") is None or number(row, "high") is None:
        return UNKNOWN
    return f"{_value(metric, row, 'low')} to {_value(metric, row, 'high')}"


def _fine(results: Mapping[str, Any]) -> list[str]:
    found = by_language(results["results"], Measure("", "win_rate"))
    rows = [row for tag, row in found.items() if tag != MEAN]
    invalid, unanswered = (
        sum(int(row.get(name) or 0) for row in rows) for name in ("invalid", "unanswered")
    )
    cost = number(results, "cost_usd")
    facts = [f"Judge: {results.get('judge') or 'unknown'}",
             f"seed {results.get('seed', 'unknown')}",
             "cost unknown" if cost is None else f"cost {cost:.2f} USD"]  # fmt: skip
    if invalid:
        facts.append(f"{invalid} pairs without a readable verdict: counted, and never a tie")
    if unanswered:
        facts.append(f"{unanswered} pairs not judged, because an answer had failed")
    return [
        " · ".join(facts),
        "A pair is judged in both orders; a win is a win in both, and two orders that differ are "
        "a tie. Win-rate: wins of A and half of the ties, over pairs with a verdict. "
        "Intervals are 95 %.",
    ]


def _sections(results: Mapping[str, Any]) -> list[Section]:
    rows = results["results"]
    rates, controlled, _ = (by_language(rows, Measure("", metric)) for metric in _RATES)
    charts: list[Chart] = []
    if order := [tag for tag in _languages(rows) if tag in rates]:
        charts = [
            wins_and_losses(_name(results, "a"), _name(results, "b"), rates, controlled, order)
        ]
    return [
        Section(
            "wins",
            "Wins, ties and losses by language",
            "Shares of the pairs with a verdict; to the right the win-rate with its 95 % interval, "
            "and the win-rate that would be if both answers were equally long. The dotted line is "
            "a draw.",
            "No pair has a verdict yet.",
            charts,
            _grid(rows, _RATES, with_counts=True) if rates else None,
        ),
        Section(
            "trust",
            "How far to trust the judge",
            "Swap consistency: how often both orders say the same. Position and verbosity bias: "
            "how much more often than half the answer shown first, or the longer one, wins, in "
            "points. Agreement: with a second judge, where there is one (Krippendorff's alpha, 1 "
            "at most, 0 by chance).",
            "The results say nothing about the judge.",
            (),
            _grid(rows, _TRUST) if any(row["metric"] in _TRUST for row in rows) else None,
        ),
    ]


def _grid(rows: Sequence[Row], metrics: Sequence[str], *, with_counts: bool = False) -> Grid:
    """The mean, then every language; metrics that no language has are left out."""
    present = [metric for metric in metrics if by_language(rows, Measure("", metric))]
    found = {metric: by_language(rows, Measure("", metric)) for metric in present}
    columns = ["Language"]
    for metric in present:
        columns += [_title(metric), "95 % interval"]
    columns += [name.capitalize() for name in _COUNTS] * with_counts

    def cells(tag: str) -> list[str]:
        parts: list[str] = []
        for metric in present:
            row = found[metric].get(tag)
            parts += [_value(metric, row), _bounds(metric, row)]
        counted = found[present[0]].get(tag, {})
        return parts + [_text(counted.get(name)) for name in _COUNTS] * with_counts

    tags = [MEAN] * any(MEAN in part for part in found.values()) + _languages(rows)
    lines = [
        Line("Mean", cells(tag), is_group=True)
        if tag == MEAN
        else Line(language_name(tag), cells(tag), tag)
        for tag in tags
    ]
    return Grid(columns, lines, is_open=len(lines) <= 40)


def _title(metric: str) -> str:
    if metric == _AGREEMENT:
        return "Agreement, alpha"
    return f"{metric_name(metric)}, {'points' if metric in _BIASES else '%'}"


def _text(count: object) -> str:
    return UNKNOWN if count is None else str(count)


def judge_table(results: Mapping[str, Any]) -> "Table":
    """Languages as rows: win-rates of A with intervals, wins, ties, losses, the judge's biases.

    Of one model alone, its grades.
    """
    from rich.table import Table
    from rich.text import Text

    if "b" not in results:
        return rating_table(results)
    rows = results["results"]
    found = {
        metric: part
        for metric in (*_RATES, *_TRUST)
        if (part := by_language(rows, Measure("", metric)))
    }
    table = Table(
        title=Text(f"{_name(results, 'a')} against {_name(results, 'b')}, %"),
        caption=Text(f"judge: {results.get('judge') or 'unknown'}; ± half the 95 % interval"),
        padding=(0, 1, 0, 0),
    )
    table.add_column("language")
    heads = {"length_controlled_win_rate": "length-\ncontrolled", "win_rate": "win-rate",
             "soft_win_rate": "soft\nwin-rate"}  # fmt: skip
    for metric in found:
        head = heads.get(metric) or metric_name(metric).lower().replace(" ", "\n")
        table.add_column(Text(head), justify="right", no_wrap=True)
    if "win_rate" in found:
        table.add_column("win/tie/\nloss", justify="right", no_wrap=True)
        table.add_column("invalid", justify="right")
    previous = None
    for tag in [*_languages(rows), *([MEAN] if any(MEAN in p for p in found.values()) else [])]:
        group = "" if tag == MEAN else tier(tag) or UNKNOWN
        if previous not in (None, group):
            table.add_section()
        previous = group
        cells = [_cell(metric, part.get(tag)) for metric, part in found.items()]
        if "win_rate" in found:
            row = found["win_rate"].get(tag, {})
            cells.append(Text("/".join(_text(row.get(name)) for name in _COUNTS[:3])))
            cells.append(Text(_text(row.get("invalid"))))
        head = "mean" if tag == MEAN else f"{language_name(tag)} ({tag})"
        table.add_row(Text(head), *cells)
    return table


def _cell(metric: str, row: Row | None) -> "Text":
    """The value; of the win-rates with half their interval."""
    from rich.text import Text

    text = Text(_value(metric, row))
    low, high = number(row, "low"), number(row, "high")
    if metric in _RATES and low is not None and high is not None:
        text.append(f" ±{percent((high - low) / 2)}", style="dim")
    return text
