"""Prompts of the user's files, and the whole families that each round takes of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256
from isoglot.core.languages import language
from isoglot.core.records import Message, Prompt, content_id
from isoglot.core.rows import Row, errors_at, find_files, prompt_messages, read_rows_of_files
from isoglot.core.section import Section


class PromptColumns(Section):
    """Columns of the user's files."""

    prompt: str = "prompt"
    """Text of one user turn, or a list of `{role, content}` that ends with the user's."""
    language: str | None = None
    """BCP-47 tag of the prompt; leave out where `language` of the section holds for all rows."""
    answer_language: str | None = None
    """BCP-47 tag of the language that the answer must have; left out, the prompt's."""
    gold: str | None = None
    """The verifiable answer."""
    input: str | None = None
    """Text that the prompt is about: it follows the prompt after a blank line, unless empty."""
    completion: str | None = None
    """Completion of the file itself, for the sampler of kind `source`; an empty one is none."""
    messages: str | None = None
    """A conversation of `{role, content}`, in place of the other three: if its last turn is the
    assistant's, that is the completion, and the turns before it are the prompt."""

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
        """True if the file has completions of its own."""
        return bool(self.completion or self.messages)


class PromptFileConfig(Section):
    """Files of prompts: JSONL, JSON, CSV, TSV or Parquet, one row for each prompt.

    A column inside another is named with dots: `instances.0.output`.
    """

    kind: Literal["file"] = "file"
    path: str
    """A file, or a glob of files, which are read in the order of their names."""
    columns: PromptColumns = PromptColumns()
    language: str | None = None
    """Language of every prompt, in place of a language column."""
    family: tuple[str, ...] = ()
    """Columns that are equal in all languages of a prompt; left out, each text is a family."""
    id: tuple[str, ...] = ()
    """Columns that identify a prompt, for completions from files; left out, language and text."""
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
    """Read all prompts of the files, in the order of the rows.

    Equal rows make one prompt, and of several completions of a prompt the first is kept.

    Raises:
        InputError: a row that makes no prompt; names file and row.
    """
    prompts: dict[tuple[str, str], Prompt] = {}
    for place, row in read_rows_of_files(config.path):
        with errors_at(place):
            wanted = config.where.items()
            if not all(str(_cell(row, column)) in map(str, some) for column, some in wanted):
                continue
            prompt = _prompt(row, config, place.file.name)
            known = prompts.setdefault((prompt.family, prompt.prompt_id), prompt)
            if replace(known, source=prompt.source, completion=prompt.completion) != prompt:
                raise InputError(
                    "expected one row for each prompt of a family, came a second with the same id "
                    "and other content; add the columns that tell them apart to `id`"
                )
    if not prompts:
        raise InputError(
            f"{config.path}: expected at least one prompt, came none; "
            f"check `where` {dict(config.where)}"
        )
    return list(prompts.values())


def prompts_revision(config: PromptFileConfig) -> str:
    """Return a hash of the content of the files; raises InputError where there are none."""
    return content_id(*map(file_sha256, find_files(config.path)))


def select_families(
    prompts: Sequence[Prompt],
    *,
    languages: Sequence[str],
    num_families: int,
    seed: int,
    skip: int = 0,
    parallel: bool = True,
) -> list[Prompt]:
    """Return the prompts in `languages` of `num_families` whole families, whatever their order.

    The seed shuffles the families; `skip` leaves out those of earlier rounds.

    Raises:
        InputError: too few families or, with `parallel`, a family that lacks a language.
    """
    tags = [language(tag).tag for tag in languages]
    rank = {tag: index for index, tag in enumerate(tags)}
    families: dict[str, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        if prompt.language in rank:
            families[prompt.family].append(prompt)
    # All families, not only the selected ones: a gap shows in the first round, not the third.
    for family in sorted(families) if parallel else ():
        present = {prompt.language for prompt in families[family]}
        if missing := [tag for tag in tags if tag not in present]:
            raise InputError(
                f"family {family} ({families[family][0].text[:40]!r}) has no prompt in "
                f"{missing[0]!r}: expected one in each of {', '.join(tags)}; add the row, check "
                f"the `family` columns, or leave out {missing[0]!r}"
            )
    if len(families) < skip + num_families:
        raise InputError(
            f"expected at least {skip + num_families} families in {', '.join(tags)} ({skip} were "
            f"taken by earlier rounds), came {len(families)}; take fewer, or add prompts"
        )
    shuffled = sorted(families, key=lambda family: (content_id(str(seed), family), family))
    return [
        prompt
        for family in shuffled[skip : skip + num_families]
        for prompt in sorted(families[family], key=lambda p: (rank[p.language], p.prompt_id))
    ]


def _prompt(row: Row, config: PromptFileConfig, source: str) -> Prompt:
    columns = config.columns
    tag = language(config.language or str(_cell(row, columns.language or ""))).tag
    answer = str(_cell(row, columns.answer_language)) if columns.answer_language else tag
    gold = _cell(row, columns.gold) if columns.gold else None
    messages, completion = _turns(row, columns)
    text_id = content_id(tag, *(message["content"] for message in messages))
    return Prompt(
        family=_id_of(row, config.family) or text_id,
        prompt_id=_id_of(row, config.id) or text_id,
        language=tag,
        prompt=messages,
        answer_language=language(answer).tag,
        gold=None if gold in (None, "") else str(gold),
        source=source,
        completion=completion,
    )


def _turns(row: Row, columns: PromptColumns) -> tuple[tuple[Message, ...], str | None]:
    """Return the turns of the prompt, and the completion of the file."""
    if columns.messages:
        turns = _cell(row, columns.messages)
        is_list = isinstance(turns, list) and turns and isinstance(turns[-1], dict)
        answer = turns[-1].get("content") if is_list else None
        if is_list and turns[-1].get("role") == "assistant" and isinstance(answer, str):
            return prompt_messages(turns[:-1], columns.messages), answer.strip() or None
        return prompt_messages(turns, columns.messages), None
    messages = prompt_messages(_cell(row, columns.prompt), columns.prompt)
    if columns.input and (given := _text(row, columns.input)):
        *before, last = messages
        messages = (*before, {**last, "content": f"{last['content']}\n\n{given}"})
    return messages, _text(row, columns.completion) if columns.completion else None


def _text(row: Row, column: str) -> str | None:
    """Return the text of a cell; None where it is empty."""
    cell = _cell(row, column)
    if cell is not None and not isinstance(cell, str):
        raise InputError(
            f"expected text in column {column!r}, came {cell!r:.60}; name the column that holds it"
        )
    return (cell or "").strip() or None


def _id_of(row: Row, columns: Sequence[str]) -> str:
    return content_id(*(str(_cell(row, column)) for column in columns)) if columns else ""


def _cell(row: Row, column: str) -> Any:
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
                f"expected a column {column!r}, came {', '.join(map(str, row))}; "
                "name the right one in the recipe"
            )
    return cell
