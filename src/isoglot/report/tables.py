"""The verdict of a run in numbers and in one sentence, and the table that a console shows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isoglot.report.results.measures import (
    PERCENT,
    Change,
    Measure,
    Row,
    Scale,
    Summary,
    all_results,
    changes,
    dominant_language,
    group,
    language_name,
    languages,
    mean_change,
    number,
    off_target,
    primary,
    series,
)

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def plain_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], texts: Sequence[str] = ()
) -> "Table":
    """Cells for the console; the first column and those of `texts` begin on the left."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        is_text = not place or column in texts
        table.add_column(Text(column), justify="left" if is_text else "right")
    for cells in rows:
        table.add_row(*map(Text, cells))
    return table


UNKNOWN = "\u2013"
MINUS = "\u2212"  # as wide as a plus, which keeps columns straight


@dataclass(frozen=True, slots=True)
class Headline:
    """The numbers of the verdict, as rates; a part that the run does not have is None."""

    measure: Measure | None
    dominant_language: str
    num_policies: int
    """Policies with results: 1 is M0 alone."""
    trained: Change | None
    """Mean over the trained languages other than the dominant one."""
    worst: Change | None
    """The trained language, other than the dominant one, that gained least."""
    dominant: Change | None
    never_trained: Change | None
    off_target_first: float | None
    """Mean over all languages, of M0."""
    off_target_last: float | None

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.measure is None:
            return "This run has no results yet: there is nothing to compare."
        what = self.measure.title
        if self.trained is None and self.never_trained is None and self.dominant is None:
            return f"{what} is known for M0 only: there is no change to report yet."
        clauses = [clause for clause in (self._trained(), self._others()) if clause]
        return f"From M0 to M{self.num_policies - 1}, {'; '.join(clauses)}."

    def _trained(self) -> str:
        if self.trained is None or self.measure is None:
            return ""
        what = self.measure.metric.replace("_", " ")
        count = _count(self.trained, "trained language")
        other = f" other than {language_name(self.dominant_language)}" if self.dominant else ""
        text = f"{what} {_moved(self.trained)} on average over the {count}{other}"
        if self.worst is not None and self.trained.num_languages > 1:
            least = f"{language_name(self.worst.name)} at {signed(self.worst.value)}"
            text += f", the least gain being {least}"
        return text

    def _others(self) -> str:
        parts = []
        if self.dominant is not None:
            parts.append(
                f"{language_name(self.dominant.name)}, the dominant one, {_moved(self.dominant)}"
            )
        if self.never_trained is not None:
            count = _count(self.never_trained, "language")
            parts.append(f"the {count} never trained on {_moved(self.never_trained)}")
        return "; ".join(parts)


def percent(value: float | None, scale: Scale = PERCENT) -> str:
    """A rate times 100, or a grade from 1 to 10; a dash when unknown."""
    return UNKNOWN if value is None else f"{scale.factor * value:.{scale.digits}f}"


def signed(value: float | None, scale: Scale = PERCENT) -> str:
    """A difference of rates in points, or of grades, with its sign."""
    if value is None:
        return UNKNOWN
    return f"{scale.factor * value:+.{scale.digits}f}".replace("-", MINUS)


def interval(change: Change | None, scale: Scale = PERCENT) -> str:
    """`+3.1 to +7.9`, empty when unknown."""
    if change is None or change.low is None or change.high is None:
        return ""
    return f"{signed(change.low, scale)} to {signed(change.high, scale)}"


def bounds(row: Row | None, scale: Scale = PERCENT) -> str:
    """`41.0 to 49.3`, the 95 % interval of a value; a dash when unknown."""
    low, high = number(row, "low"), number(row, "high")
    if low is None or high is None:
        return UNKNOWN
    return f"{percent(low, scale)} to {percent(high, scale)}"


def _moved(change: Change) -> str:
    """What a change amounts to when its interval is weighed: `rose by 5.2 points (…)`."""
    bounds = f" (95 % interval {interval(change)})" if interval(change) else ""
    if bounds and not change.is_beyond_interval:
        return f"did not change measurably: {signed(change.value)} points{bounds}"
    direction = "rose" if change.value > 0 else "fell"
    return f"{direction} by {percent(abs(change.value))} points{bounds}"


def _count(change: Change, noun: str) -> str:
    return f"{change.num_languages} {noun}{'' if change.num_languages == 1 else 's'}"


def headline(summary: Summary) -> Headline:
    """The verdict of a run, computed from its results alone."""
    measure = primary(summary)
    found = changes(summary, measure) if measure else {}
    by_group: dict[str, list[Change]] = {}
    for tag, change in found.items():
        by_group.setdefault(group(summary, tag), []).append(change)
    trained = by_group.get("trained", [])
    first, last = _off_target_means(summary)
    return Headline(
        measure=measure,
        dominant_language=dominant_language(summary),
        num_policies=len({index for index, _ in all_results(summary)}),
        trained=mean_change(summary, measure, "trained", trained),
        worst=min(trained, key=lambda change: change.value, default=None),
        dominant=found.get(dominant_language(summary)),
        never_trained=mean_change(
            summary, measure, "never trained", by_group.get("never trained", [])
        ),
        off_target_first=first,
        off_target_last=last,
    )


def _off_target_means(summary: Summary) -> tuple[float | None, float | None]:
    measure = off_target(summary)
    rows = list(series(summary, measure).values()) if measure else []
    rows = [row for row in rows if len(row) > 1]
    if not rows:
        return None, None
    first, last = ([number(row[end(row)]) or 0.0 for row in rows] for end in (min, max))
    return sum(first) / len(rows), sum(last) / len(rows)


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """One language over the rounds: what the console and the page both show."""

    language: str
    group: str
    values: Sequence[float | None]
    """The primary measure, one for each policy."""
    change: Change | None
    off_target: Sequence[float | None]


def policy_rounds(summary: Summary) -> list[int]:
    """The rounds that have results, in order."""
    return sorted({index for index, _ in all_results(summary)})


def language_rows(summary: Summary) -> list[LanguageRow]:
    """A row for each language that has results, dominant first, then trained, then the others."""
    main, target = primary(summary), off_target(summary)
    values = series(summary, main) if main else {}
    rates = series(summary, target) if target else {}
    found = changes(summary, main) if main else {}
    indices = policy_rounds(summary)
    return [
        LanguageRow(
            language=tag,
            group=group(summary, tag),
            values=[number(values.get(tag, {}).get(index)) for index in indices],
            change=found.get(tag),
            off_target=[number(rates.get(tag, {}).get(index)) for index in indices],
        )
        for tag in languages(summary)
        if tag in values or tag in rates
    ]


def console_table(summary: Summary) -> "Table":
    """The table at the end of a run: percent per language and policy, change with its interval."""
    from rich.table import Table
    from rich.text import Text

    indices = policy_rounds(summary)
    title = primary(summary)
    table = Table(
        title=Text(f"{title.title}, %" if title else "No results yet"),
        caption="★ dominant   ● trained   ○ never trained   change: points, 95 % interval",
        padding=(0, 1, 0, 0),
    )
    table.add_column("")
    table.add_column("language")
    for index in indices:
        table.add_column(f"M{index}", justify="right", no_wrap=True)
    if len(indices) > 1:
        table.add_column("change", justify="right", no_wrap=True)
        table.add_column("interval", justify="right", no_wrap=True)
    table.add_column("off-target", justify="right", no_wrap=True)
    marks = {"dominant": "★", "trained": "●", "never trained": "○"}
    previous = None
    for row in language_rows(summary):
        if previous not in (None, row.group):
            table.add_section()
        previous = row.group
        # A Text is printed as it is: square brackets in a name are no markup.
        cells = [Text(marks[row.group]), Text(f"{language_name(row.language)} ({row.language})")]
        cells += [Text(percent(value)) for value in row.values]
        if len(indices) > 1:
            cells += [_change_cell(row.change), Text(interval(row.change), style="dim")]
        ends = dict.fromkeys((0, len(row.off_target) - 1))
        cells.append(Text(" → ".join(percent(row.off_target[end]) for end in ends)))
        table.add_row(*cells)
    return table


def _change_cell(change: Change | None) -> "Text":
    from rich.text import Text

    if change is None:
        return Text(UNKNOWN)
    style = ("green" if change.value > 0 else "red") if change.is_beyond_interval else ""
    return Text(signed(change.value), style=style)
