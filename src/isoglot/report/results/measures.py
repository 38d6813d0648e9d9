"""What a summary says, in the shapes that tables and figures ask for. Rates stay 0 to 1 here."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.languages import LANGUAGES

Summary = Mapping[str, Any]
"""The content of `RUN/summary.json`; every part but `rounds` may be absent."""

Row = Mapping[str, Any]
"""One entry of a round's `results`: the columns of `core.records.Result`."""

OFF_TARGET = "off_target_rate"
RATING = "rating"


class Scale(NamedTuple):
    """How a value from 0 to 1 is shown."""

    factor: int
    digits: int
    unit: str
    step: str
    """What a difference is counted in."""


PERCENT = Scale(100, 1, "%", "points")
GRADES = Scale(10, 2, "1 to 10", "grades")


def scale_of(metric: str) -> Scale:
    """Grades of a judge are shown as it gave them, all else in percent."""
    is_rating = metric == RATING or metric.startswith(f"{RATING}_turn_")
    return GRADES if is_rating else PERCENT


_METRIC_NAMES = {
    "bleu": "BLEU", "spbleu": "spBLEU", "chrf": "chrF", "chrf++": "chrF++",
    "off_target_rate": "Off-target rate", "win_rate": "Win-rate", "soft_win_rate": "Soft win-rate",
    "length_controlled_win_rate": "Length-controlled win-rate",
    "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougel": "ROUGE-L", "rouge_l": "ROUGE-L",
}  # fmt: skip


def metric_name(metric: str) -> str:
    """What a reader sees of a metric's name."""
    return _METRIC_NAMES.get(metric.lower()) or metric.replace("_", " ").capitalize()


def in_sentence(name: str) -> str:
    """A metric's name or a title within a sentence: small, but for an acronym."""
    return name if name[1:2].isupper() or name[:1].islower() else name[:1].lower() + name[1:]


class Measure(NamedTuple):
    """A figure that is followed over the rounds, such as the accuracy on one task."""

    task: str
    metric: str

    @property
    def title(self) -> str:
        return f"{metric_name(self.metric)} on {self.task}"


@dataclass(frozen=True, slots=True)
class Change:
    """Last policy minus first policy; bounds are those of the 95 % interval, None when unknown."""

    name: str
    """A language tag, or the name of a group of languages."""
    value: float
    low: float | None
    high: float | None
    num_languages: int = 1

    @property
    def is_beyond_interval(self) -> bool:
        """True when the interval is known and does not reach zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def read_json(path: Path) -> Any:
    """The content of a JSON file, NaN read as None; InputError when it is absent or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda _: None)
    except FileNotFoundError:
        raise InputError(
            f"expected {path}, found no such file; name the folder of a run (--out)"
        ) from None
    except ValueError as error:
        raise InputError(
            f"expected JSON in {path}, found {error}; repeat the run to write it again"
        ) from None


def language_name(tag: str) -> str:
    """English name of a language; the tag itself where the table has no such row."""
    language = LANGUAGES.get(tag)
    return language.english_name if language else tag


def own_name(tag: str) -> str:
    """A language's name in itself; empty where the table has no such row."""
    language = LANGUAGES.get(tag)
    return language.own_name if language else ""


def number(row: Row | None, key: str = "value") -> float | None:
    """A finite number of a row, or None: unknown is not zero."""
    value = (row or {}).get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def rounds(summary: Summary) -> Sequence[Row]:
    """The rounds so far, none when the run has finished none."""
    return summary.get("rounds") or ()


def all_results(summary: Summary) -> Iterator[tuple[int, Row]]:
    """Each result with the number of its round: round t's results are those of policy M_t."""
    for entry in rounds(summary):
        for row in entry.get("results") or ():
            yield int(entry["round"]), row


def measures(summary: Summary) -> list[Measure]:
    """The measures of the run: accuracies, other scores, off-target rates; none without values.

    The validation task of the stop rule is no result: it stands in the table of all numbers only.
    """
    shown = ((row, row["task"] != summary.get("validation")) for _, row in all_results(summary))
    rows = [row for row, is_result in shown if is_result and number(row) is not None]
    found = dict.fromkeys(Measure(row["task"], row["metric"]) for row in rows)
    rank = {"accuracy": 0, OFF_TARGET: 2}
    return sorted(found, key=lambda measure: rank.get(measure.metric, 1))


def primary(summary: Summary) -> Measure | None:
    """The measure of the verdict: the first accuracy, else the first score, else None."""
    return next((m for m in measures(summary) if m.metric != OFF_TARGET), None)


def off_target(summary: Summary) -> Measure | None:
    """The off-target rate on the task of the primary measure, else the first one."""
    found = [m for m in measures(summary) if m.metric == OFF_TARGET]
    main = primary(summary)
    return next((m for m in found if main and m.task == main.task), found[0] if found else None)


def series(summary: Summary, measure: Measure) -> dict[str, dict[int, Row]]:
    """Language → round → result of one measure; results without a value are left out."""
    by_language: dict[str, dict[int, Row]] = {}
    for index, row in all_results(summary):
        if (row["task"], row["metric"]) == measure and number(row) is not None:
            by_language.setdefault(row["language"], {})[index] = row
    return by_language


def dominant_language(summary: Summary) -> str:
    """The language that the others are compared with."""
    return summary.get("dominant_language") or "en"


def trained_languages(summary: Summary) -> set[str]:
    """The languages whose preferences trained the policy."""
    return {row["language"] for _, row in all_results(summary) if row.get("trained")}


GROUPS = ("dominant", "trained", "never trained")


def group(summary: Summary, language: str) -> str:
    """Which of `GROUPS` a language belongs to."""
    if language == dominant_language(summary):
        return "dominant"
    return "trained" if language in trained_languages(summary) else "never trained"


def languages(summary: Summary) -> list[str]:
    """All languages by group, the best at the start first, so that every figure has one order."""
    tags = {row["language"] for _, row in all_results(summary)}
    for entry in rounds(summary):
        tags.update((entry.get("pairs") or {}).get("by_language") or ())
    main = primary(summary)
    start = {
        tag: number(row[min(row)]) or 0.0
        for tag, row in (series(summary, main) if main else {}).items()
    }
    rank = {tag: GROUPS.index(group(summary, tag)) for tag in tags}
    return sorted(tags, key=lambda tag: (rank[tag], -start.get(tag, 0.0), language_name(tag)))


def change(rows: Mapping[int, Row], language: str) -> Change | None:
    """The change of one language from its first to its last round, None with fewer than two.

    The paired difference that the evaluator measured where it gave one, else `marginal_change`.
    """
    if len(rows) < 2:
        return None
    first, last = rows[min(rows)], rows[max(rows)]
    if (paired := number(last, "change")) is not None:
        return Change(language, paired, number(last, "change_low"), number(last, "change_high"))
    return marginal_change(language, first, last)


def marginal_change(name: str, old: Row, new: Row) -> Change | None:
    """New minus old from two values and their intervals; None where a value is unknown.

    Newcombe 1998, method 10: wider than a paired interval of the same examples.
    """
    first, last = number(old), number(new)
    if first is None or last is None:
        return None
    bounds = [number(row, key) for row in (old, new) for key in ("low", "high")]
    if None in bounds:
        return Change(name, last - first, None, None)
    old_low, old_high, new_low, new_high = (float(bound or 0) for bound in bounds)
    down = math.hypot(last - new_low, old_high - first)
    up = math.hypot(new_high - last, first - old_low)
    return Change(name, last - first, last - first - down, last - first + up)


def changes(summary: Summary, measure: Measure) -> dict[str, Change]:
    """Language → change of one measure from M0 to the last policy."""
    found = series(summary, measure)
    parts = {tag: change(found[tag], tag) for tag in languages(summary) if tag in found}
    return {tag: part for tag, part in parts.items() if part}


def mean_change(
    summary: Summary, measure: Measure | None, name: str, parts: Sequence[Change]
) -> Change | None:
    """The mean over a group of languages, None over no language.

    The interval is the evaluator's, which knows that languages share their problems; without it,
    the mean of the intervals, which holds under any correlation and is wide.
    """
    if measure is None or not parts:
        return None
    pooled = summary.get("mean_changes", {}).get(measure.task, {}).get(name)
    if pooled and pooled["metric"] == measure.metric:
        return Change(name, pooled["value"], pooled["low"], pooled["high"], len(parts))
    lows, highs = (
        [p.low for p in parts if p.low is not None],
        [p.high for p in parts if p.high is not None],
    )
    known = len(lows) == len(highs) == len(parts)
    return Change(
        name,
        sum(part.value for part in parts) / len(parts),
        sum(lows) / len(parts) if known else None,
        sum(highs) / len(parts) if known else None,
        len(parts),
    )


def without_revisions(samplers: Sequence[str]) -> list[str]:
    """`model` for `model@revision`, where the names still differ."""
    short = [re.sub(r"@\S+", "", sampler) for sampler in samplers]
    return short if len(set(short)) == len(samplers) else list(samplers)
