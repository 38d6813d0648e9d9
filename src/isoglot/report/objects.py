"""Results as Python objects, which `isoglot.run`, `evaluate` and `judge` return.

Each shows its table in a terminal and in a notebook, and gives its rows to pandas.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from isoglot.core.records import Preference
from isoglot.core.store import read_shard, shard_paths
from isoglot.report.pages.evaluation import write_evaluation_report
from isoglot.report.pages.judge import write_judge_report
from isoglot.report.pages.judge_tables import judge_tables
from isoglot.report.pages.measures_table import rating_table, task_table
from isoglot.report.pages.ratings import write_rating_report
from isoglot.report.pages.run import write_report
from isoglot.report.pages.run_results import language_table
from isoglot.report.results.evaluation import Evaluation
from isoglot.report.results.judging import JudgedComparison, JudgedResult, Ratings
from isoglot.report.results.progress import Progress
from isoglot.report.results.rows import ResultRow, Results, task_names
from isoglot.report.results.summary import RunSummary
from isoglot.report.table import Table

if TYPE_CHECKING:
    from pandas import DataFrame

_Shown = TypeVar("_Shown", bound=Results)
_Key = TypeVar("_Key")
_Row = TypeVar("_Row", bound=ResultRow)


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
        return max(self.folder.glob("round-*/train/policy"), key=_round_of, default=None)

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
        last = [each for each in folders if round in (None, _round_of(each))][-1:]
        paths = (path for folder in last for path in shard_paths(folder))
        rows = (row for path in paths for row in read_shard(path, Preference))
        return [row for row in rows if language in (None, row.answer_language)]


@dataclass(frozen=True, repr=False, eq=False)
class _ShownResults(Shown, Generic[_Shown]):
    """The results in a folder, with their page and their rows."""

    folder: Path
    results: _Shown

    _write_page: ClassVar["staticmethod[[Path], Path]"]

    @cached_property
    def report(self) -> Path:
        """The page of the results, written anew."""
        return self._write_page(self.folder)

    def to_pandas(self) -> "DataFrame":
        """Return the result rows, one per task, metric and language."""
        return _frame(row.model_dump() for row in self.results.results)


class _RowsByKey(Mapping[_Key, _Row]):
    """The main rows of results; `KEY` names what an item is looked up by."""

    KEY: ClassVar[str]

    @cached_property
    def _rows(self) -> Mapping[_Key, _Row]:
        raise NotImplementedError

    def __getitem__(self, key: _Key) -> _Row:
        if key not in self._rows:
            known = ", ".join(str(known).strip("()") for known in self._rows)
            raise KeyError(f"expected {self.KEY} among {known}; came {key!r}")
        return self._rows[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class Evaluated(_ShownResults[Evaluation], _RowsByKey[tuple[str, str], ResultRow]):
    """The results of one model, by task and language: `result["mgsm", "sw"].value`.

    An item is the row of the task's main metric, with `value`, `low`, `high` (the 95 % interval)
    and `n`; `change`, `change_low` and `change_high` compare it with the baseline.
    """

    KEY = "a task and a language"
    _write_page = staticmethod(write_evaluation_report)

    @classmethod
    def open(cls, folder: str | Path) -> "Evaluated":
        """Open the folder of an earlier evaluation.

        Raises:
            InputError: no evaluation is there.
        """
        return cls(Path(folder), Evaluation.read_from(Path(folder)))

    @cached_property
    def _rows(self) -> dict[tuple[str, str], ResultRow]:
        rows: dict[tuple[str, str], ResultRow] = {}
        for row in self.results.results:
            rows.setdefault((row.task, row.language), row)  # the main metric is the first
        return rows

    def tables(self) -> list[Table]:
        return [task_table(self.results, task) for task in task_names(self.results.results)]


class Judged(_ShownResults[JudgedComparison], _RowsByKey[str, JudgedResult]):
    """The verdicts on two models' answers: `verdicts["sw"].value` is the win rate of the first.

    An item is the row of the win rate in a language, or in all of them (`mean`), with `low` and
    `high`, the 95 % interval, and `n`.
    """

    KEY = "a language"
    _write_page = staticmethod(write_judge_report)

    @cached_property
    def _rows(self) -> dict[str, JudgedResult]:
        return {row.language: row for row in self.results.results if row.metric == "win_rate"}

    def tables(self) -> list[Table]:
        return judge_tables(self.results)


class ModelRatings(_ShownResults[Ratings]):
    """The ratings of one model's answers, from 1 to 10."""

    _write_page = staticmethod(write_rating_report)

    def tables(self) -> list[Table]:
        return [rating_table(self.results)]


def _frame(rows: Iterable[Mapping[str, object]]) -> "DataFrame":
    from pandas import DataFrame

    return DataFrame(list(rows))


def _round_of(path: Path) -> int:
    (name,) = (part for part in path.parts[-3:] if part.startswith("round-"))
    return int(name.removeprefix("round-"))
