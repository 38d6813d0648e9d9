"""Forms of users' rows: the parts of an example, whatever the columns of a set are called.

TRL's forms (language modelling, prompt-only, prompt-completion, preference, unpaired preference,
each of texts or of turns), Alpaca's columns, ShareGPT's turns, and the dialogues of HH-RLHF are
recognised, row by row, by the columns that have a value. Columns that a recipe names are taken as
named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple, Self

from pydantic import model_validator

from isoglot.core.cells import cell_text
from isoglot.core.errors import InputError, RefusedRow
from isoglot.core.records import Message
from isoglot.core.rows import Row
from isoglot.core.section import Section
from isoglot.core.thinking import split_thinking
from isoglot.core.turns import dialogue, prompt_messages, turns_of


class RowColumns(Section):
    """Columns of the user's rows, by the part of an example that they hold.

    Without any of the parts of the text, their usual names are recognised (`isoglot inspect`). A
    column inside another is named with dots: `instances.0.output`. A conversation is a list of
    `{role, content}` or ShareGPT's `{from, value}`, whose content is text or a list of text parts.
    """

    prompt: str | None = None
    """Text of one user turn, or a conversation that ends with the user's."""
    input: str | None = None
    """Text that the prompt is about: it follows the prompt after a blank line, unless empty."""
    system: str | None = None
    """Text of a system turn before the prompt, unless empty."""
    completion: str | None = None
    """The answer: the completion of the sampler `source`, and what is trained on; an empty one is
    none."""
    messages: str | None = None
    """A conversation, in place of `prompt`, `input` and `completion`: if its last turn is the
    assistant's, that is the completion, and the turns before it are the prompt."""
    chosen: str | None = None
    """The better answer, alone or after the turns of the prompt."""
    rejected: str | None = None
    """The worse answer, likewise."""
    text: str | None = None
    """A text without a prompt, for language modelling."""
    label: str | None = None
    """True for a completion to learn from, false for one to avoid."""
    language: str | None = None
    """BCP-47 tag of the prompt; leave out where `language` of the section holds for all rows."""
    answer_language: str | None = None
    """BCP-47 tag of the language that the answer must have; left out, the prompt's."""
    gold: str | None = None
    """The verifiable answer."""

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
    def names_the_text(self) -> bool:
        """True if columns of the text are named; else they are recognised."""
        return any(getattr(self, part) for part in _PARTS_OF_TEXT)

    @property
    def may_have_completions(self) -> bool:
        """True unless the named columns leave completions out."""
        return bool(self.completion or self.messages or not self.names_the_text)

    @property
    def used(self) -> tuple[str, ...]:
        """The named columns, of nested ones the outer."""
        names = self.model_dump(exclude_none=True).values()
        return tuple(dict.fromkeys(name.split(".")[0] for name in names))


@dataclass(frozen=True, slots=True)
class RowParts:
    """The parts of an example that one row holds; None for a part that it has not."""

    form: str
    """The name of its form, such as `preference, conversational`."""
    columns: RowColumns
    """The columns that the parts were read from."""
    prompt: tuple[Message, ...] = ()
    """Turns that end with the user's; none for `text` alone."""
    completion: str | None = None
    completion_thought: str | None = None
    """The thought before the completion, as its marks tell."""
    chosen: str | None = None
    chosen_thought: str | None = None
    rejected: str | None = None
    rejected_thought: str | None = None
    text: str | None = None
    label: bool | None = None
    language: str | None = None
    """The language of the prompt, as the row writes it."""
    answer_language: str | None = None
    gold: str | None = None

    @property
    def content(self) -> str:
        """The text to identify the language by: the last user turn, or the text alone."""
        return self.prompt[-1]["content"] if self.prompt else self.text or ""


_USUAL: Mapping[str, tuple[str, ...]] = {
    "chosen": ("chosen", "chosen_response"),
    "rejected": ("rejected", "rejected_response"),
    "messages": ("messages", "conversations", "conversation"),
    "prompt": ("prompt", "instruction", "question", "query", "inputs", "turns.0"),
    "input": ("input", "context", "instances.0.input"),
    "system": ("system", "system_prompt"),
    "completion": (
        *("completion", "output", "response", "answer", "targets", "target"),
        "instances.0.output",
    ),
    "text": ("text",),
    "label": ("label",),
    "language": ("language_code", "lang_code", "language", "lang", "locale"),
    "answer_language": ("answer_language",),
    "gold": ("gold",),
}
"""The usual names of the columns of each part, the first before the others."""

_MISSING = object()
_PARTS_OF_TEXT = (
    *("prompt", "input", "system", "completion", "messages", "chosen", "rejected", "text"),
    "label",
)


def column_value(row: Row, column: str) -> Any:
    """Return the value of a column, which may be inside another (`instances.0.output`).

    Raises:
        RefusedRow: the row has no such column.
    """
    found = _find(row, column)
    if found is _MISSING:
        raise RefusedRow(
            f"expected a column {column!r}, came {', '.join(map(str, row))}; "
            "name the right one in the recipe",
            f"no column {column}",
        )
    return found


def _find(row: Row, column: str) -> Any:
    if column in row or "." not in column:
        return row.get(column, _MISSING)
    found: Any = row
    for part in column.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return _MISSING
    return found


def read_parts(row: Row, given: RowColumns) -> RowParts:
    """Read the parts of an example from a row, by the columns given or by their usual names.

    Raises:
        RefusedRow: the row is of no known form, or a part of it is not what it has to be.
    """
    columns = _with_facts(row, _columns_of_text(row, given))
    facts: dict[str, Any] = {
        name: _fact(row, getattr(columns, name)) for name in ("language", "answer_language", "gold")
    }
    if columns.chosen or columns.rejected:
        return _preference(row, columns, facts)
    if columns.text and not columns.prompt:
        text = column_text(row, columns.text)
        if text is None:
            raise RefusedRow(f"expected text in column {columns.text!r}, came none", "empty text")
        return RowParts("language modelling", columns, text=text, **facts)
    return _with_answer(row, columns, facts)


def column_text(row: Row, column: str) -> str | None:
    """Return the text of a cell without the blanks around it; None where it is empty."""
    value = column_value(row, column)
    if value is not None and not isinstance(value, str):
        raise RefusedRow(
            f"expected text in column {column!r}, came {value!r:.60}; name the column "
            "that holds it",
            "not text",
        )
    return (value or "").strip() or None


def _columns_of_text(row: Row, given: RowColumns) -> RowColumns:
    """Return the columns given, or those recognised if none of the text is given."""
    if not given.names_the_text:
        return _recognised(row, given)
    if given.prompt or given.messages or given.chosen or given.rejected or given.text:
        return given
    return given.model_copy(update={"prompt": "prompt"})


def _recognised(row: Row, given: RowColumns) -> RowColumns:
    """Find the columns of the text by their usual names, of those that have a value."""
    found = {part: _usual_column(row, part) for part in _PARTS_OF_TEXT}
    if found["label"] and not isinstance(column_value(row, found["label"]), bool):
        found["label"] = None
    if found["chosen"] and found["rejected"]:
        unused = {"completion", "label", "text", *(["messages"] if found["prompt"] else [])}
    elif found["messages"]:
        unused = {"prompt", "input", "completion", "text", "chosen", "rejected"}
    elif found["prompt"] or (found["input"] and found["completion"]):
        unused = {"text", "chosen", "rejected"}
        if not found["prompt"]:
            found["prompt"], found["input"] = found["input"], None
        if not found["completion"]:
            unused |= {"label"}
    elif found["text"]:
        unused = set(_PARTS_OF_TEXT) - {"text"}
    else:
        raise RefusedRow(
            "expected the columns of a known form, such as prompt and completion, messages, or "
            f"prompt, chosen and rejected, came {', '.join(map(str, row)) or 'none'}; name those "
            "that hold the text in `columns`",
            "columns not understood",
        )
    kept = {part: name for part, name in found.items() if name and part not in unused}
    return given.model_copy(update=kept)


def _with_facts(row: Row, columns: RowColumns) -> RowColumns:
    """Find the columns beside the text that are not named, by their usual names."""
    found = {
        part: _usual_column(row, part)
        for part in ("language", "answer_language", "gold")
        if getattr(columns, part) is None
    }
    return columns.model_copy(update={part: name for part, name in found.items() if name})


def _usual_column(row: Row, part: str) -> str | None:
    return next((name for name in _USUAL[part] if _find(row, name) not in (None, _MISSING)), None)


def _fact(row: Row, column: str | None) -> str | None:
    value = column_value(row, column) if column else None
    return None if value in (None, "") else cell_text(value, column or "")


def _label(row: Row, column: str) -> bool:
    value = column_value(row, column)
    if value not in (True, False):
        raise RefusedRow(
            f"expected true or false in column {column!r}, came {value!r:.60}; name another column",
            "no label",
        )
    return bool(value)


def _with_context(
    row: Row, columns: RowColumns, prompt: tuple[Message, ...]
) -> tuple[Message, ...]:
    """Add the input to the last turn, and a system turn before the first."""
    if columns.input and (given := column_text(row, columns.input)):
        *before, last = prompt
        prompt = (*before, {**last, "content": f"{last['content']}\n\n{given}"})
    if columns.system and (system := column_text(row, columns.system)):
        prompt = ({"role": "system", "content": system}, *prompt)
    return prompt


def answer_text(row: Row, column: str) -> str:
    """Return an answer as the model wrote it: a text, or a conversation of one turn."""
    value = column_value(row, column)
    if value is None or isinstance(value, str):
        return column_text(row, column) or ""
    if isinstance(value, list | Mapping):
        turns = turns_of(value, column)
        if len(turns) == 1 and turns[0]["role"] == "assistant":
            return turns[0]["content"]
    raise RefusedRow(
        f"expected text in column {column!r}, or one turn of the assistant, came {value!r:.60}; "
        "name the column that holds the answer",
        "not an answer",
    )


class _Answer(NamedTuple):
    """An answer without blanks around it, and the thought before it; None where there is none."""

    text: str | None = None
    thought: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        thought, answer = split_thinking(text)
        return cls((answer or "").strip() or None, thought or None)


def _split(turns: tuple[Message, ...], column: str) -> tuple[tuple[Message, ...], _Answer]:
    """Split a conversation into its prompt and the last answer."""
    if turns and turns[-1]["role"] == "assistant":
        return prompt_messages(list(turns[:-1]), column), _Answer.of(turns[-1]["content"])
    return prompt_messages(list(turns), column), _Answer()


def _with_answer(row: Row, columns: RowColumns, facts: Mapping[str, Any]) -> RowParts:
    """Read a prompt with its answer, if it has one, from a conversation or from columns."""
    answer = _Answer()
    if columns.messages:
        turns = turns_of(column_value(row, columns.messages), columns.messages)
        prompt, answer = _split(turns, columns.messages)
        is_conversation = True
    else:
        assert columns.prompt is not None
        value = column_value(row, columns.prompt)
        prompt, is_conversation = prompt_messages(value, columns.prompt), not isinstance(value, str)
    prompt = _with_context(row, columns, prompt)
    if columns.completion:
        answer = _Answer.of(answer_text(row, columns.completion))
    label = _label(row, columns.label) if columns.label else None
    name = "prompt-only" if answer.text is None else "prompt-completion"
    form = _form_name(name if label is None else "unpaired preference", columns, is_conversation)
    return RowParts(form, columns, prompt, answer.text, answer.thought, label=label, **facts)


def _preference(row: Row, columns: RowColumns, facts: Mapping[str, Any]) -> RowParts:
    if not (columns.chosen and columns.rejected):
        raise RefusedRow(
            "expected columns of both answers, came one of `chosen` and `rejected`; name the other",
            "one answer only",
        )
    names = columns.chosen, columns.rejected
    (chosen, chosen_thought), (rejected, rejected_thought) = (
        _side(column_value(row, name), name) for name in names
    )
    if chosen == rejected:
        raise RefusedRow(
            f"expected two different answers, came {chosen[-1]['content']!r:.60} twice; leave the "
            "row out",
            "chosen equals rejected",
        )
    same = takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))
    num_common = len(list(same))
    column = columns.prompt or columns.messages
    shared: tuple[Message, ...] = chosen[:num_common]
    if shared:
        prompt = prompt_messages(list(shared), columns.chosen)
    elif column:
        prompt = prompt_messages(column_value(row, column), column)
    else:
        raise RefusedRow(
            f"expected a column `prompt` beside {names[0]!r} and {names[1]!r}, or conversations in "
            f"these, came {', '.join(map(str, row))}; name it",
            "no prompt",
        )
    answers = [
        _last_answer(turns[num_common:], name)
        for turns, name in zip((chosen, rejected), names, strict=True)
    ]
    is_conversation = not isinstance(column_value(row, column or names[0]), str) or len(chosen) > 1
    return RowParts(
        _form_name("preference", columns, is_conversation),
        columns,
        prompt if shared else _with_context(row, columns, prompt),
        chosen=answers[0],
        chosen_thought=chosen_thought,
        rejected=answers[1],
        rejected_thought=rejected_thought,
        **facts,
    )


def _side(value: object, column: str) -> tuple[tuple[Message, ...], str | None]:
    """Return the turns of a chosen or rejected answer (a text, a turn, turns, or a dialogue), and
    the thought of its last turn, which is without it."""
    turns: tuple[Message, ...]
    if isinstance(value, str):
        turns = tuple(dialogue(value)) or ({"role": "assistant", "content": value},)
    else:
        turns = turns_of(value, column)
    if not turns or turns[-1]["role"] != "assistant":
        return turns, None
    answer = _Answer.of(turns[-1]["content"])
    return (*turns[:-1], {**turns[-1], "content": answer.text or ""}), answer.thought


def _last_answer(turns: Sequence[Message], column: str) -> str:
    if len(turns) != 1 or turns[0]["role"] != "assistant" or not turns[0]["content"].strip():
        roles = ", ".join(turn["role"] for turn in turns) or "nothing"
        raise RefusedRow(
            f"expected one answer of the assistant in column {column!r} after what both sides have "
            f"in common, came turns of {roles}; leave the row out",
            "empty answer" if len(turns) < 2 else "several different turns",
        )
    return turns[0]["content"].strip()


def _form_name(name: str, columns: RowColumns, is_conversation: bool) -> str:
    """Name a form as TRL does, and the set that made its columns known."""
    dialect = {"instruction": "Alpaca"}.get(columns.prompt or "")
    dialect = "ShareGPT" if columns.messages and columns.messages != "messages" else dialect
    kind = "conversational" if is_conversation else ""
    return ", ".join(filter(None, (name, kind, dialect)))
