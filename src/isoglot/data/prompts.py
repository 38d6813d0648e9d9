"""First stage of the line: the user's files become prompts, and each round takes whole families."""

import gzip
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from glob import glob
from hashlib import file_digest
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import Message, Prompt, content_id
from isoglot.core.section import Section

Row = Mapping[str, Any]


class PromptColumns(Section):
    """Which column of the user's file holds what."""

    prompt: str = "prompt"
    """Text of one user turn, or a list of `{role, content}` that ends with the user's."""
    language: str | None = None
    """BCP-47 tag of the prompt; leave out where `language` of the section holds for all rows."""
    answer_language: str | None = None
    """BCP-47 tag that the answer is asked in; left out, the prompt's language."""
    gold: str | None = None
    """The verifiable answer."""
    input: str | None = None
    """Text that the prompt works on: it follows after a blank line, where there is any."""
    completion: str | None = None
    """The answer of the set itself, for the sampler of kind `source`; an empty one is none."""
    messages: str | None = None
    """A conversation of `{role, content}`, in place of the other three: where its last turn is the
    assistant's, that is the completion, and what stands before it the prompt."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        others = {"prompt", "input", "completion"} & self.model_fields_set
        if self.messages and any(getattr(self, name) for name in others):
            raise InputError(
                f"expected `messages`, or columns of the parts, came both (`{min(others)}`); "
                "leave one out"
            )
        return self

    @property
    def has_completions(self) -> bool:
        """Whether the source has answers of its own."""
        return bool(self.completion or self.messages)


class PromptFileConfig(Section):
    """Prompts that the user has: JSONL, JSONL.gz or Parquet, one row for each prompt.

    A column inside another is named with dots: `instances.0.output`.
    """

    kind: Literal["file"] = "file"
    path: str
    """A file, or a glob of files that are read in the order of their names."""
    columns: PromptColumns = PromptColumns()
    language: str | None = None
    """The language of every prompt, in place of a language column."""
    family: tuple[str, ...] = ()
    """Columns that are equal in all languages of one prompt; left out, each text is its own."""
    id: tuple[str, ...] = ()
    """Columns that tell prompts apart, for completions from files; left out, language and text."""
    where: Mapping[str, tuple[str | int, ...]] = Field(default_factory=dict)
    """Keep only the rows whose column has one of these values."""

    @model_validator(mode="after")
    def _one_language(self) -> Self:
        if (self.language is None) == (self.columns.language is None):
            came = "neither" if self.language is None else "both"
            raise InputError(
                f"expected `language` (for all rows) or `columns.language`, came {came}; give one"
            )
        return self


def read_prompts(config: PromptFileConfig) -> list[Prompt]:
    """All prompts of the files, in the order of the rows; a row that repeats another is read once,
    and of several completions of one prompt the first is kept.

    Raises InputError, naming file and row, for whatever does not make a prompt.
    """
    prompts: dict[tuple[str, str], Prompt] = {}
    for place, row in rows_of_files(config.path):
        if not all(
            str(_cell(row, column, place)) in map(str, allowed)
            for column, allowed in config.where.items()
        ):
            continue
        try:
            prompt = _prompt(row, config, place)
        except ValueError as error:
            raise InputError(str(error) if place in str(error) else f"{place}: {error}") from error
        known = prompts.setdefault((prompt.family, prompt.prompt_id), prompt)
        if replace(known, source=prompt.source, completion=prompt.completion) != prompt:
            raise InputError(
                f"{place}: expected one row for each prompt of a family, came a second with the "
                "same id and other content; add the columns that tell them apart to `id`"
            )
    if not prompts:
        raise InputError(
            f"{config.path}: expected at least one prompt, came none; "
            f"check `where` {dict(config.where)}"
        )
    return list(prompts.values())


def prompts_revision(config: PromptFileConfig) -> str:
    """What identifies the content of the files; InputError where there are none."""
    digests = []
    for name in _files(config.path):
        with Path(name).open("rb") as file:
            digests.append(file_digest(file, "sha256").hexdigest())
    return content_id(*digests)


def select_families(
    prompts: Sequence[Prompt],
    *,
    languages: Sequence[str],
    num_families: int,
    seed: int,
    skip: int = 0,
    parallel: bool = True,
) -> list[Prompt]:
    """The prompts in `languages` of `num_families` whole families, whatever the order of rows.

    The seed shuffles the families; `skip` passes over those that earlier rounds took. Raises
    InputError where too few are left or, with `parallel`, where any family lacks a language.
    """
    tags = [language(tag).tag for tag in languages]
    rank = {tag: index for index, tag in enumerate(tags)}
    families: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        if prompt.language in rank:
            families[prompt.family].append(prompt)
    if parallel:
        # All families, not only the chosen ones: a gap shows in the first round, not in the third.
        _check_parallel(families, tags)
    if len(families) < skip + num_families:
        raise InputError(
            f"expected at least {skip + num_families} families in {', '.join(tags)} ({skip} were "
            f"taken by earlier rounds), came {len(families)}; ask for fewer, or add prompts"
        )
    shuffled = sorted(families, key=lambda family: (content_id(str(seed), family), family))
    return [
        prompt
        for family in shuffled[skip : skip + num_families]
        for prompt in sorted(families[family], key=lambda p: (rank[p.language], p.prompt_id))
    ]


def _check_parallel(families: Mapping[str, Sequence[Prompt]], tags: Sequence[str]) -> None:
    for family in sorted(families):
        present = {prompt.language for prompt in families[family]}
        for tag in tags:
            if tag not in present:
                start = families[family][0].text[:40]
                raise InputError(
                    f"family {family} ({start!r}) has no prompt in {tag!r}: expected one in each "
                    f"of {', '.join(tags)}; add the row, check the `family` columns, or leave "
                    f"out {tag!r}"
                )


def _prompt(row: Row, config: PromptFileConfig, place: str) -> Prompt:
    columns = config.columns
    tag = language(config.language or str(_cell(row, columns.language or "", place))).tag
    answer_tag = tag
    if columns.answer_language:
        answer_tag = language(str(_cell(row, columns.answer_language, place))).tag
    gold = _cell(row, columns.gold, place) if columns.gold else None
    messages, completion = _asked(row, columns, place)
    text_id = content_id(tag, *(message["content"] for message in messages))
    return Prompt(
        family=_id_of(row, config.family, place) or text_id,
        prompt_id=_id_of(row, config.id, place) or text_id,
        language=tag,
        prompt=messages,
        answer_language=answer_tag,
        gold=None if gold is None else str(gold),
        source=Path(place.rsplit(", row ", 1)[0]).name,
        completion=completion,
    )


def _asked(row: Row, columns: PromptColumns, place: str) -> tuple[tuple[Message, ...], str | None]:
    """The turns of the prompt, and what the source answers."""
    if columns.messages:
        turns = _cell(row, columns.messages, place)
        is_list = isinstance(turns, list) and turns and isinstance(turns[-1], dict)
        answer = turns[-1].get("content") if is_list else None
        if is_list and turns[-1].get("role") == "assistant" and isinstance(answer, str):
            return messages_of(turns[:-1], columns.messages), answer.strip() or None
        return messages_of(turns, columns.messages), None
    messages = messages_of(_cell(row, columns.prompt, place), columns.prompt)
    if columns.input and (given := _text(row, columns.input, place)):
        *before, last = messages
        messages = (*before, {**last, "content": f"{last['content']}\n\n{given}"})
    return messages, _text(row, columns.completion, place) if columns.completion else None


def _text(row: Row, column: str, place: str) -> str | None:
    """What a cell says; None where it is empty."""
    cell = _cell(row, column, place)
    if cell is not None and not isinstance(cell, str):
        raise InputError(
            f"{place}: expected text in column {column!r}, came {cell!r:.60}; name the column that "
            "holds it"
        )
    return (cell or "").strip() or None


def _id_of(row: Row, columns: Sequence[str], place: str) -> str:
    return content_id(*(str(_cell(row, column, place)) for column in columns)) if columns else ""


def messages_of(cell: object, column: str) -> tuple[Message, ...]:
    """Raises InputError for a cell that is neither text nor a conversation, or asks nothing."""
    messages = [{"role": "user", "content": cell}] if isinstance(cell, str) else cell
    if not isinstance(messages, list) or not all(
        isinstance(m, dict) and isinstance(m.get("role"), str) and isinstance(m.get("content"), str)
        for m in messages
    ):
        raise InputError(
            f"expected text or a list of {{role, content}} in column {column!r}, "
            f"came {cell!r:.60}; set `columns.prompt` to the column that holds the prompt, or "
            "`columns.messages` to a whole conversation"
        )
    if not messages or messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
        raise InputError(
            f"empty prompt: expected a user turn with text at the end of column {column!r}, came "
            f"{cell!r:.60}; mend the row, or leave it out with `where`"
        )
    return tuple({"role": m["role"], "content": m["content"]} for m in messages)


def _cell(row: Row, column: str, place: str) -> Any:
    if column in row:
        return row[column]
    cell: Any = row
    for part in column.split("."):
        if isinstance(cell, dict) and part in cell:
            cell = cell[part]
        elif isinstance(cell, list) and part.isdecimal() and int(part) < len(cell):
            cell = cell[int(part)]
        else:
            raise InputError(
                f"{place}: expected a column {column!r}, came {', '.join(map(str, row))}; "
                "name the right one in the recipe"
            )
    return cell


def rows_of_files(path: str) -> Iterator[tuple[str, Row]]:
    """Each row with its place, `file, row 1`, for messages."""
    for file in _files(path):
        if file.endswith(".parquet"):
            rows = _parquet_rows(file)
        elif file.endswith((".jsonl", ".jsonl.gz")):
            rows = _jsonl_rows(file)
        else:
            raise InputError(
                f"{file}: expected .jsonl, .jsonl.gz or .parquet, came "
                f"{Path(file).suffix or 'no suffix'}; convert or rename it"
            )
        num = 0
        try:
            for num, row in enumerate(rows, start=1):
                if not isinstance(row, dict):
                    raise InputError(f"expected an object of columns, came {row!r:.60}")
                yield f"{file}, row {num}", row
        except (OSError, EOFError, zlib.error, ValueError) as error:
            if str(error).startswith(file):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"{file}: expected a readable file, came an error after row {num} ({reason}); "
                "fetch or write it again"
            ) from error


def _files(path: str) -> list[str]:
    files = sorted(glob(str(Path(path).expanduser()), recursive=True))
    if not files:
        raise InputError(f"{path}: expected a file or a glob of files, came nothing; check `path`")
    return files


def _jsonl_rows(file: str) -> Iterator[Any]:
    opener = gzip.open if file.endswith(".gz") else open
    with opener(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _parquet_rows(file: str) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as table:
        for batch in table.iter_batches():
            yield from batch.to_pylist()
