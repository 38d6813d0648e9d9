"""Each measure of a run by language over its rounds, and the changes from M0 on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from isoglot.report.results.names import language_name
from isoglot.report.results.rows import (
    LANGUAGE_FAULTS,
    Interval,
    Measure,
    difference,
)
from isoglot.report.results.summary import PairCounts, RunSummary

GROUPS = ("dominant", "trained", "never trained")
"""Groups of languages, in the order of every table and chart."""


@dataclass(frozen=True)
class Progress:
    """A run's summary by language and round."""

    summary: RunSummary

    @cached_property
    def rounds(self) -> list[int]:
        """The rounds that have results."""
        return sorted({index for index, _ in self.summary.results})

    @cached_property
    def measures(self) -> list[Measure]:
        """The measures that have values: accuracies, other scores, off-target and mixed rates.

        The validation task of the stop rule is no result.
        """
        rows = (row for _, row in self.summary.results if row.task != self.summary.validation)
        found = dict.fromkeys(row.measure for row in rows if row.value is not None)
        rank = {"accuracy": 0} | {name: 2 + i for i, name in enumerate(LANGUAGE_FAULTS)}
        return sorted(found, key=lambda measure: rank.get(measure.metric, 1))

    @property
    def primary(self) -> Measure | None:
        """The measure of the headline: the first accuracy, else the first score."""
        return next((m for m in self.measures if not m.is_language_fault), None)

    @property
    def off_target(self) -> Measure | None:
        """The off-target rate on the task of the primary measure, else the first one."""
        found = [m for m in self.measures if m.is_off_target]
        task = self.primary.task if self.primary else ""
        return next((m for m in found if m.task == task), next(iter(found), None))

    @cached_property
    def trained(self) -> set[str]:
        """The languages that the policy was trained on."""
        return {row.language for _, row in self.summary.results if row.trained}

    def group(self, tag: str) -> str:
        """The one of `GROUPS` that a language belongs to."""
        if tag == self.summary.dominant_language:
            return "dominant"
        return "trained" if tag in self.trained else "never trained"

    @cached_property
    def languages(self) -> list[str]:
        """All languages by group, the best at the start first."""
        tags = {row.language for _, row in self.summary.results}
        tags.update(*(pairs.by_language for pairs in self.pairs.values()))
        start = {tag: by[min(by)].value or 0.0 for tag, by in self.series(self.primary).items()}
        rank = {tag: GROUPS.index(self.group(tag)) for tag in tags}
        return sorted(tags, key=lambda tag: (rank[tag], -start.get(tag, 0.0), language_name(tag)))

    @cached_property
    def pairs(self) -> dict[int, PairCounts]:
        """Round → its preference pairs; rounds without pairs are left out."""
        return {
            entry.round: entry.pairs
            for entry in self.summary.rounds
            if entry.pairs and entry.pairs.by_language
        }

    def series(self, measure: Measure | None) -> dict[str, dict[int, Interval]]:
        """Language → round → value of one measure; results without a value are left out."""
        found: dict[str, dict[int, Interval]] = {}
        for index, row in self.summary.results:
            if row.measure == measure and row.value is not None:
                found.setdefault(row.language, {})[index] = row.interval
        return found

    def changes(self, measure: Measure | None) -> dict[str, Interval]:
        """Language → change of one measure from M0 to the last policy, in order."""
        found = self.series(measure)
        changes = {tag: change_over(found[tag]) for tag in self.languages if tag in found}
        return {tag: change for tag, change in changes.items() if change}

    def mean_change(self, measure: Measure | None, group: str) -> Interval | None:
        """The mean over the languages of a group, with their number as `n`; None over none.

        The interval is the evaluator's, which knows that languages share their prompts; without
        it the mean of the intervals, which holds under any correlation and is wide.
        """
        changes = self.changes(measure)
        parts = [change for tag, change in changes.items() if self.group(tag) == group]
        if measure is None or not parts:
            return None
        pooled = self.summary.mean_changes.get(measure.task, {}).get(group)
        if pooled and pooled.metric == measure.metric:
            return Interval(pooled.value, pooled.low, pooled.high, n=len(parts))
        mean = sum(part.value or 0.0 for part in parts) / len(parts)
        bounds = [(p.low, p.high) for p in parts if p.low is not None and p.high is not None]
        if len(bounds) < len(parts):
            return Interval(mean, n=len(parts))
        low, high = (sum(ends) / len(parts) for ends in zip(*bounds, strict=True))
        return Interval(mean, low, high, n=len(parts))


def change_over(by_round: Mapping[int, Interval]) -> Interval | None:
    """The change from the first round to the last, None with fewer than two.

    The paired difference that the evaluator measured, else that of the two intervals.
    """
    known = {index: value for index, value in by_round.items() if value.value is not None}
    if len(known) < 2:
        return None
    last = known[max(known)]
    return last.change or difference(last, known[min(known)])


def ends(by_round: Mapping[int, Interval]) -> Sequence[float | None]:
    """The first and the last value of a series."""
    return [by_round[index].value for index in dict.fromkeys((min(by_round), max(by_round)))]
