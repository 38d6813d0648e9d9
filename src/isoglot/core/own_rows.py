"""Users' rows as prompts, demonstrations or preferences: one reading of every source and form.

source ─▶ rows ─▶ parts of an example (`core/forms.py`) ─▶ Prompt, Demonstration or Preference
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from isoglot.core.cells import cell_id, is_missing
from isoglot.core.errors import InputError, RefusedRow
from isoglot.core.forms import RowParts, column_value, read_parts
from isoglot.core.languages import language_of
from isoglot.core.records import Demonstration, Preference, Prompt, content_id
from isoglot.core.row_sources import RowsConfig, RowSource, SourceRow, source_rows
from isoglot.core.rows import Place, Row, errors_at

_Record = TypeVar("_Record")


class Identified(NamedTuple):
    """Languages of the rows that name none."""

    tags: Mapping[Place, str]
    """BCP-47; an unsure row has the commonest one."""
    counts: Mapping[str, int]
    """Number of rows in each language, without those that are unsure."""
    unsure: Set[Place]


NOT_IDENTIFIED = Identified({}, {}, frozenset())


@dataclass(frozen=True, slots=True)
class OwnRow:
    """A row of the user's, understood."""

    place: Place
    row: Row
    parts: RowParts
    language: str
    """BCP-47 tag of the prompt."""
    answer_language: str
    family: str
    """Empty where no column names it."""
    row_id: str
    """Empty where no column names it."""


@dataclass
class RowTally:
    """Counts of the rows of a source, and what became of them."""

    num_rows: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    """Number of rows of each form."""
    languages: Counter[str] = field(default_factory=Counter)
    """Number of rows in each language of the prompt."""
    used: dict[str, str] = field(default_factory=dict)
    """Columns that were read, and the part that each holds."""
    columns: dict[str, None] = field(default_factory=dict)
    """All columns, in the order in which they came."""
    refused: Counter[str] = field(default_factory=Counter)
    """Number of rows that made no example, by reason."""
    first_refused: dict[str, str] = field(default_factory=dict)
    """The message of the first row of each reason."""

    @property
    def unused(self) -> list[str]:
        """Columns that no part was read from."""
        return [name for name in self.columns if name not in self.used]

    def take(self, own: OwnRow) -> None:
        """Count a row that made an example."""
        self.forms[own.parts.form] += 1
        self.languages[own.language] += 1
        for part, name in own.parts.columns.model_dump(exclude_none=True).items():
            self.used.setdefault(name.split(".")[0], part)

    def refuse(self, error: RefusedRow) -> None:
        """Count a row that made none."""
        self.refused[error.reason] += 1
        self.first_refused.setdefault(error.reason, str(error))


def describe_rows(forms: Mapping[str, int], refused: Mapping[str, int]) -> str:
    """Say in one line of which forms the rows were, and which were left out."""
    read = "; ".join(f"{num:,} rows as {form}" for form, num in forms.items()) or "no rows"
    reasons = ", ".join(f"{reason} {num:,}" for reason, num in refused.items())
    return f"read {read}" + (f"; left out {sum(refused.values()):,}: {reasons}" if reasons else "")


def read_own_rows(
    source: RowSource,
    make: Callable[[OwnRow], _Record],
    tally: RowTally | None = None,
    identified: Identified = NOT_IDENTIFIED,
) -> Iterator[_Record]:
    """Read the records that `make` makes of the rows of a source; count them in `tally`.

    Raises:
        InputError: a row that makes no record, unless the source skips such rows; names its place.
    """
    tally = RowTally() if tally is None else tally
    for each in source_rows(source):
        try:
            with errors_at(each.place):
                if not _is_wanted(each.row, source):
                    continue
                tally.num_rows += 1
                tally.columns |= dict.fromkeys(each.row)
                own = _understood(each, source, identified)
                record = make(own)
        except RefusedRow as error:
            if not source.skip_refused:
                hint = "`isoglot inspect` counts such rows, and `skip_refused` leaves them out"
                raise RefusedRow(f"{error} ({hint})", error.reason) from error
            tally.refuse(error)
            continue
        tally.take(own)
        yield record


def languages_of_rows(
    source: RowSource, identify: Callable[[Sequence[str]], Sequence[str | None]]
) -> Identified:
    """Identify the language of each row that names none, by its prompt."""
    places, texts = [], []
    for each in source_rows(source) if source.language is None else ():
        try:
            parts = read_parts(each.row, source.columns)
        except RefusedRow:
            continue
        if each.language is None and parts.language is None:
            places.append(each.place)
            texts.append(parts.content)
    if not texts:
        return NOT_IDENTIFIED
    tags = identify(texts)
    counts = Counter(tag for tag in tags if tag)
    common = counts.most_common(1)[0][0] if counts else None
    found = {place: tag or common for place, tag in zip(places, tags, strict=True)}
    unsure = frozenset(place for place, tag in zip(places, tags, strict=True) if not tag)
    return Identified({k: tag for k, tag in found.items() if tag}, counts, unsure)


def prompt_of(own: OwnRow) -> Prompt:
    """Make a prompt; its answer is that of the source, if there is one.

    Raises:
        RefusedRow: the row has no prompt.
    """
    parts = own.parts
    messages = parts.prompt or ({"role": "user", "content": parts.text or ""},)
    text_id = content_id(own.language, *(message["content"] for message in messages))
    return Prompt(
        family=own.family or text_id,
        prompt_id=own.row_id or text_id,
        language=own.language,
        prompt=messages,
        answer_language=own.answer_language,
        gold=parts.gold,
        source=own.place.file.name,
        completion=parts.completion or parts.chosen,
    )


def demonstration_of(own: OwnRow) -> Demonstration:
    """Make a demonstration, of a preference with the chosen side.

    Raises:
        RefusedRow: the row has no answer, or one that is labelled as bad.
    """
    parts = own.parts
    if parts.label is False:
        raise RefusedRow(
            "expected an answer to learn from, came one that is labelled false; leave it out",
            "labelled false",
        )
    text = parts.completion or parts.chosen or parts.text
    if not text:
        column = parts.columns.completion or parts.columns.messages or parts.columns.chosen
        where = f"at the end of column {column!r}" if column else "in a column such as completion"
        raise RefusedRow(
            f"expected the assistant's answer {where}, after the thinking if there is any, came "
            f"none in a row of the form {parts.form}; mend the row or leave it out",
            "no answer",
        )
    prompt_id = _prompt_id(own)
    return Demonstration(
        messages=(*parts.prompt, {"role": "assistant", "content": text}),
        family=own.family or prompt_id,
        prompt_id=prompt_id,
        language=own.language,
        answer_language=own.answer_language,
        model=str(own.row.get("model") or ""),
        source=str(own.row.get("source") or own.place.file.name),
        thought=parts.completion_thought if parts.completion else parts.chosen_thought,
    )


def preference_of(own: OwnRow) -> Preference:
    """Make a preference.

    Raises:
        RefusedRow: the row has no chosen and rejected answer.
    """
    parts = own.parts
    if parts.chosen is None or parts.rejected is None:
        raise RefusedRow(
            f"expected columns prompt, chosen and rejected, came {', '.join(map(str, own.row))}, a "
            f"row of the form {parts.form}; name the columns",
            "no chosen and rejected answer",
        )
    prompt_id = _prompt_id(own)
    pair = Preference.of_texts(
        parts.prompt,
        parts.chosen,
        parts.rejected,
        family=own.family or prompt_id,
        prompt_id=prompt_id,
        language=own.language,
        answer_language=own.answer_language,
        pair_type=own.place.file.name,
    )
    chosen, rejected = parts.chosen_thought, parts.rejected_thought
    return replace(pair, chosen_thought=chosen, rejected_thought=rejected)


def _prompt_id(own: OwnRow) -> str:
    texts = (turn["content"] for turn in own.parts.prompt)
    return content_id(own.language, own.answer_language, *texts, own.parts.text or "")


def _is_wanted(row: Row, source: RowsConfig) -> bool:
    wanted = source.where.items()
    return all(str(column_value(row, column)) in map(str, some) for column, some in wanted)


def _understood(each: SourceRow, source: RowsConfig, identified: Identified) -> OwnRow:
    parts = read_parts(each.row, source.columns)
    code = source.language or each.language or parts.language or identified.tags.get(each.place)
    if code is None:
        raise InputError(
            f"expected a column `language`, came {', '.join(map(str, each.row))}; add it, name it "
            "in `columns.language`, or give the `language` of all rows"
        )
    tag, answer = _tag(code), parts.answer_language
    family = _id_of(each.row, source.family) or _own_family(each.row)
    return OwnRow(
        each.place,
        each.row,
        parts,
        tag,
        _tag(answer) if answer else tag,
        family,
        _id_of(each.row, source.id),
    )


def _tag(code: str) -> str:
    try:
        return language_of(code).tag
    except InputError as error:
        raise RefusedRow(str(error), f"unknown language {code!r:.20}") from error


def _id_of(row: Row, columns: Sequence[str]) -> str:
    ids = [cell_id(column_value(row, column), column) for column in columns]
    return content_id(*ids) if ids else ""


def _own_family(row: Row) -> str:
    given = row.get("family")
    return "" if is_missing(given) or given == "" else cell_id(given, "family")
