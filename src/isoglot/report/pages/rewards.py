"""Scorers side by side on preferences: how often each is right in each language, how surely."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoglot.report.cards.rewarded_pairs import reward_browser
from isoglot.report.charts.canvas import MUTED, PALETTE, Chart, LegendItem, Rows, finished
from isoglot.report.charts.figures import error_bars, heat_map, hover, shortened
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
from isoglot.report.results.measures import Row, language_name, number
from isoglot.report.results.old_evaluation import read_results, tier
from isoglot.report.tables import UNKNOWN, bounds, percent, signed

if TYPE_CHECKING:
    from rich.table import Table

MEAN = "mean"
Cells = Mapping[tuple[str, str], Row]
"""(language, scorer) → row of one set."""


def write_rewards_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from what `isoglot rewards` measured; return its path.

    The page makes no network request; what the folder does not have is named on the page.
    InputError when `FOLDER/results.json` is absent or no results.
    """
    results = read_results(folder)
    sets = sets_of(results)
    notes: list[str] = []
    tags = dict.fromkeys(tag for one in sets for tag in _languages(_cells(results, one)))
    page = Page(
        title=f"{', '.join(results['scorers'])}: right about preferences?",
        sentence=sentence(results),
        sections=[
            *(section for i, one in enumerate(sets) for section in _sections(results, i, one)),
            *_distribution(results),
        ],
        browser=reward_browser(folder, results["folders"], notes),
        tiles=_tiles(results),
        fine=[
            "Reward accuracy: how often the answer that was preferred has the higher reward. Equal "
            "rewards are half right, so that a coin stands at 50 %; a pair with a side that has no "
            "reward is unknown, and in no number. Intervals are 95 %; they draw whole questions, "
            "in all languages at once.",
        ],
        notices=notes,
        rows=[(row["scorer"], row) for row in results["results"]],
        order=[*tags, MEAN],
        facts=facts_of(folder / "rewards.json"),
        facts_name="rewards.json",
    )
    return write_page(folder / "report.html", render_page(page))


def sentence(results: Mapping[str, Any]) -> str:
    """How right each scorer is, and what it loses from English to the others, on the first set."""
    one = next(iter(sets_of(results)), None)
    if one is None:
        return "No preference was scored."
    cells = _cells(results, one)
    clauses = []
    for scorer in results["scorers"]:
        row = _overall(cells, scorer)
        if number(row) is None:
            clauses.append(f"{scorer} has no reward for any pair")
            continue
        clause = f"{scorer} is right in {percent(number(row))} % ({bounds(row)})"
        if number(row, "drop") is not None:
            clause += f", English minus the others {_drop(row)} points"
        clauses.append(clause)
    return f"On {one}: {'; '.join(clauses)}."


def sets_of(results: Mapping[str, Any]) -> list[str]:
    """The names of the sets, in order."""
    return list(dict.fromkeys(row["task"] for row in results["results"]))


def _cells(results: Mapping[str, Any], one: str) -> dict[tuple[str, str], Row]:
    rows = (row for row in results["results"] if row["task"] == one)
    return {(row["language"], row["scorer"]): row for row in rows}


def _languages(cells: Cells) -> list[str]:
    """English, from which the others drop, stands first; then by tier and name."""
    tags = {tag for tag, _ in cells} - {MEAN}
    tiers = ("high", "mid", "low", "")
    return sorted(tags, key=lambda t: (t != "en", tiers.index(tier(t)), language_name(t)))


def _overall(cells: Cells, scorer: str) -> Row | None:
    """The mean over the languages; of one language, its own row."""
    tags = _languages(cells)
    return cells.get((MEAN, scorer)) or (cells.get((tags[0], scorer)) if tags else None)


def _drop(row: Row | None) -> str:
    """`+3.1 (+1.0 to +5.2)`."""
    if number(row, "drop") is None:
        return UNKNOWN
    return f"{signed(number(row, 'drop'))} ({_drop_bounds(row)})"


def _drop_bounds(row: Row | None) -> str:
    low, high = number(row, "drop_low"), number(row, "drop_high")
    return UNKNOWN if low is None or high is None else f"{signed(low)} to {signed(high)}"


def _tiles(results: Mapping[str, Any]) -> list[Tile]:
    tiles = []
    for one in sets_of(results):
        cells = _cells(results, one)
        for scorer in results["scorers"]:
            row = _overall(cells, scorer)
            if number(row) is not None:
                name = f"{shortened(scorer)} on {shortened(one)}"
                tiles.append(Tile(name, f"{percent(number(row))} %", bounds(row)))
    return tiles if len(tiles) <= 6 else []


def _sections(results: Mapping[str, Any], i: int, one: str) -> list[Section]:
    cells, scorers = _cells(results, one), results["scorers"]
    tags = _languages(cells)
    inside = any(row.get("in_distribution") for row in cells.values())
    charts = [heat_map(f"Reward accuracy on {one}, %", tags, scorers, cells, hues="g")]
    charts = charts if len(tags) > 1 else []
    return [
        Section(
            f"set-{i}",
            f"Right about {one}" + (" (in distribution)" if inside else ""),
            "In percent, with 95 % intervals; the dotted line is a coin. To the right of the "
            "table, what is lost from English to each language, in points.",
            "No pair has rewards.",
            [*charts, _dots(one, tags, scorers, cells)],
            _grid(tags, scorers, cells),
        )
    ]


def _dots(one: str, tags: Sequence[str], scorers: Sequence[str], cells: Cells) -> Chart:
    """A row per language, a dot with its interval per scorer."""
    rows = Rows(tags, len(scorers), 14)
    figure = rows.figure("reward accuracy", tier)
    figure.add_vline(x=50, line={"color": MUTED, "width": 1.2, "dash": "dot"})
    legend: list[LegendItem] = []
    for lane, scorer in enumerate(scorers):
        colour = PALETTE[lane % len(PALETTE)]
        legend.append((scorer, colour))
        found = {tag: cells[tag, scorer] for tag in tags if (tag, scorer) in cells}
        present = [tag for tag, row in found.items() if number(row) is not None]
        figure.add_scatter(
            x=[100 * (number(found[tag]) or 0.0) for tag in present],
            y=[rows.y(tag, lane) for tag in present],
            error_x=error_bars([found[tag] for tag in present], color=colour, thickness=2),
            mode="markers",
            marker={"color": colour, "size": 9},
            hovertext=[hover(f"{scorer}, {language_name(t)}", found[t]) for t in present],
            hoverinfo="text",
            cliponaxis=False,
        )
    figure.update_xaxes(range=[0, 101], ticksuffix=" %")
    return Chart(f"Reward accuracy on {one}", finished(figure), legend)


def _grid(tags: Sequence[str], scorers: Sequence[str], cells: Cells) -> Grid:
    """The means, then every language, a line for each scorer."""
    columns = ["Language", "Scorer", "Right, %", "95 % interval", "n", "Equal", "Unknown"]
    columns += ["English minus it", "95 % interval"]
    shown = [(MEAN, s) for s in scorers if (MEAN, s) in cells]
    shown += [(tag, s) for tag in tags for s in scorers if (tag, s) in cells]
    lines = [
        Line(
            "Mean" if tag == MEAN else language_name(tag),
            [
                scorer,
                percent(number(cells[tag, scorer])),
                bounds(cells[tag, scorer]),
                *(str(cells[tag, scorer].get(key, UNKNOWN)) for key in ("n", "ties", "unknown")),
                signed(number(cells[tag, scorer], "drop")),
                _drop_bounds(cells[tag, scorer]),
            ],
            "" if tag == MEAN else tag,
            is_group=tag == MEAN,
        )
        for tag, scorer in shown
    ]
    return Grid(columns, lines, is_open=len(lines) <= 40)


def _distribution(results: Mapping[str, Any]) -> list[Section]:
    rows = results.get("distribution") or []
    if not rows:
        return []
    columns = ["Language", "Scorer", "In distribution, %", "Out of it, %", "Lost", "95 % interval"]
    lines = [
        Line(
            "Mean" if row["language"] == MEAN else language_name(row["language"]),
            [
                row["scorer"],
                percent(number(row, "inside")),
                percent(number(row, "outside")),
                signed(number(row, "drop")),
                _drop_bounds(row),
            ],
            "" if row["language"] == MEAN else row["language"],
            is_group=row["language"] == MEAN,
        )
        for row in rows
    ]
    caption = (
        "Means over the sets of each kind, for languages that stand on both sides; what is lost "
        "is in points."
    )
    grid = Grid(columns, lines, is_open=len(lines) <= 40)
    return [Section("distribution", "In and out of distribution", caption, "", (), grid)]


def rewards_table(results: Mapping[str, Any], one: str) -> "Table":
    """One set: languages as rows, a line for each scorer, with the drop from English."""
    from rich.table import Table
    from rich.text import Text

    cells, scorers = _cells(results, one), results["scorers"]
    table = Table(
        title=Text(f"{one}: right about preferences, %"),
        caption=Text("± half the 95 % interval; 50 % is a coin; the drop is English minus it"),
        padding=(0, 1, 0, 0),
    )
    for name in ("language", "scorer"):
        table.add_column(name)
    for name in ("right", "n", "equal", "unknown", "drop"):
        table.add_column(name, justify="right", no_wrap=True)
    tags = _languages(cells)
    for tag in [*tags, *[MEAN] * any(tag == MEAN for tag, _ in cells)]:
        name = "mean" if tag == MEAN else f"{language_name(tag)} ({tag})"
        for scorer in scorers:
            row = cells.get((tag, scorer), {})  # no mean where nothing is known
            counts = [str(row.get(key, UNKNOWN)) for key in ("n", "ties", "unknown")]
            right, drop = _half(row, percent, ""), _half(row, signed, "drop_")
            table.add_row(*map(Text, (name, shortened(scorer), right, *counts, drop)))
            name = ""
        if len(scorers) > 1 or tag == tags[-1]:
            table.add_section()
    return table


def _half(row: Row, shown: Callable[[float | None], str], prefix: str) -> str:
    """`45.2 ±4.1`, of the accuracy or (`drop_`) of what is lost."""
    value = number(row, "drop" if prefix else "value")
    low, high = number(row, f"{prefix}low"), number(row, f"{prefix}high")
    if low is None or high is None:
        return shown(value)
    return f"{shown(value)} ±{percent((high - low) / 2)}"


def distribution_table(results: Mapping[str, Any]) -> "Table":
    """Each scorer and language in distribution beside out of it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text("in and out of distribution, %"), padding=(0, 1, 0, 0))
    for name in ("language", "scorer", "inside", "outside", "lost"):
        table.add_column(name)
    for row in results["distribution"]:
        tag = row["language"]
        head = MEAN if tag == MEAN else f"{language_name(tag)} ({tag})"
        values = [percent(number(row, key)) for key in ("inside", "outside")]
        table.add_row(*map(Text, (head, row["scorer"], *values, _drop(row))))
    return table
