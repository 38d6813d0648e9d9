"""The verdict of a run: in one sentence, and in the tiles at the top of its page."""

from dataclasses import dataclass
from functools import cached_property

from isoglot.report.cells import POINTS, bounds, number
from isoglot.report.page import Tile
from isoglot.report.results.names import count_of, language_name
from isoglot.report.results.progress import Progress, ends
from isoglot.report.results.rows import Interval
from isoglot.report.results.summary import RunSummary


@dataclass(frozen=True)
class Headline:
    """The changes from M0 to the last policy; a part that the run does not have is None."""

    progress: Progress

    @cached_property
    def changes(self) -> dict[str, Interval]:
        """Language → change of the primary measure."""
        return self.progress.changes(self.progress.primary)

    @cached_property
    def trained(self) -> Interval | None:
        """Mean over the trained languages other than the dominant one."""
        return self.progress.mean_change(self.progress.primary, "trained")

    @cached_property
    def never_trained(self) -> Interval | None:
        """Mean over the languages that were never trained on."""
        return self.progress.mean_change(self.progress.primary, "never trained")

    @property
    def dominant(self) -> Interval | None:
        return self.changes.get(self.progress.summary.dominant_language)

    @property
    def _dominant_name(self) -> str:
        return language_name(self.progress.summary.dominant_language)

    @property
    def worst(self) -> str | None:
        """The trained language, other than the dominant one, that gained least."""
        trained = [tag for tag in self.changes if self.progress.group(tag) == "trained"]
        return min(trained, key=lambda tag: self.changes[tag].value or 0.0, default=None)

    @cached_property
    def off_target(self) -> tuple[float, float] | None:
        """Mean off-target rates of M0 and of the last policy over all languages."""
        rows = self.progress.series(self.progress.off_target).values()
        pairs = [ends(by_round) for by_round in rows if len(by_round) > 1]
        if not pairs:
            return None
        first, last = (sum(value or 0.0 for value in end) for end in zip(*pairs, strict=True))
        return first / len(pairs), last / len(pairs)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        measure = self.progress.primary
        if measure is None:
            return "This run has no results yet: there is nothing to compare."
        if self.trained is None and self.never_trained is None and self.dominant is None:
            return f"{measure.title} is known for M0 only: there is no change to report yet."
        metric = measure.metric.replace("_", " ")
        clauses = [clause for clause in (self._of_trained(metric), self._of_others()) if clause]
        return f"From M0 to M{len(self.progress.rounds) - 1}, {'; '.join(clauses)}."

    def _of_trained(self, metric: str) -> str:
        if self.trained is None or self.worst is None:
            return ""
        other = f" other than {self._dominant_name}" if self.dominant else ""
        count = count_of(self.trained.n or 0, "trained language")
        text = f"{metric} {_moved(self.trained)} on average over the {count}{other}"
        if self.trained.n == 1:
            return text
        least = number(self.changes[self.worst].value, POINTS)
        return f"{text}, the least gain being {language_name(self.worst)} at {least}"

    def _of_others(self) -> str:
        parts = []
        if self.dominant is not None:
            parts.append(f"{self._dominant_name}, the dominant one, {_moved(self.dominant)}")
        if self.never_trained is not None:
            count = count_of(self.never_trained.n or 0, "language")
            parts.append(f"the {count} never trained on {_moved(self.never_trained)}")
        return "; ".join(parts)

    def tiles(self) -> list[Tile]:
        """The changes of the verdict; none without a change."""
        parts: dict[str, Interval | None] = {}
        if self.trained:
            parts[f"Trained, mean of {self.trained.n}"] = self.trained
        if self.worst:
            parts[f"Least gain: {language_name(self.worst)}"] = self.changes[self.worst]
        parts[f"{self._dominant_name}, dominant"] = self.dominant
        if self.never_trained:
            parts[f"Never trained, mean of {self.never_trained.n}"] = self.never_trained
        found = [
            Tile.of(name, part, POINTS, "interval unknown") for name, part in parts.items() if part
        ]
        if found and self.off_target:
            first, last = map(number, self.off_target)
            found.append(Tile("Off-target rate, mean", f"{last} %", f"M0: {first} %"))
        return found


def without_evaluation(summary: RunSummary) -> str:
    """Say in a sentence what a run without scores has: an audit, pairs, demonstrations."""
    parts = []
    if summary.audit:
        rows = summary.audit.rows
        models, tags = ({getattr(row, key) for row in rows} for key in ("sampler", "language"))
        of = f"{count_of(len(models), 'model')} in {count_of(len(tags), 'language')}"
        parts.append(f"An audit of {of}.")
    for entry in summary.rounds:
        made = {"pair": entry.pairs, "demonstration": entry.demonstrations}
        parts += [
            f"Round {entry.round} made {count_of(counts.kept, noun)}."
            for noun, counts in made.items()
            if counts
        ]
    return " ".join(parts) or "This run has no results yet: there is nothing to compare."


def _moved(change: Interval) -> str:
    """Describe a change in words, given its interval: `rose by 5.2 points (…)`."""
    value = change.value or 0.0
    between = f" (95 % interval {bounds(change, POINTS)})" if change.has_bounds else ""
    if between and not change.is_beyond_zero:
        return f"did not change measurably: {number(value, POINTS)} points{between}"
    return f"{'rose' if value > 0 else 'fell'} by {number(abs(value))} points{between}"
