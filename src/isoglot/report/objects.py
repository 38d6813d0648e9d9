"""Results as Python objects, which `isoglot.run`, `evaluate` and `judge` return.

Each shows its table in a terminal and in a notebook, and gives its rows to pandas.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from isoglot.core.records import Preference
from isoglot.core.store import read_shard, shard_paths
from isoglot.report.pages.evaluation import write_evaluation_report
from isoglot.report.pages.judge import write_judge_report
from isoglot.report.pages.judge_tables import judge_tables
from isoglot.report.pages.measures_table import rating_table, task_table
from isoglot.report.pages.ratings import write_rating_report
from isoglot.report.pages.run import write_report
from isoglot.report.pages.run_results import language_table
from isoglot.report.results.evaluation import Evaluation, read_evaluation
from isoglot.report.results.judging import JudgedComparison, JudgedResult
from isoglot.report.results.progress import Progress
from isoglot.report.results.ratings import Ratings
from isoglot.report.results.rows import ResultRow, task_names
from isoglot.report.results.summary import RunSummary
from isoglot.report.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame


class Shown:
    """An object that shows its tables: as text in a terminal, as HTML in a notebook."""

    folder: Path
    """The folder of its files."""

    def tables(self) -> list[Table]:
        """Return every table of the object."""
        raise NotImplementedError

    def __repr__(self) -> str:
        tables = "\n\n".join(table.to_markdown() for table in self.tables())
        return f"{type(self).__name__} in {self.folder}\n\n{tables}"

    def _repr_html_(self) -> str:
        return "\n".join(table.to_html() for table in self.tables())


@dataclass(frozen=True, repr=False, eq=False)
class Run(Shown):
    """A run directory: its results, its pairs, its policy and its page."""

    folder: Path
    summary: RunSummary

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Open the run directory of an earlier run.

        Raises:
            InputError: no run is there.
        """
        return cls(Path(folder), RunSummary.read_from(Path(folder)))

    @property
    def policy(self) -> Path | None:
        """The folder of the last trained policy; None if nothing was trained."""
        trained = sorted(self.folder.glob("round-*/train/policy"), key=_round_of)
        return trained[-1] if trained else None

    @cached_property
    def report(self) -> Path:
        """The page of the run, written anew."""
        return write_report(self.folder)

    def table(self) -> Table:
        """Return the results of every policy by language."""
        return language_table(Progress(self.summary))

    def tables(self) -> list[Table]:
        return [self.table()] if Progress(self.summary).rounds else []

    def to_pandas(self) -> "DataFrame":
        """Return the result rows of all rounds, one per round, task, metric and language."""
        rows = ({"round": round, **row.model_dump()} for round, row in self.summary.results)
        return _frame(rows)

    def pairs(self, language: str | None = None, round: int | None = None) -> list[Preference]:
        """Return the preferences of a round, by default the last one with any.

        `language` keeps the preferences whose answers are in this language.
        """
        folders = sorted(self.folder.glob("round-*/filter"), key=_round_of)
        kept = [each for each in folders if round is None or _round_of(each) == round]
        rows = (row for path in _parts(kept[-1:]) for row in read_shard(path, Preference))
        return [row for row in rows if language in (None, row.answer_language)]


@dataclass(frozen=True, repr=False, eq=False)
class Evaluated(Shown, Mapping[tuple[str, str], ResultRow]):
    """The results of one model, by task and language: `result["mgsm", "sw"].value`.

    An item is the row of the task's main metric, with `value`, `low`, `high` (the 95 % interval)
    and `n`; `change`, `change_low` and `change_high` compare it with the baseline.
    """

    folder: Path
    results: Evaluation

    @classmethod
    def open(cls, folder: str | Path) -> "Evaluated":
        """Open the folder of an earlier evaluation.

        Raises:
            InputError: no evaluation is there.
        """
        return cls(Path(folder), read_evaluation(Path(folder)))

    @cached_property
    def _rows(self) -> dict[tuple[str, str], ResultRow]:
        rows: dict[tuple[str, str], ResultRow] = {}
        for row in self.results.results:
            rows.setdefault((row.task, row.language), row)  # the main metric is the first
        return rows

    def __getitem__(self, key: tuple[str, str]) -> ResultRow:
        if key not in self._rows:
            known = ", ".join(f"{task!r}, {tag!r}" for task, tag in self._rows)
            raise KeyError(f"expected a task and a language among {known}; came {key!r}")
        return self._rows[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def report(self) -> Path:
        """The page of the evaluation, written anew."""
        return write_evaluation_report(self.folder)

    def tables(self) -> list[Table]:
        return [task_table(self.results, task) for task in task_names(self.results.results)]

    def to_pandas(self) -> "DataFrame":
        """Return the result rows, one per task, metric and language."""
        return _frame(row.model_dump() for row in self.results.results)


@dataclass(frozen=True, repr=False, eq=False)
class Judged(Shown, Mapping[str, JudgedResult]):
    """The verdicts on two models' answers: `verdicts["sw"].value` is the win rate of the first.

    An item is the row of the win rate in a language, or in all of them (`mean`), with `low` and
    `high`, the 95 % interval, and `n`.
    """

    folder: Path
    results: JudgedComparison

    @cached_property
    def _rows(self) -> dict[str, JudgedResult]:
        return {row.language: row for row in self.results.results if row.metric == "win_rate"}

    def __getitem__(self, language: str) -> JudgedResult:
        if language not in self._rows:
            known = ", ".join(self._rows)
            raise KeyError(f"expected a language among {known}; came {language!r}")
        return self._rows[language]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @cached_property
    def report(self) -> Path:
        """The page of the comparison, written anew."""
        return write_judge_report(self.folder)

    def tables(self) -> list[Table]:
        return judge_tables(self.results)

    def to_pandas(self) -> "DataFrame":
        """Return the result rows, one per metric and language."""
        return _frame(row.model_dump() for row in self.results.results)


@dataclass(frozen=True, repr=False, eq=False)
class ModelRatings(Shown):
    """The ratings of one model's answers, from 1 to 10."""

    folder: Path
    results: Ratings

    @cached_property
    def report(self) -> Path:
        """The page of the ratings, written anew."""
        return write_rating_report(self.folder)

    def tables(self) -> list[Table]:
        return [rating_table(self.results)]

    def to_pandas(self) -> "DataFrame":
        """Return the result rows, one per metric and language."""
        return _frame(row.model_dump() for row in self.results.results)


def _frame(rows: Iterable[Mapping[str, object]]) -> "DataFrame":
    from pandas import DataFrame

    return DataFrame(list(rows))


def _round_of(path: Path) -> int:
    (name,) = (part for part in path.parts[-3:] if part.startswith("round-"))
    return int(name.removeprefix("round-"))


def _parts(folders: Iterable[Path]) -> list[Path]:
    return [path for folder in folders for path in shard_paths(folder)]
