"""A study: win rates of every cell against M0, its findings, scores, costs: `study.json`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from isoglot.core.documents import Document
from isoglot.report.results.rows import Changed, Interval, Known, ResultPart

Answer = Literal["yes", "no", "undecided"]
STUDY_GROUPS = {"all": "all languages", "trained": "trained", "unseen": "unseen"}
"""Names of the groups of languages of a `StudyWinRate`."""

SCORE_GROUPS = {
    "mean": "all languages",
    "tier:high": "high tier",
    "tier:mid": "mid tier",
    "tier:low": "low tier",
    "trained": "trained last",
    "weak": "trained last but the dominant",
    "dominant": "dominant language",
    "unseen": "not trained last",
    "worst": "worst language",
    "democratisation": "democratisation",
}
"""Names of the groups of languages of a `StudyScore`."""

LanguageSelection = str | Sequence[str]
"""`all`, `trained` or `unseen`; or tags."""


class StudyWinRate(ResultPart):
    """A cell's last policy against M0 in one language, or the mean over a group of them."""

    judge: str
    language: str
    """A tag, or `all`, `trained` or `unseen`."""
    trained: bool
    """True if the cell trains the language."""
    wins: int
    ties: int
    losses: int
    invalid: int
    """Examples that the judge could not tell, which are not part of `n`."""
    n: int
    off_target: Known
    base_off_target: Known
    """M0's."""
    win_rate: Known
    """The mean over seeds, a tie as half a win, with its interval over seeds and examples."""
    win_rate_low: Known
    win_rate_high: Known
    win_rate_by_seed: Sequence[Known]
    """None where a run failed."""
    decided_win_rate: Known
    """Likewise, without the ties."""
    decided_win_rate_low: Known
    decided_win_rate_high: Known
    decided_win_rate_by_seed: Sequence[Known]

    @property
    def interval(self) -> Interval:
        bounds = self.win_rate_low, self.win_rate_high
        return Interval(self.win_rate, *bounds, n=self.n, unknown=self.invalid)

    @property
    def decided_interval(self) -> Interval:
        bounds = self.decided_win_rate_low, self.decided_win_rate_high
        return Interval(self.decided_win_rate, *bounds)


class StudyScore(Changed):
    """A metric of a task over a group of languages, and its change from M0 to the last policy."""

    LEFT_OUT = Changed.LEFT_OUT | {"change_by_seed"}

    task: str
    cell: str
    """The name of a cell, or `M0`."""
    metric: str
    group: str
    num_languages: int
    by_seed: Sequence[Known]
    change_by_seed: Sequence[Known] | None = None


class StudyFinding(ResultPart):
    """The difference of the mean win rates of two sets of cells, by one judge."""

    claim: str
    judge: str
    better: Mapping[str, Sequence[str]]
    """Axis → values of the cells that are claimed to be better."""
    than: Mapping[str, Sequence[str]]
    languages: LanguageSelection
    more_than_in: LanguageSelection | None
    """Languages in which the difference is claimed to be smaller; None for no such claim."""
    margin: float
    value: Known
    low: Known
    high: Known
    by_seed: Sequence[Known]
    answer: Answer
    num_comparisons: int
    num_seeds: int

    @property
    def interval(self) -> Interval:
        return Interval(self.value, self.low, self.high)


class StudyRun(ResultPart):
    """The end of a run, its pairs and its costs; a failed one has none of these."""

    LEFT_OUT = frozenset({"rounds", "seconds", "shared_seconds", "total_seconds"})

    seed: int
    folder: str
    error: str | None
    """None where the run is done."""
    rounds: int | None = None
    stopped: str | None = None
    pairs: int | None = None
    """Pairs that were trained on, over all rounds."""
    seconds: Mapping[str, float] | None = None
    """Stage → seconds, of those that the run made."""
    shared_seconds: Mapping[str, float] | None = None
    """Stage → seconds, of those that it took from other runs."""
    written_tokens: int | None = None
    """Tokens that models wrote, see `summary.TokenCounts`; also in stages taken from others."""
    trained_tokens: int | None = None
    """Tokens that trainings read, likewise."""
    total_seconds: float | None = None

    @property
    def tokens(self) -> int | None:
        """The compute of the run: tokens written and trained."""
        if self.written_tokens is None or self.trained_tokens is None:
            return None
        return self.written_tokens + self.trained_tokens


class StudyCell(ResultPart):
    """A combination of the axes' values."""

    cell: str
    values: Mapping[str, str]
    """Axis → value."""
    languages: Sequence[str]
    """The languages that it trains last."""
    size: int | float | None
    win_rates: Sequence[StudyWinRate]
    runs: Sequence[StudyRun]

    def rates(self, judge: str) -> dict[str, StudyWinRate]:
        """Language or group → its row by one judge."""
        return {row.language: row for row in self.win_rates if row.judge == judge}

    @property
    def tokens(self) -> float | None:
        """The mean compute of a run, in tokens written and trained; None where none is counted."""
        known = [run.tokens for run in self.runs if run.tokens is not None]
        return sum(known) / len(known) if known else None

    @property
    def total_seconds(self) -> float:
        """The seconds of all runs, without those of stages that were taken from others."""
        return sum(run.total_seconds or 0.0 for run in self.runs)


class StudyBudget(ResultPart):
    """The compute that every cell of a study should have."""

    tokens: int
    """Written and trained, of one run."""
    tolerance: float

    def holds(self, cell: StudyCell) -> bool:
        """True if the mean compute of a cell's runs is within the tolerance of the budget."""
        return cell.tokens is not None and (
            abs(cell.tokens - self.tokens) <= self.tolerance * self.tokens
        )


class StudyFailure(ResultPart):
    """A run that failed."""

    run: str
    error: str
    log: str


class Study(Document):
    """Every number of a study."""

    name: str
    description: str
    recipe: str
    task: str
    seeds: Sequence[int]
    judges: Sequence[str]
    """The first is the judge of record."""
    languages: Sequence[str]
    dominant_language: str
    signature: str
    budget: StudyBudget | None = None
    cells: Sequence[StudyCell]
    scores: Sequence[StudyScore]
    findings: Sequence[StudyFinding]
    failures: Sequence[StudyFailure]

    @classmethod
    def read_from(cls, folder: Path) -> Self:
        """Read the study in a folder; raises InputError where there is none."""
        return cls.read(folder / "study.json", mend="name a study's folder, or run it again")
