"""One chat template for generation, SFT, DPO and online training: the same tokens of a row in each.

Generation renders in `models/local/template.py`, TRL by the tokenizer's `apply_chat_template`. Both
are compared on a row of each language and of each form (the roles of its turns), and checked for
faults that spoil a training.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.records import Message
from isoglot.models.local.template import eos_ids, load_tokenizer, render_chat, render_turns
from isoglot.models.local.weights import load_config
from isoglot.train.examples import SIDES
from isoglot.train.policy import Policy
from isoglot.train.thoughts import thought_key


def load_training_tokenizer(policy: Policy) -> Any:
    """Load the policy's tokenizer; it pads with its eos token where it has no pad token.

    Padding is masked by position, so the eos token at the end of a completion is still trained on.

    Raises:
        InputError: no chat template, or no eos token.
    """
    tokenizer = load_tokenizer(policy.path, policy.arguments, policy.template)
    if tokenizer.chat_template is None:
        raise InputError(
            f"expected a tokenizer with a chat template, got none in {policy.path}; start from "
            f"the instruction-tuned model, or give policy.chat_template a file"
        )
    if tokenizer.eos_token is None:
        raise InputError(
            f"expected a tokenizer with an eos token, got none in {policy.path}; set eos_token "
            f"in its tokenizer_config.json"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


class RenderedRow(NamedTuple):
    """A row as the model reads it, decoded, with special tokens."""

    language: str
    parts: Mapping[str, str]
    """`prompt`, and `completion` or `chosen` and `rejected` where the row has them; or `text`."""


def check_template(
    tokenizer: Any, ends: Sequence[int], rows: Iterable[Mapping[str, Any]]
) -> list[RenderedRow]:
    """Render each row, and check it; `ends` are the ids that end a completion.

    A row with the key `row`, its number, is named by it.

    Raises:
        InputError: a template that writes a prompt in training otherwise than in generation, loses
            or doubles something, or does not end a completion as generation does.
    """
    rendered = []
    for row in rows:
        with _naming(row):
            _check_turns(tokenizer, row)
            rendered.append(_rendered_row(tokenizer, ends, row))
    return rendered


def check_turns(tokenizer: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Raise InputError for a row whose turns the template refuses, or of which it loses one."""
    for row in rows:
        with _naming(row):
            _check_turns(tokenizer, row)


@contextmanager
def _naming(row: Mapping[str, Any]) -> Iterator[None]:
    """Name the row in an InputError."""
    try:
        yield
    except InputError as error:
        number = f"row {row['row']}, " if "row" in row else ""
        raise InputError(f"chat template, {number}language {row['language']}: {error}") from error


def _check_turns(tokenizer: Any, row: Mapping[str, Any]) -> None:
    """Check a row with a text of its own in each turn: a real one may stand in another, too."""
    if "text" in row:
        return
    sides = [row[side] for side in SIDES if side in row]
    for answer in sides or [[]]:
        turns = [*row["prompt"], *answer]
        marked = [{**turn, "content": f"<turn {i}>"} for i, turn in enumerate(turns)]
        text = render_turns(tokenizer, marked) if answer else render_chat(tokenizer, marked)
        lost = [turn["role"] for turn in marked if turn["content"] not in text]
        if lost:
            raise InputError(
                f"expected every turn of {', '.join(turn['role'] for turn in turns)} in the text, "
                f"got one that loses the turn of {lost[0]!r}; mend the template, or leave the turn "
                "out"
            )


def end_ids(policy: Policy, tokenizer: Any) -> list[int]:
    """Return the ids at which generation stops, without loading the model."""
    from transformers import GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(policy.path, **policy.arguments)
    except OSError:  # then transformers makes it from the model's own
        config = load_config(policy.path, policy.arguments).get_text_config()
    return eos_ids(config.eos_token_id, tokenizer.eos_token_id)


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise InputError(f"expected {what}")


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return tokenizer.decode(
        list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
    )


def _rendered_row(tokenizer: Any, ends: Sequence[int], row: Mapping[str, Any]) -> RenderedRow:
    if "text" in row:  # for language modelling, which has no template
        text = _decoded(tokenizer, row_ids(tokenizer, row))
        return RenderedRow(row["language"], {"text": text})
    prompt = list(row["prompt"])
    text = render_chat(tokenizer, prompt)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    trained = _ids(tokenizer, prompt, add_generation_prompt=True)
    _expect(
        ids == trained,
        f"the same prompt in generation and training, got {_decoded(tokenizer, ids)!r} and "
        f"{_decoded(tokenizer, trained)!r}; mend it",
    )
    bos = tokenizer.bos_token_id
    _expect(
        bos is None or ids[:2] != [bos, bos],
        f"one {tokenizer.bos_token} before the prompt, got two; take it out of the template",
    )
    for message in prompt:
        _expect(
            message["content"].strip() in text,
            f"the text of every turn in the prompt, got one that changes that of "
            f"{message['role']!r}; mend the template",
        )
    answers = {
        side: _rendered_answer(tokenizer, ends, ids, [*prompt, *row[side]])
        for side in SIDES
        if side in row
    }
    return RenderedRow(row["language"], {"prompt": _decoded(tokenizer, ids), **answers})


def _rendered_answer(
    tokenizer: Any, ends: Sequence[int], ids: Sequence[int], turns: Sequence[Message]
) -> str:
    """Render the last of the turns, after those of the prompt, whose tokens are `ids`."""
    whole = _ids(tokenizer, turns)
    _expect(
        list(whole[: len(ids)]) == list(ids),
        f"the same prompt with and without its answer, got {_decoded(tokenizer, ids)!r} in "
        f"generation and {_decoded(tokenizer, whole)!r} in training; mend the template",
    )
    found, answer = whole[len(ids) :], turns[-1]["content"]
    text = _decoded(tokenizer, found)
    _expect(
        answer.strip() in text,
        f"the answer {answer!r:.40} after the prompt, got {text!r}, which loses it; mend the "
        "template",
    )
    thought = turns[-1].get(thought_key(tokenizer.chat_template) or "") or ""
    _expect(
        thought.strip() in text,
        f"the thought {thought!r:.40} before the answer, got {text!r}, which loses it; mend the "
        "template, or set train.thoughts: left_out",
    )
    last = max((place for place, token in enumerate(found) if token in ends), default=-1)
    _expect(
        last >= 0 and not _decoded(tokenizer, found[last + 1 :]).strip(),
        f"an answer that ends in a token at which generation stops, "
        f"{', '.join(tokenizer.convert_ids_to_tokens(list(ends)))}, got "
        f"{_decoded(tokenizer, found[-8:])!r}; add its id to eos_token_id of "
        "generation_config.json, or mend the template",
    )
    return text


def row_ids(tokenizer: Any, row: Mapping[str, Any]) -> list[int]:
    """Tokenize a row as training reads it: its text, or its prompt with the first of its answers,
    if it has one."""
    if "text" in row:
        return tokenizer(row["text"] + tokenizer.eos_token)["input_ids"]
    side = next((side for side in SIDES if side in row), None)
    if side is None:
        return _ids(tokenizer, row["prompt"], add_generation_prompt=True)
    return _ids(tokenizer, [*row["prompt"], *row[side]])


def _ids(tokenizer: Any, messages: Sequence[Message], **how: bool) -> list[int]:
    """Tokenize the turns as TRL does."""
    render_turns(tokenizer, messages, **how)  # which ends, whatever the template does
    turns = [dict(message) for message in messages]
    rendered = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **how)
    return list(rendered["input_ids"])
