"""An evaluation as a page and as a table: every language side by side, each with its interval."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoglot.report.cards.answers import answer_browser
from isoglot.report.charts.bars import TRAINED, values_by_language
from isoglot.report.charts.canvas import TIER_COLOURS
from isoglot.report.charts.figures import differences
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
    OFF_TARGET,
    Measure,
    Row,
    in_sentence,
    language_name,
    metric_name,
    number,
)
from isoglot.report.results.old_evaluation import (
    by_language,
    change_of,
    group_title,
    groups_of,
    language_order,
    measures_of,
    off_target_of,
    read_results,
    tier,
    tier_name,
    unknown,
)
from isoglot.report.tables import UNKNOWN, bounds, interval, percent, signed

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_MAX_TILES = 5
_WIDE = 2
"""With more measures than this the console shows ± instead of both bounds."""


def write_evaluation_report(folder: Path) -> Path:
    """Write `FOLDER/report.html` from the results and answers of an evaluation; return its path.

    The page makes no network request; what the folder does not have is named on the page.
    InputError when `FOLDER/results.json` is absent or no results.
    """
    results = read_results(folder)
    notes: list[str] = []
    tasks = list(dict.fromkeys(row.get("task") or "" for row in results["results"]))
    browser = answer_browser(folder, tasks, notes)
    rows = results["results"]
    page = Page(
        title=_model(results),
        sentence=sentence(results),
        sections=_sections(results),
        browser=browser,
        tiles=_tiles(results),
        fine=_fine(results),
        notices=notes,
        rows=[(_model(results), row) for row in rows],
        order=language_order(rows),
        facts=facts_of(folder / "evaluation.json"),
        facts_name="evaluation.json",
    )
    return write_page(folder / "report.html", render_page(page))


def sentence(results: Mapping[str, Any]) -> str:
    """What the evaluation found, in one sentence."""
    rows = results["results"]
    measures = measures_of(rows)
    tags = language_order(rows)
    if not rows:
        return "This evaluation has no results yet."
    tasks = list(dict.fromkeys(str(row.get("task") or "") for row in rows))
    text = f"{_named(tasks)} in {_count(len(tags), 'language')}"
    main = next(iter(measures), None)
    mean = _mean(results, main) if main else None
    if main is None or mean is None:
        return f"{text}."
    text += (
        f": mean {in_sentence(metric_name(main.metric))} {percent(number(mean))} % ({bounds(mean)})"
    )
    if change := change_of(mean):
        between = f" ({interval(change)})" if interval(change) else ""
        text += f", {signed(change.value)} points{between} from {results.get('baseline')}"
        if not change.is_beyond_interval:
            text += ", which is no measurable change"
    return f"{text}."


def _named(tasks: Sequence[str]) -> str:
    return tasks[0] if len(tasks) == 1 else _count(len(tasks), "task")


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _model(results: Mapping[str, Any]) -> str:
    return str(results.get("model") or "A model without a name")


def _mean(results: Mapping[str, Any], measure: Measure) -> Row | None:
    return next((r for r in groups_of(results, measure) if r["group"] == "mean"), None)


def _tiles(results: Mapping[str, Any]) -> list[Tile]:
    """The mean of each task's own measure, then the mean off-target rates, as many as fit."""
    first = {measure.task: measure for measure in reversed(measures_of(results["results"]))}
    wanted = [*reversed(first.values()), *(Measure(task, OFF_TARGET) for task in reversed(first))]
    tiles = []
    for measure in wanted:
        row = _mean(results, measure)
        if row is None or number(row) is None:
            continue
        note = bounds(row)
        if change := change_of(row):
            note += f"; {signed(change.value)} points"
        name = f"{measure.title}, mean of {len(row.get('languages') or ())}"
        tiles.append(Tile(name, f"{percent(number(row))} %", note))
    return tiles[:_MAX_TILES]


def _fine(results: Mapping[str, Any]) -> list[str]:
    lines = [f"Seed {results.get('seed', 'unknown')}"]
    if results.get("baseline"):
        lines.append(f"Changes are in points, from {results['baseline']}, on the same prompts")
    rows = [row for row in results["results"] if row["metric"] != OFF_TARGET]
    if text := unknown(rows).sentence:
        lines.append(f"{text}: kept out of the values, and counted beside them")
    return [" · ".join(lines), "Intervals are 95 %; those of a mean over languages draw prompts, "
            "in all languages at once, because languages share their prompts."]  # fmt: skip


def _sections(results: Mapping[str, Any]) -> list[Section]:
    rows = results["results"]
    measures = measures_of(rows)
    judged = [Measure(t, OFF_TARGET) for t in dict.fromkeys(r.get("task") or "" for r in rows)
              if t not in {measure.task for measure in measures}]  # fmt: skip
    sections = [
        section
        for i, measure in enumerate([*measures, *judged])
        for section in _measure_sections(results, i, measure)
    ]
    missing = Section("values-0", "Values by language", "", "This evaluation has no results yet.")
    return sections or [missing]


def _measure_sections(results: Mapping[str, Any], i: int, measure: Measure) -> list[Section]:
    rows = results["results"]
    order, found = language_order(rows), by_language(rows, measure)
    beside = {} if measure.metric == OFF_TARGET else off_target_of(rows, measure.task)
    caption = "Bars are values, lines their 95 % intervals; colours are resource tiers."
    if beside:
        caption += " To the right, how often an answer is in another language than asked for."
    if any(row.get("trained") for row in found.values()):
        caption += f"{TRAINED} marks languages that were trained on."
    if text := unknown(list(found.values())).sentence:
        caption += f" {text}."
    bars = Section(
        f"values-{i}",
        f"{measure.title}, by language",
        caption,
        "No results.",
        [values_by_language(f"{metric_name(measure.metric)}", found, beside, order)],
        _grid(results, measure, found, beside, order),
    )
    changes = {tag: change for tag, row in found.items() if (change := change_of(row))}
    chart = differences(
        f"{measure.title}: change",
        f"points, {_model(results)} minus {results.get('baseline')}",
        changes,
        lambda tag: tier_name(tier(tag)),
        {tier_name(name): colour for name, colour in TIER_COLOURS.items()},
    )
    if chart is None:
        return [bars]
    plot = Section(
        f"change-{i}",
        f"{measure.title}: change from the baseline",
        "The model minus the baseline on the same prompts, with the 95 % interval. An interval "
        "that reaches zero means that this evaluation cannot tell the change from none.",
        "",
        [chart],
    )
    return [bars, plot]


def _grid(
    results: Mapping[str, Any],
    measure: Measure,
    found: Mapping[str, Row],
    beside: Mapping[str, Row],
    order: Sequence[str],
) -> Grid:
    """The groups, then every language."""
    groups = groups_of(results, measure)
    rates = {r["group"]: r for r in groups_of(results, Measure(measure.task, OFF_TARGET))}
    has_change = any(change_of(row) for row in [*groups, *found.values()])
    columns = ["Language", "Resources", "Value, %", "95 % interval"]
    columns += ["Change", "95 % interval"] * has_change + ["Off-target, %"] * bool(beside)
    columns += ["n", "Unknown"]

    def cells(row: Row, tier: str, rate: Row | None) -> list[str]:
        change = change_of(row)
        return [
            tier,
            percent(number(row)),
            bounds(row),
            *([signed(change.value if change else None), interval(change) or UNKNOWN]
              * has_change),
            *([percent(number(rate))] * bool(beside)),
            *(str(UNKNOWN if row.get(key) is None else row[key]) for key in ("n", "unknown")),
        ]  # fmt: skip

    lines = [
        Line(
            group_title(row, found),
            cells(row, f"{len(row.get('languages') or ())} languages", rates.get(row["group"])),
            is_group=True,
        )
        for row in groups
    ]
    lines += [
        Line(
            language_name(tag) + (TRAINED if found[tag].get("trained") else ""),
            cells(found[tag], tier(tag) or UNKNOWN, beside.get(tag)),
            tag,
        )
        for tag in order
        if tag in found
    ]
    return Grid(columns, lines, is_open=len(lines) <= 40)


def evaluation_table(results: Mapping[str, Any]) -> "Table":
    """Languages as rows, a column per measure with its interval, off-target rates; then groups."""
    from rich.table import Table
    from rich.text import Text

    rows = results["results"]
    measures, order = measures_of(rows), language_order(rows)
    tasks = dict.fromkeys(row.get("task") or "" for row in rows)
    table = Table(
        title=Text(f"{_model(results)}, %"),
        caption=_caption(results, len(measures)),
        padding=(0, 1, 0, 0),
    )
    table.add_column("language")
    columns: list[tuple[Measure, bool]] = []
    for task in tasks:
        own = [measure for measure in measures if measure.task == task]
        columns += [(measure, False) for measure in own]
        if off_target_of(rows, task):
            columns.append((Measure(task, OFF_TARGET), True))
    for measure, is_rate in columns:
        name = "off-target" if is_rate else metric_name(measure.metric)
        table.add_column(Text(f"{measure.task}\n{name}"), justify="right")
    found = {measure: by_language(rows, measure) for measure, _ in columns}
    wide = len(measures) <= _WIDE

    def add(head: str, pick: Mapping[Measure, Row | None]) -> None:
        cells = [_cell(pick[measure], wide and not is_rate) for measure, is_rate in columns]
        table.add_row(Text(head), *cells)

    previous = None
    for tag in order:
        if previous not in (None, tier(tag)):
            table.add_section()
        previous = tier(tag)
        trained = any(row.get("trained") for part in found.values() if (row := part.get(tag)))
        head = f"{language_name(tag)} ({tag}){TRAINED if trained else ''}"
        add(head, {measure: part.get(tag) for measure, part in found.items()})
    table.add_section()
    groups = {m: {r["group"]: r for r in groups_of(results, m)} for m, _ in columns}
    for name in dict.fromkeys(name for part in groups.values() for name in part):
        titles = [group_title(part[name], found[m]) for m, part in groups.items() if name in part]
        head = titles[0] if len(set(titles)) == 1 else titles[0].partition(" (")[0]
        add(head, {measure: part.get(name) for measure, part in groups.items()})
    return table


def _caption(results: Mapping[str, Any], num_measures: int) -> str:
    parts = ["95 % intervals" if num_measures <= _WIDE else "± half the 95 % interval"]
    if results.get("baseline"):
        parts.append("in brackets: points from the baseline, green and red beyond their interval")
    rows = [row for row in results["results"] if row["metric"] != OFF_TARGET]
    if text := unknown(rows).sentence:
        parts.append(text)
    return "; ".join(parts)


def _cell(row: Row | None, wide: bool) -> "Text":
    """`45.2 [41.0, 49.3] (+3.1)`, or shorter: `45.2 ±4.1 (+3.1)`."""
    from rich.text import Text

    value, low, high = (number(row, key) for key in ("value", "low", "high"))
    text = Text("" if row is None else percent(value))
    if row is None or value is None:
        return text
    if low is not None and high is not None and row["metric"] != OFF_TARGET:
        between = f"[{percent(low)}, {percent(high)}]" if wide else f"±{percent((high - low) / 2)}"
        text.append(f" {between}", style="dim")
    if change := change_of(row):
        style = ("green" if change.value > 0 else "red") if change.is_beyond_interval else ""
        if row["metric"] != OFF_TARGET:
            text.append(f" ({signed(change.value)})", style=style)
    return text
