"""Demonstrations in files of the user, in TRL's forms: JSONL, JSON or Parquet."""

from collections.abc import Iterator
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import Demonstration, content_id
from isoglot.core.rows import Row, errors_at, prompt_messages, read_rows_of_files
from isoglot.core.text import without_thinking


def read_demonstrations(path: str, tag: str | None = None) -> Iterator[Demonstration]:
    """Read the rows of a file or a glob of files, one after another.

    A row has `messages` that end with the assistant's answer, or `prompt` and `completion`, each a
    text or turns. `language` is a column or, for all rows, `tag`; `answer_language`, `family`,
    `model` and `source` are read where they are. The thinking of an answer is left out.

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
    turns, prompt_column, column = _turns(row)
    prompt, last = prompt_messages(turns[:-1], prompt_column), turns[-1]
    is_turn = isinstance(last, dict) and last.get("role") == "assistant"
    content = last.get("content") if is_turn else None
    text = without_thinking(content) if isinstance(content, str) else None
    if not text or not text.strip():
        raise InputError(
            f"expected the assistant's answer at the end of column {column!r}, after the thinking "
            f"if there is any, came {last!r:.60}; mend the row or leave it out"
        )
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


def _turns(row: Row) -> tuple[list[Any], str, str]:
    """Return all turns, and the columns of the prompt and of the completion."""
    if (turns := row.get("messages")) is not None:
        if not isinstance(turns, list) or len(turns) < 2:
            raise InputError(
                f"expected a prompt and an answer in column 'messages', came {turns!r:.60}; mend "
                f"the row or leave it out"
            )
        return turns, "messages", "messages"
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
    return [*sides[0], *sides[1]], "prompt", "completion"
