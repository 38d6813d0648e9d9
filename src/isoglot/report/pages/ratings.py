"""The grades of one model's answers as a page and as a table, each language with its interval."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoglot.core.store import shard_paths
from isoglot.report.cards.browser import Browser, Card, Facet, conversation, cut, drawn, read_rows
from isoglot.report.charts.canvas import MUTED, TIER_COLOURS, Chart, Rows, finished, label
from isoglot.report.charts.figures import error_bars
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
from isoglot.report.results.measures import (
    GRADES,
    RATING,
    Measure,
    Row,
    language_name,
    metric_name,
    number,
)
from isoglot.report.results.old_evaluation import (
    TIERS,
    by_language,
    group_title,
    groups_of,
    language_order,
    measures_of,
    tier,
    tier_name,
)
from isoglot.report.tables import UNKNOWN, bounds, percent

if TYPE_CHECKING:
    from rich.table import Table

NUM_CARDS = 1200
"""About so many in a page, over all languages and grades."""

_TURN_COLOURS = ("var(--c6)", "var(--c7)", "var(--c4)", "var(--c5)")
_BANDS = {"high": "7 to 10", "mid": "4 to 6.9", "low": "1 to 3.9", "unknown": "unreadable"}
_RATED = ("family", "prompt_id", "language", "judge", "turn", "value", "text")

Key = tuple[str, str]
"""Family and prompt id."""


def write_rating_report(folder: Path, results: Mapping[str, Any]) -> Path:
    """Write `FOLDER/report.html` from the grades in the folder; return its path.

    The page makes no network request; what the folder does not have is named on the page.
    """
    notes: list[str] = []
    rows = [{**row, "metric": f"{row['metric']}, % of 10"} for row in results["results"]]
    page = Page(
        title=f"Grades of {_model(results)}",
        sentence=sentence(results),
        sections=[_section(results)],
        browser=rating_browser(folder, notes),
        tiles=_tiles(results),
        fine=_fine(results),
        notices=notes,
        rows=[(_model(results), row) for row in rows],
        order=language_order(results["results"]),
        facts=facts_of(folder / "judge.json"),
        facts_name="judge.json",
    )
    return write_page(folder / "report.html", render_page(page))


def sentence(results: Mapping[str, Any]) -> str:
    """The mean grade, in one sentence."""
    main = _main(results)
    mean = next((r for r in groups_of(results, main) if r["group"] == "mean"), None)
    if mean is None:
        return "No grade is known."
    tags = list(mean.get("languages") or [])
    where = f"over {len(tags)} languages" if len(tags) > 1 else f"in {language_name(tags[0])}"
    return (
        f"{_model(results)} on {main.task}: {percent(number(mean), GRADES)} of 10 {where} "
        f"({bounds(mean, GRADES)})."
    )


def _model(results: Mapping[str, Any]) -> str:
    return str(results.get("model") or "A model without a name")


def _main(results: Mapping[str, Any]) -> Measure:
    """The grade over all turns."""
    return next((m for m in _measures(results) if m.metric == RATING), Measure("", RATING))


def _measures(results: Mapping[str, Any]) -> list[Measure]:
    """Over all turns, then each turn."""
    return sorted(measures_of(results["results"]), key=lambda m: (len(m.metric), m.metric))


def _tiles(results: Mapping[str, Any]) -> list[Tile]:
    tiles = []
    for measure in _measures(results):
        for row in groups_of(results, measure):
            if row["group"] == "mean":
                name = f"{metric_name(measure.metric)}, mean of {len(row.get('languages') or ())}"
                tiles.append(Tile(name, percent(number(row), GRADES), bounds(row, GRADES)))
    return tiles


def _fine(results: Mapping[str, Any]) -> list[str]:
    rows = list(by_language(results["results"], _main(results)).values())
    invalid, unanswered = (
        sum(int(row.get(name) or 0) for row in rows) for name in ("invalid", "unanswered")
    )
    cost = number(results, "cost_usd")
    facts = [f"Judge: {results.get('judge') or 'unknown'}",
             f"seed {results.get('seed', 'unknown')}",
             "cost unknown" if cost is None else f"cost {cost:.2f} USD"]  # fmt: skip
    if invalid:
        facts.append(f"{invalid} grades could not be read: counted, and in no mean")
    if unanswered:
        facts.append(f"{unanswered} answers not graded, because they had failed")
    return [" · ".join(facts), "Each answer is graded alone, 1 to 10. Intervals are 95 %."]


def _section(results: Mapping[str, Any]) -> Section:
    measures = _measures(results)
    found = {measure: by_language(results["results"], measure) for measure in measures}
    order = language_order(results["results"])
    return Section(
        "grades",
        "Grades by language",
        "The mean grade with its 95 % interval"
        + ("; beside it that of each turn." if len(measures) > 1 else "."),
        "No grade is known.",
        [_bars(found, order)] if order else [],
        _grid(results, found, order) if order else None,
    )


def _bars(found: Mapping[Measure, Mapping[str, Row]], order: Sequence[str]) -> Chart:
    """A bar per language over all turns, coloured by resource tier, and a dot for each turn."""
    main, *turns = found
    rows = Rows(order, len(found), 16 if len(found) == 1 else 12)
    figure = rows.figure("grade, 1 to 10", tier)
    for name in TIERS:
        tags = [t for t in order if tier(t) == name and number(found[main].get(t)) is not None]
        values = [found[main][tag] for tag in tags]
        figure.add_bar(
            x=[10 * (number(row) or 0.0) for row in values],
            y=[rows.y(tag) for tag in tags],
            width=rows.step * 0.9,
            orientation="h",
            marker={"color": TIER_COLOURS[name], "line": {"width": 0}, "opacity": 0.8},
            error_x=error_bars(values, GRADES, color="var(--ink)", thickness=1.6, width=3),
            hovertext=[_hover(tag, found[main][tag]) for tag in tags],
            hoverinfo="text",
        )
    for lane, measure in enumerate(turns, 1):
        tags = [tag for tag in order if number(found[measure].get(tag)) is not None]
        values = [found[measure][tag] for tag in tags]
        colour = _TURN_COLOURS[(lane - 1) % len(_TURN_COLOURS)]
        figure.add_scatter(
            x=[10 * (number(row) or 0.0) for row in values],
            y=[rows.y(tag, lane) for tag in tags],
            error_x=error_bars(values, GRADES, color=colour),
            mode="markers",
            marker={"color": colour, "size": 8},
            hovertext=[_hover(tag, found[measure][tag]) for tag in tags],
            hoverinfo="text",
            cliponaxis=False,
        )
    for tag in order:
        if number(found[main].get(tag)) is None:
            figure.add_annotation(
                x=0, y=rows.languages.index(tag), xanchor="left", xshift=4, text="no value",
                showarrow=False, font={"color": MUTED, "size": 11.5},
            )  # fmt: skip
    figure.update_xaxes(range=[0, 10.2], dtick=1)
    legend = [(tier_name(name), TIER_COLOURS[name]) for name in TIERS
              if any(tier(tag) == name for tag in order)]  # fmt: skip
    for lane, measure in enumerate(turns):
        legend.append((metric_name(measure.metric), _TURN_COLOURS[lane % len(_TURN_COLOURS)]))
    return Chart("Grades by language", finished(figure), legend)


def _hover(tag: str, row: Row) -> str:
    unknown = f", {row['unknown']} unknown" if row.get("unknown") else ""
    what = f"{language_name(tag)}, {metric_name(row['metric']).lower()}"
    shown = f"{percent(number(row), GRADES)} ({bounds(row, GRADES)})"
    return label(f"{what}: {shown}, n = {row.get('n', '?')}{unknown}")


def _grid(
    results: Mapping[str, Any], found: Mapping[Measure, Mapping[str, Row]], order: Sequence[str]
) -> Grid:
    """The groups, then every language."""
    groups = {m: {r["group"]: r for r in groups_of(results, m)} for m in found}
    main = next(iter(found))
    columns = ["Language", "Resources"]
    for measure in found:
        columns += [metric_name(measure.metric), "95 % interval"]
    columns += ["n", "Unreadable", "Not answered"]

    def line(pick: Mapping[Measure, Row | None]) -> list[str]:
        cells = []
        for row in pick.values():
            cells += [percent(number(row), GRADES), bounds(row, GRADES)]
        counts = pick[main] or {}
        return cells + [
            UNKNOWN if counts.get(key) is None else str(counts[key])
            for key in ("n", "invalid", "unanswered")
        ]

    lines = [
        Line(
            _head(name, groups, found),
            [
                f"{len(row.get('languages') or ())} languages",
                *line({m: part.get(name) for m, part in groups.items()}),
            ],
            is_group=True,
        )
        for name, row in groups[main].items()
    ]
    lines += [
        Line(
            language_name(tag),
            [tier(tag) or UNKNOWN, *line({m: part.get(tag) for m, part in found.items()})],
            tag,
        )
        for tag in order
    ]
    return Grid(columns, lines, is_open=len(lines) <= 40)


def _head(
    name: str,
    groups: Mapping[Measure, Mapping[str, Row]],
    found: Mapping[Measure, Mapping[str, Row]],
) -> str:
    """A group's title; the worst language by its name, unless each turn has another."""
    titles = {group_title(part[name], found[m]) for m, part in groups.items() if name in part}
    return titles.pop() if len(titles) == 1 else titles.pop().partition(" (")[0]


def rating_table(results: Mapping[str, Any]) -> "Table":
    """Languages as rows, a column per turn with its interval; then the means."""
    from rich.table import Table
    from rich.text import Text

    measures = _measures(results)
    found = {measure: by_language(results["results"], measure) for measure in measures}
    groups = {m: {r["group"]: r for r in groups_of(results, m)} for m in measures}
    table = Table(
        title=Text(f"{_model(results)}, grades from 1 to 10"),
        caption=Text(
            f"judge: {results.get('judge') or 'unknown'}; "
            + ("95 % intervals" if len(measures) == 1 else "± half the 95 % interval")
        ),
        padding=(0, 1, 0, 0),
    )
    table.add_column("language")
    for measure in measures:
        table.add_column(Text(metric_name(measure.metric).lower()), justify="right", no_wrap=True)
    table.add_column("invalid", justify="right")

    def add(head: str, pick: Sequence[Row | None], unreadable: str) -> None:
        cells = []
        for row in pick:
            cell = Text(percent(number(row), GRADES))
            cell.append(_interval(row, len(measures) == 1), "dim")
            cells.append(cell)
        table.add_row(Text(head), *cells, Text(unreadable))

    previous = None
    for tag in language_order(results["results"]):
        if previous not in (None, tier(tag)):
            table.add_section()
        previous = tier(tag)
        first = found[measures[0]].get(tag, {})
        rows = [part.get(tag) for part in found.values()]
        add(f"{language_name(tag)} ({tag})", rows, str(first.get("invalid", UNKNOWN)))
    table.add_section()
    for name in groups[measures[0]] if measures else ():
        add(_head(name, groups, found), [part.get(name) for part in groups.values()], "")
    return table


def _interval(row: Row | None, wide: bool) -> str:
    low, high = number(row, "low"), number(row, "high")
    if low is None or high is None:
        return ""
    return (
        f" [{percent(low, GRADES)}, {percent(high, GRADES)}]"
        if wide
        else f" ±{percent((high - low) / 2, GRADES)}"
    )


def rating_browser(folder: Path, notes: list[str]) -> Browser:
    """Prompts, answers, grades and the judge's words: a draw that is the same each time."""
    shards = shard_paths(folder / "ratings")
    cells = {_cell(row) for row in read_rows(shards, _RATED, notes)}
    limit = max(2, NUM_CARDS // max(1, len(cells)))
    rated = list(drawn(read_rows(shards, _RATED, []), limit, _cell, _key))
    keys = {_key(row) for row in rated}
    prompts = {_key(row): row for row in _rows(folder / "prompts", keys, notes)}
    answers = {_key(row): row for row in _rows(folder / "completions", keys, notes)}
    tags = sorted({str(row["language"]) for row in rated}, key=language_name)
    turns = sorted({int(row["turn"]) for row in rated})
    facets = [
        Facet("language", "Language", [(tag, language_name(tag)) for tag in tags]),
        Facet("grade", "Grade", list(_BANDS.items())),
    ]
    if len(turns) > 1:
        facets.append(Facet("turn", "Turn", [(str(turn), f"turn {turn}") for turn in turns]))
    return Browser(
        title="Prompts, answers and grades, one by one",
        caption="A sample that is the same each time, drawn from each language and grade.",
        missing="The folder has no grades to show.",
        noun="answers",
        cards=[_card(row, prompts.get(_key(row)), answers.get(_key(row))) for row in rated],
        facets=facets,
    )


def _rows(folder: Path, wanted: set[Key], notes: list[str]) -> Iterator[Row]:
    columns = ("family", "prompt_id", "prompt", "gold", "text")
    rows = read_rows(shard_paths(folder), columns, notes)
    return (row for row in rows if _key(row) in wanted)


def _key(row: Row) -> Key:
    return str(row["family"]), str(row["prompt_id"])


def _cell(row: Row) -> tuple[str, str, int]:
    return str(row["language"]), _band(row["value"]), int(row["turn"])


def _band(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "high" if value >= 7 else "mid" if value >= 4 else "low"


def _card(row: Row, prompt: Row | None, answer: Row | None) -> Card:
    tag, turn, value = str(row["language"]), int(row["turn"]), row["value"]
    shown = "unreadable" if value is None else f"{value:g} of 10"
    said = "[the folder has no such answer]" if answer is None else str(answer["text"])
    sides = [{"name": "answer", "note": "answer", "text": cut(said)}]
    if prompt is not None and prompt.get("gold") is not None:
        sides.append({"name": "gold", "note": "reference", "text": cut(str(prompt["gold"]))})
    words = str(row.get("text") or "")
    sides.append({"name": "answer", "note": f"judge: {shown}", "text": cut(words)})
    return Card(
        facets={"language": tag, "grade": _band(value), "turn": str(turn)},
        meta=f"{language_name(tag)} · turn {turn}",
        flag=shown,
        language=tag,
        prompt="[the folder has no such prompt]" if prompt is None else cut(conversation(prompt)),
        sides=sides,
    )
