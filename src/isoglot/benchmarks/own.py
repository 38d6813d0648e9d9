"""A benchmark of the user's own, as data: rows, a prompt in each language, a grader or choices."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, Source
from isoglot.benchmarks.choices import ChoiceItem, ItemSplit, multiple_choice, named
from isoglot.benchmarks.conversations import build_example
from isoglot.benchmarks.rows import cell, text_cell
from isoglot.benchmarks.stated_choice import UNDETERMINED
from isoglot.core.errors import InputError
from isoglot.core.languages import language_of
from isoglot.core.records import content_id
from isoglot.core.row_sources import RowSource, SourceRow, source_rows
from isoglot.core.rows import Row, errors_at
from isoglot.evals.graders import GraderName
from isoglot.evals.grading import grader_metric

_COLUMN = re.compile(r"\{([^{}]+)\}")


class OwnBenchmarkConfig(PromptFormat):
    """Rows with a prompt in each language, as the prompts of a task."""

    kind: Literal["own"]
    name: str
    """Name of the task, in tables and files."""
    rows: RowSource = Field(discriminator="kind")
    """Files, a set of the hub, or a list. Its `language`, `columns.language`, `columns.gold`,
    `family` and `where` count; a family is by default the place of a row within its language."""
    prompts: Mapping[str, str]
    """Language → prompt, with columns in braces; `und` is for every language without one."""
    grader: GraderName = "exact"
    """The comparison of an answer with the gold."""
    choices: Mapping[str, str] = {}
    """Label → column of the choice, in place of a grader: the gold is a label then."""
    metric: str = "accuracy"
    """Name of the mean of the grades."""
    max_new_tokens: int = Field(512, ge=1)
    """Longest answer, unless another one is requested."""

    @field_validator("rows", mode="before")
    @classmethod
    def _kinds(cls, rows: Any) -> Any:
        """Accept rows in place of their source, and a path without its kind."""
        if isinstance(rows, list):
            return {"kind": "list", "rows": rows}
        is_file = isinstance(rows, Mapping) and "path" in rows and "kind" not in rows
        return {"kind": "file", **rows} if is_file else rows

    @model_validator(mode="after")
    def _one_way_to_grade(self) -> Self:
        if self.choices and "grader" in self.model_fields_set:
            raise InputError("expected `grader` or `choices`, came both; leave one out")
        if not self.prompts:
            raise InputError("prompts: expected a prompt in some language, came none; add one")
        for tag in self.prompts:
            if tag != UNDETERMINED:
                language_of(tag)
        return self

    def build(self) -> Benchmark:
        """Build the benchmark, in the languages of its rows."""
        source = Source(title=self.rows.title, languages={tag: tag for tag in self.read_rows()})
        if self.choices:
            made = multiple_choice(self.name, self._items)
        else:
            made = Benchmark(self.name, self._examples, (grader_metric(self.metric, self.grader),))
        return replace(made, max_new_tokens=self.max_new_tokens, own_source=source)

    def read_rows(self) -> Mapping[str, Sequence[Row]]:
        """Read the rows of each language, each with its family in the column `family`.

        Raises:
            InputError: files that are missing or damaged, or a row without language or family.
        """
        found: dict[str, list[Row]] = defaultdict(list)
        source = self.rows
        for each in source_rows(source):
            if any(each.row.get(column) not in values for column, values in source.where.items()):
                continue
            with errors_at(each.place):
                tag = language_of(_language(source, each)).tag
                key = [text_cell(each.row, column) for column in source.family]
            family = content_id(self.name, *(key or [str(len(found[tag]))]))
            found[tag].append({**each.row, "family": family})
        return found

    def _examples(self, rows: ReadSplit, tag: str, _format: PromptFormat) -> list[Example]:
        return [
            build_example(
                self._prompt(tag, row),
                language=tag,
                family=str(row["family"]),
                gold=text_cell(row, self._gold),
                source=self.name,
            )
            for row in rows("test")
        ]

    def _items(self, split: ItemSplit) -> list[ChoiceItem]:
        labels = {label: label for label in self.choices}
        return [
            ChoiceItem(
                family=str(row["family"]),
                text=self._prompt(split.language, row),
                options={label: text_cell(row, column) for label, column in self.choices.items()},
                gold=named(cell(row, self._gold), labels, self._gold, row),
                source=self.name,
            )
            for row in split.rows
        ]

    @property
    def _gold(self) -> str:
        return self.rows.columns.gold or "gold"

    def _prompt(self, tag: str, row: Row) -> str:
        template = self.prompts.get(tag) or self.prompts.get(UNDETERMINED)
        if template is None:
            raise InputError(
                f"{self.name}: expected a prompt in {tag}, came {', '.join(self.prompts)}; add "
                f"one, or one for `{UNDETERMINED}`"
            )
        return _COLUMN.sub(lambda column: text_cell(row, column[1]), template).strip()


def _language(source: RowSource, row: SourceRow) -> str:
    if fixed := row.language or source.language:
        return fixed
    return text_cell(row.row, *filter(None, [source.columns.language, "language", "lang"]))
