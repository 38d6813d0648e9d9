"""Demonstrations that the user has: JSONL, JSON or Parquet in TRL's forms, as records."""

from collections.abc import Iterator
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import Demonstration, content_id
from isoglot.core.rows import Row, errors_at, prompt_messages, read_rows_of_files
from isoglot.core.text import without_thinking


def read_demonstrations(path: str, tag: str | None = None) -> Iterator[Demonstration]:
    """The rows of a file or a glob of files, one after another.

    `messages` that end with the assistant's answer, or `prompt` and `completion`, each a text or
    turns. `language` is a column or, for all rows, `tag`; `answer_language`, `family`, `model` and
    `source` are read where they are. The thinking of an answer is left out.

    Raises:
        InputError: a row that is no demonstration; names file, row and column.
    """
    for place, row in read_rows_of_files(path):
        with errors_at(place):
            found = _demonstration(row, tag, place.file.name)
        yield found


def _demonstration(row: Row, tag: str | None, source: str) -> Demonstration:
    if tag is None and row.get("language") is None:
        raise InputError(
            f"expected a column 'language', came {', '.join(map(str, row))}; add it, or give "
            f"--language for all rows"
        )
    own = language(tag or str(row["language"])).tag
    answer_tag = language(str(row.get("answer_language") or own)).tag
    column, turns = _turns(row)
    prompt, answer = prompt_messages(turns[:-1], column), turns[-1]
    text = _answer(answer, column)
    prompt_id = content_id(own, answer_tag, *(turn["content"] for turn in prompt))
    return Demonstration(
        messages=(*prompt, {"role": "assistant", "content": text}),
        family=str(row.get("family") or prompt_id),
        prompt_id=prompt_id,
        language=own,
        answer_language=answer_tag,
        model=str(row.get("model") or ""),
        source=str(row.get("source") or source),
    )


def _turns(row: Row) -> tuple[str, list[Any]]:
    """The column of the turns, and all of them."""
    if row.get("messages") is not None:
        turns = row["messages"]
        if not isinstance(turns, list) or len(turns) < 2:
            raise InputError(
                f"expected a prompt and an answer in column 'messages', came {turns!r:.60}; mend "
                f"the row or leave it out"
            )
        return "messages", turns
    if lacking := [name for name in ("prompt", "completion") if row.get(name) is None]:
        raise InputError(
            f"expected a column 'messages', or 'prompt' and 'completion', came "
            f"{', '.join(map(str, row))}: {lacking[0]!r} is missing; rename or add it"
        )
    sides = [
        [{"role": role, "content": row[name]}] if isinstance(row[name], str) else row[name]
        for name, role in (("prompt", "user"), ("completion", "assistant"))
    ]
    if not all(isinstance(side, list) for side in sides) or len(sides[1]) != 1:
        raise InputError(
            f"expected text or turns in columns 'prompt' and 'completion', one in the second, came "
            f"{row['completion']!r:.60}; mend the row or leave it out"
        )
    return "prompt", [*sides[0], *sides[1]]


def _answer(turn: Any, column: str) -> str:
    column = "completion" if column == "prompt" else column
    is_turn = isinstance(turn, dict) and turn.get("role") == "assistant"
    text = turn.get("content") if is_turn else None
    if not isinstance(text, str) or not text.strip():
        raise InputError(
            f"expected the assistant's answer at the end of column {column!r}, came "
            f"{turn!r:.60}; mend the row or leave it out"
        )
    answer = without_thinking(text)
    if not answer:
        raise InputError(
            f"expected an answer after the thinking at the end of column {column!r}, came "
            f"{text!r:.60}; mend the row or leave it out"
        )
    return answer
