"""The request that a judge reads.

The prompt and the completions under judgement are untrusted: they appear between tags that carry a
hash of all of them, which none of them can contain.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.protocols import Sampler
from isoglot.core.records import Message, Prompt, content_id


def require_fields(template: str, *names: str) -> str:
    """Return the template; raise InputError if it lacks a field."""
    if missing := [f"{{{name}}}" for name in names if f"{{{name}}}" not in template]:
        raise InputError(
            f"expected {', '.join(missing)} in the template, got {template[:60]!r}; "
            "add what is missing"
        )
    return template


def conversation_of(prompt: Prompt) -> str:
    """Return a single user turn as it is, several turns with the role before each."""
    if len(prompt.prompt) == 1:
        return prompt.prompt[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in prompt.prompt)


def tagged(texts: Mapping[str, str]) -> list[str]:
    """Put each text between tags with its name and a number that no text contains."""
    mark = content_id(*texts, *texts.values())
    while any(mark in text for text in texts.values()):
        mark = content_id(mark)
    return [f"<{name} {mark}>\n{text}\n</{name} {mark}>" for name, text in texts.items()]


def judge_request(prompt: Prompt, template: str, blocks: Mapping[str, str], form: str) -> Prompt:
    """Fill in the template, add the form of the reply, and return it as a prompt of one turn."""
    fields = {**blocks, "language": language(prompt.answer_language).english_name}
    # In one pass, so that braces in a completion stay as they are.
    pattern = "|".join(fields)
    request = re.sub(rf"\{{({pattern})\}}", lambda field: fields[field[1]], template) + form
    message: Message = {"role": "user", "content": request}
    prompt_id = content_id(prompt.answer_language, request)
    return replace(prompt, family=prompt_id, prompt_id=prompt_id, prompt=(message,), gold=None)


def cost_usd_of(sampler: Sampler) -> float | None:
    """Return the cost of the sampler's completions so far; None if it does not count."""
    usage = getattr(sampler, "usage", None)
    return cast(float | None, getattr(usage, "cost_usd", None))
