"""What the results of an evaluation say, in the shapes that tables, plots and exports ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.languages import ALIASES, LANGUAGES
from isoglot.report.results.measures import OFF_TARGET, Change, Measure, Row, language_name, number
from isoglot.report.results.measures import read_json as _read_json

TIERS = ("high", "mid", "low", "")
"""Resource tiers in order; the last is that of a language without a row in the table."""

GROUP_NAMES = {
    "mean": "Mean",
    "tier:high": "High-resource mean",
    "tier:mid": "Mid-resource mean",
    "tier:low": "Low-resource mean",
    "worst": "Worst language",
    "democratisation": "Democratisation",
}
"""What a reader sees of a group's name; democratisation is the mean over the best language."""


def read_results(folder: Path) -> dict[str, Any]:
    """The content of `FOLDER/results.json`, of an evaluation or of a judged comparison.

    Raises:
        InputError: no such file, no JSON, or no results in it; names the missing column.
    """
    path = folder / "results.json"
    results = _read_json(path)
    rows = results.get("results") if isinstance(results, dict) else None
    if not isinstance(rows, list):
        raise InputError(
            f"{path}: expected an object with a list `results`, found none; "
            "name the folder of `isoglot evaluate` or `isoglot judge` (--out)"
        )
    for position, row in enumerate(rows):
        if missing := {"metric", "language", "value"} - set(row):
            raise InputError(
                f"{path}: result {position + 1} has no {', '.join(sorted(missing))}; "
                "repeat the command that wrote it with --regrade"
            )
    return results


def tier(tag: str) -> str:
    """The resource tier of a language; empty where the table has no such row."""
    row = LANGUAGES.get(ALIASES.get(tag, tag))
    return row.tier if row else ""


def tier_name(tier: str) -> str:
    """What a reader sees of a tier."""
    return f"{tier}-resource" if tier else "tier unknown"


def measures_of(rows: Sequence[Row]) -> list[Measure]:
    """Every measure but the off-target rates, in order of appearance."""
    found = dict.fromkeys(Measure(row.get("task") or "", row["metric"]) for row in rows)
    return [measure for measure in found if measure.metric != OFF_TARGET]


def by_language(rows: Sequence[Row], measure: Measure) -> dict[str, Row]:
    """Language → row of one measure, rows without a value too."""
    return {
        row["language"]: row
        for row in rows
        if Measure(row.get("task") or "", row["metric"]) == measure
    }


def off_target_of(rows: Sequence[Row], task: str) -> dict[str, Row]:
    """Language → off-target row of a task; empty where nothing was generated."""
    return by_language(rows, Measure(task, OFF_TARGET))


def language_order(rows: Sequence[Row]) -> list[str]:
    """All languages by tier, the best of each first, so that every figure has one order."""
    tags = dict.fromkeys(row["language"] for row in rows)
    main = next(iter(measures_of(rows)), None)
    values = {t: number(r) or 0.0 for t, r in by_language(rows, main).items()} if main else {}
    return sorted(tags, key=lambda t: (TIERS.index(tier(t)), -values.get(t, 0.0), language_name(t)))


def change_of(row: Row) -> Change | None:
    """New minus baseline as the evaluator measured it, None where there is no baseline."""
    value = number(row, "change")
    if value is None:
        return None
    low, high = number(row, "change_low"), number(row, "change_high")
    return Change(str(row.get("language") or row.get("group")), value, low, high)


def groups_of(results: Mapping[str, Any], measure: Measure) -> list[Row]:
    """The rows of groups of languages of one measure, in the order of `GROUP_NAMES`.

    Of an off-target rate, where less is better, only the means say something.
    """
    rows = [
        row
        for row in results.get("groups") or ()
        if Measure(row.get("task") or "", row["metric"]) == measure
        and (measure.metric != OFF_TARGET or row["group"] not in ("worst", "democratisation"))
    ]
    rank = {name: i for i, name in enumerate(GROUP_NAMES)}
    return sorted(rows, key=lambda row: rank.get(row["group"], len(rank)))


def group_title(row: Row, found: Mapping[str, Row]) -> str:
    """A group's name; the worst language by its name. `found` is each language's row."""
    name = GROUP_NAMES.get(row["group"], str(row["group"]))
    if row["group"] != "worst":
        return name
    values = {tag: value for tag, r in found.items() if (value := number(r)) is not None}
    worst = min(values, key=lambda tag: values[tag], default="")
    return f"{name} ({language_name(worst)})" if worst else name


@dataclass(frozen=True, slots=True)
class Unknown:
    """How many answers have no value."""

    num_unknown: int
    num_asked: int

    @property
    def sentence(self) -> str:
        """Empty where every answer has a value."""
        if not self.num_unknown:
            return ""
        share = 100 * self.num_unknown / self.num_asked
        return f"{self.num_unknown} of {self.num_asked} answers ({share:.1f} %) have no value"


def unknown(rows: Sequence[Row]) -> Unknown:
    """The unknown over several results, such as the languages of a measure."""
    missing = sum(int(row.get("unknown") or 0) for row in rows)
    return Unknown(missing, missing + sum(int(row.get("n") or 0) for row in rows))
