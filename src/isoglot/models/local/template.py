"""Chat templates: from messages to the text of a prompt, the same for every local engine.

Training uses the same tokenizer, and TRL its chat template; `train/template.py` checks that they
agree.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from isoglot.core.day import CLOCK, day
from isoglot.core.errors import InputError
from isoglot.core.files import read_file_text
from isoglot.core.records import Message, Prompt
from isoglot.core.verbosity import tell
from isoglot.models.local.bounds import MAX_CHARACTERS, bounded, check_template_text
from isoglot.models.local.checkpoint import reading_checkpoint

_END_OF_DAY = "{% endmacro %}{{ '' }}"
"""The end of that function where it is our own; a new line after it counts."""


def load_tokenizer(path: str, hub: Mapping[str, str], chat_template: str | None = None) -> Any:
    """Load a checkpoint's tokenizer, with the chat template that is given, if one is."""
    from transformers import AutoTokenizer

    with reading_checkpoint(path):
        tokenizer = AutoTokenizer.from_pretrained(path, **hub)
    if chat_template is not None:
        tokenizer.chat_template = read_template(chat_template)
    if isinstance(tokenizer.chat_template, str):
        check_template_text(tokenizer.chat_template)
    if writes_date(tokenizer):
        tokenizer.chat_template = _on_day(tokenizer.chat_template, day())
        _tell_day(path, day())
    return tokenizer


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Save a tokenizer with its own chat template, which writes the date of its use."""
    kept = tokenizer.chat_template
    if writes_date(tokenizer):
        tokenizer.chat_template = kept.rpartition(_END_OF_DAY)[2]
    tokenizer.save_pretrained(folder)
    tokenizer.chat_template = kept


def writes_date(tokenizer: Any) -> bool:
    """True if the chat template reads the clock."""
    return CLOCK in (tokenizer.chat_template or "")


def _on_day(template: str, kept: date) -> str:
    """Return a template whose clock stands at the beginning of a day.

    Its function is defined before it, as a macro that replaces the directives which the template
    has; transformers takes no function from its caller.
    """
    start = datetime.combine(kept, time())
    found = dict.fromkeys(re.findall("%[-_^#0]?[A-Za-z]", template))
    values = {"%%": "\0", **{each: start.strftime(each) for each in found}, "\0": "%"}
    steps = "".join(f" | replace({json.dumps(k)}, {json.dumps(v)})" for k, v in values.items())
    return f"{{% macro {CLOCK}(format) %}}{{{{ format{steps} }}}}{_END_OF_DAY}{template}"


@cache
def _tell_day(path: str, kept: date) -> None:
    """Tell the day of a template, once."""
    name = Path(path).name
    tell(f"the chat template of {name} writes the date: {kept} in every prompt, also if resumed")


def read_template(path: str) -> str:
    """Read a chat template in Jinja from a file, or return one that is given itself.

    Raises InputError if there is none.
    """
    if "{%" in path:
        return path
    try:
        text = read_file_text(Path(path).expanduser())
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


def render_chat(tokenizer: Any, messages: Sequence[Message]) -> str:
    """Return the text that a model reads before it answers; an assistant's last turn stays open.

    Raises InputError if the template refuses the turns, as some do a system message.
    """
    primed = messages[-1]["role"] == "assistant"
    return render_turns(
        tokenizer, messages, add_generation_prompt=not primed, continue_final_message=primed
    )


def render_turns(tokenizer: Any, messages: Sequence[Message], **how: bool) -> str:
    """Apply the chat template; raise InputError if it refuses the turns, fails or does not end."""
    turns = [dict(message) for message in messages]
    try:
        with bounded():
            text: str = tokenizer.apply_chat_template(turns, tokenize=False, **how)
    except InputError:
        raise
    except Exception as error:  # the template is a program of somebody else, and may raise any
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(
            f"expected a chat template that takes turns of "
            f"{', '.join(message['role'] for message in messages)}, got {said}; leave the turn "
            f"out (`system` of a recipe), or give policy.chat_template another file"
        ) from error
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"expected a chat template that writes a prompt, got {len(text):,} characters; give "
            "policy.chat_template another file"
        )
    return text


def eos_ids(*sources: int | list[int] | None) -> list[int]:
    """Merge the EOS ids of a model and of its tokenizer, without duplicates.

    Raises InputError for what is no whole number.
    """
    lists = [ids if isinstance(ids, list) else [ids] for ids in sources if ids is not None]
    found = list(dict.fromkeys(chain.from_iterable(lists)))
    if odd := [each for each in found if not isinstance(each, int)]:
        raise InputError(
            f"expected whole numbers as eos_token_id, got {odd[0]!r:.40}; mend it in "
            "generation_config.json or config.json"
        )
    return found


def render_plain(prompt: Prompt) -> str:
    """Return the turns as bare text, worked examples first, with blank lines between them.

    A single turn stays as it is, so that the model continues the text of a benchmark.
    """
    messages = list(prompt.prompt)
    roles = [message["role"] for message in messages]
    if len(roles) % 2 == 0:  # the beginning of an answer, which the model continues
        roles.append("user")
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise InputError(
            f"prompt {prompt.prompt_id}: expected alternating turns of user and assistant for "
            f"format: plain, got turns of {', '.join(message['role'] for message in messages)}; "
            f"set format: chat, or write the turns into one text"
        )
    texts = [message["content"] for message in messages]
    if len(texts) <= 2:
        return "".join(texts)
    examples = [
        f"{user}\n{assistant}" for user, assistant in zip(texts[:-2:2], texts[1:-1:2], strict=True)
    ]
    last = texts[-1] + "\n" if len(texts) % 2 else texts[-2] + "\n" + texts[-1]
    return "\n\n".join([*examples, last])
