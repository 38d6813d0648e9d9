"""One chat template for generation, SFT, DPO and RLOO: what a row becomes, and that it is the same.

Generation renders in `models/local/template.py`, TRL by the tokenizer's `apply_chat_template`. Both
are made here for one row of each language, compared, and checked for faults that spoil a training.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from isoglot.core.errors import InputError
from isoglot.core.records import Message
from isoglot.models.local.template import eos_ids, refused, rendered
from isoglot.train.common import Policy

_SIDES = ("completion", "chosen", "rejected")


class Shown(NamedTuple):
    """What a model reads of one row, decoded, special tokens and all."""

    language: str
    parts: Mapping[str, str]
    """`prompt`, and `completion` or `chosen` and `rejected` where the row has them."""


def check_template(
    tokenizer: Any, ends: Sequence[int], rows: Iterable[Mapping[str, Any]]
) -> list[Shown]:
    """What each row becomes; `ends` are the ids that end an answer.

    Raises InputError for a template that writes a prompt otherwise when it is trained on than when
    it is answered, loses or doubles something, or does not end an answer as generation does.
    """
    return [_shown(tokenizer, ends, row) for row in rows]


def ends_of(policy: Policy, tokenizer: Any) -> list[int]:
    """The ids at which generation stops, without loading the model."""
    from transformers import AutoConfig, GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(policy.path, **policy.arguments)
    except OSError:  # transformers makes it from the model's own then
        config = AutoConfig.from_pretrained(policy.path, **policy.arguments).get_text_config()
    return eos_ids(config.eos_token_id, tokenizer.eos_token_id)


def _shown(tokenizer: Any, ends: Sequence[int], row: Mapping[str, Any]) -> Shown:
    where, prompt = f"chat template, language {row['language']}", list(row["prompt"])
    text = rendered(tokenizer, prompt)
    asked = tokenizer(text, add_special_tokens=False)["input_ids"]
    trained = _ids(tokenizer, prompt, add_generation_prompt=True)
    if asked != trained:
        raise InputError(
            f"{where}: expected the same prompt in generation and training, got "
            f"{_decoded(tokenizer, asked)!r} and {_decoded(tokenizer, trained)!r}; mend it"
        )
    bos = tokenizer.bos_token_id
    if bos is not None and asked[:2] == [bos, bos]:
        raise InputError(
            f"{where}: expected one {tokenizer.bos_token} before the prompt, got two; take it out "
            f"of the template"
        )
    for message in prompt:
        if message["content"].strip() not in text:
            raise InputError(
                f"{where}: expected every turn in the prompt, got one that loses the turn of "
                f"{message['role']!r}; mend the template, or leave the turn out"
            )
    parts = {"prompt": _decoded(tokenizer, asked)}
    for side in (side for side in _SIDES if side in row):
        whole = _ids(tokenizer, [*prompt, *row[side]])
        _check_answer(tokenizer, ends, asked, whole, row[side][-1]["content"], where)
        parts[side] = _decoded(tokenizer, whole[len(asked) :])
    return Shown(row["language"], parts)


def _check_answer(
    tokenizer: Any,
    ends: Sequence[int],
    asked: Sequence[int],
    whole: Sequence[int],
    answer: str,
    where: str,
) -> None:
    if list(whole[: len(asked)]) != list(asked):
        raise InputError(
            f"{where}: expected the prompt as it stands before its answer, got "
            f"{_decoded(tokenizer, asked)!r} to answer and {_decoded(tokenizer, whole)!r} to learn "
            f"from; mend the template"
        )
    found = whole[len(asked) :]
    if answer.strip() not in _decoded(tokenizer, found):
        raise InputError(
            f"{where}: expected the answer {answer!r:.40} after the prompt, got "
            f"{_decoded(tokenizer, found)!r}, which loses it; mend the template"
        )
    last = max((place for place, token in enumerate(found) if token in ends), default=-1)
    if last < 0 or _decoded(tokenizer, found[last + 1 :]).strip():
        names = ", ".join(tokenizer.convert_ids_to_tokens(list(ends)))
        raise InputError(
            f"{where}: expected an answer that ends in a token at which generation stops, "
            f"{names}, got {_decoded(tokenizer, found[-8:])!r}; add its id to eos_token_id of "
            f"generation_config.json, or mend the template"
        )


def _ids(tokenizer: Any, messages: Sequence[Message], **how: bool) -> list[int]:
    """As TRL makes them."""
    from jinja2 import TemplateError

    turns = [dict(message) for message in messages]
    try:
        return tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, **how)[
            "input_ids"
        ]
    except TemplateError as error:
        raise InputError(refused(messages, error)) from error


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return tokenizer.decode(
        list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
