"""Turns of a conversation in a cell of a user's row, as different projects write them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from isoglot.core.errors import RefusedRow
from isoglot.core.records import Message

_ROLES = {
    **dict.fromkeys(("human", "user", "prompter"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "assistant", "model", "bot"), "assistant"),
    "system": "system",
}
"""The roles of ShareGPT's turns."""


def prompt_messages(value: object, column: str) -> tuple[Message, ...]:
    """Return the turns of a prompt; a text is one user turn.

    Raises:
        RefusedRow: a cell that is neither text nor turns, or does not end with a user's text.
    """
    turns = [{"role": "user", "content": value}] if isinstance(value, str) else value
    messages = turns_of(turns, column)
    if not messages or messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
        raise RefusedRow(
            f"empty prompt: expected a user turn with text at the end of column {column!r}, came "
            f"{value!r:.60}; mend the row or leave it out",
            "empty prompt",
        )
    return messages


def turns_of(value: object, column: str) -> tuple[Message, ...]:
    """Return the turns of a conversation: of `{role, content}` or `{from, value}`, or one alone.

    Raises:
        RefusedRow: the cell holds no turns.
    """
    turns = _listed(value) if isinstance(value, Mapping) else value
    if not isinstance(turns, list):
        raise _no_turns(value, column)
    return tuple(_turn(turn, value, column) for turn in turns)


def _listed(value: Mapping[str, object]) -> object:
    """Return one turn as a list of it, and columns of all turns (`datasets` before 4) as turns."""
    columns = [name for name, cell in value.items() if isinstance(cell, list)]
    if not {"role", "from"} & set(columns):
        return [value]
    rows = zip(*(cast(list[object], value[name]) for name in columns), strict=False)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def dialogue(text: str) -> Iterator[Message]:
    """Split a text of HH-RLHF: turns begin with `Human:` or `Assistant:` after a blank line."""
    if not text.startswith("\n\nHuman:"):
        return
    for part in text.split("\n\nHuman:")[1:]:
        prompt, *answers = part.split("\n\nAssistant:")
        yield {"role": "user", "content": prompt.strip()}
        yield from ({"role": "assistant", "content": answer.strip()} for answer in answers)


def _turn(turn: object, value: object, column: str) -> Message:
    if not isinstance(turn, Mapping):
        raise _no_turns(value, column)
    role, content = turn.get("role"), turn.get("content")
    if role is None and "from" in turn:
        role, content = _ROLES.get(str(turn["from"])), turn.get("value")
        if role is None:
            raise RefusedRow(
                f"expected turns of {', '.join(_ROLES)} in column {column!r}, came one of "
                f"{turn['from']!r:.40}; leave the row out",
                "a turn of a tool or another role",
            )
    if isinstance(content, list):
        content = _parts_text(content, column)
    if not isinstance(role, str) or not isinstance(content, str):
        raise _no_turns(value, column)
    return {"role": role, "content": content}


def _parts_text(parts: Sequence[object], column: str) -> str:
    """Join the content parts `{type: text, text: …}` of a turn."""
    texts = []
    for part in parts:
        text = part.get("text") if isinstance(part, Mapping) else part
        kind = part.get("type", "text") if isinstance(part, Mapping) else "text"
        if not isinstance(text, str) or kind != "text":
            raise RefusedRow(
                f"expected parts of text in column {column!r}, came one of type {kind!r:.40}; "
                "leave the row out",
                "content that is not text",
            )
        texts.append(text)
    return "".join(texts)


def _no_turns(value: object, column: str) -> RefusedRow:
    return RefusedRow(
        f"expected text or a list of {{role, content}} in column {column!r}, came {value!r:.60}; "
        "name the columns that hold the prompt and the answer (`columns.prompt`, "
        "`columns.completion`), or a whole conversation (`columns.messages`)",
        "neither text nor turns",
    )
