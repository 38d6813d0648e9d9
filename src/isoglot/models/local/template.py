"""How messages become the text and the tokens of a model: the one place for every engine's prompt.

Training goes through the same tokenizer, and TRL through its chat template; `train/template.py`
proves that they agree.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Message, Prompt


def load_tokenizer(path: str, hub: Mapping[str, str], chat_template: str | None = None) -> Any:
    """A checkpoint's tokenizer, with the template of a file where the recipe names one.

    Raises InputError where that file is not there or no template.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path, **hub)
    if chat_template is not None:
        tokenizer.chat_template = read_template(chat_template)
    return tokenizer


def read_template(path: str) -> str:
    """A chat template in Jinja; raises InputError where the file holds none."""
    try:
        text = Path(path).expanduser().read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"expected a file with a chat template at {path}, got none ({error}); correct "
            f"policy.chat_template"
        ) from error
    if "messages" not in text:
        raise InputError(
            f"expected a Jinja template over `messages` in {path}, got {text!r:.40}; correct "
            f"policy.chat_template"
        )
    return text


def rendered(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The text that a model reads before it answers; an assistant's last turn stays open.

    Raises InputError where the template refuses the turns, as some do a system message.
    """
    from jinja2 import TemplateError

    primed = messages[-1]["role"] == "assistant"
    try:
        return tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tokenize=False,
            add_generation_prompt=not primed,
            continue_final_message=primed,
        )
    except TemplateError as error:
        raise InputError(refused(messages, error)) from error


def refused(messages: Sequence[Message], error: Exception) -> str:
    """What a user is told when a chat template refuses the turns of a row."""
    return (
        f"expected a chat template that takes turns of "
        f"{', '.join(message['role'] for message in messages)}, got: {error}; leave the turn out "
        f"(`system` of a recipe), or give policy.chat_template another file"
    )


def opens_thinking(text: str) -> bool:
    """Whether a rendered prompt leaves the model in the middle of its thinking."""
    return text.rstrip().endswith("<think>")


def eos_ids(*sources: int | list[int] | None) -> list[int]:
    """The ids that end an answer, each once, of a model and of its tokenizer."""
    ids = [
        i for ids in sources if ids is not None for i in (ids if isinstance(ids, list) else [ids])
    ]
    return list(dict.fromkeys(ids))


def plain(prompt: Prompt) -> str:
    """The turns as bare text; worked examples stand before the question, a blank line between.

    A question alone stands as it is, so that what a benchmark continues is continued.
    """
    messages = list(prompt.prompt)
    roles = [message["role"] for message in messages]
    if len(roles) % 2 == 0:  # the beginning of an answer, which the model continues
        roles.append("user")
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise InputError(
            f"prompt {prompt.prompt_id}: expected turns of user and assistant in turn for format: "
            f"plain, got turns of {', '.join(message['role'] for message in messages)}; set "
            f"format: chat, or write the turns into one text"
        )
    texts = [message["content"] for message in messages]
    if len(texts) <= 2:
        return "".join(texts)
    worked = [
        f"{question}\n{answer}"
        for question, answer in zip(texts[:-2:2], texts[1:-1:2], strict=True)
    ]
    last = texts[-1] if len(texts) % 2 else texts[-2] + "\n" + texts[-1]
    return "\n\n".join([*worked, last + ("\n" if len(texts) % 2 else "")])
