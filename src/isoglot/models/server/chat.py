"""Chat completions: the reply of a server, read from its body."""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from isoglot.core.endings import read_ending
from isoglot.core.records import FinishReason
from isoglot.core.text import whole_characters
from isoglot.core.thinking import ThoughtMarks, split_thinking, thought_of_message
from isoglot.models.server.http import NoReply

_ENDINGS = ("finish_reason", "finishReason", "stop_reason", "done_reason")
"""The key of the finish reason, in the choice or the body: of OpenAI, Google, Anthropic, Ollama."""


class ChatReply(NamedTuple):
    """A chat completion; the answer cache holds its fields by name."""

    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    top: list[tuple[str, float]] | None
    """The most likely first tokens with their log-probabilities, best first; None if absent."""
    ended: str = ""
    """The word of the server for the end of the answer; empty if it has none."""
    thought: str = ""
    """The thought before the answer; empty where the server does not tell it."""


def read_chat(answer: bytes, marks: ThoughtMarks = "auto") -> ChatReply:
    """Parse a body; raise NoReply if it does not follow the API."""
    try:
        body = json.loads(answer)
        choice = body["choices"][0]
        message = choice["message"]
        content, thought = _text(message.get("content")), thought_of_message(message)
        reported = (part.get(key) for part in (choice, body) for key in _ENDINGS)
        ending = read_ending(next(filter(None, reported), None))
        usage = body.get("usage") or {}
        num_read, num_written = map(_count, map(usage.get, ("prompt_tokens", "completion_tokens")))
        top = _top(choice.get("logprobs"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NoReply("nonsense", again=True) from None
    reply = ChatReply(content, ending.reason, num_read, num_written, top, ending.word)
    return _without_thought(reply, whole_characters(thought or ""), marks)


def cached_reply(known: Mapping[str, Any]) -> ChatReply:
    """Return a reply from the cache; an older one kept thoughts that are known by now."""
    reply = ChatReply(**known)
    return reply if "thought" in known else _without_thought(reply)


def _without_thought(
    reply: ChatReply, thought: str = "", marks: ThoughtMarks = "auto"
) -> ChatReply:
    """Split the thought from the text, unless the server did; one that never ends is cut off."""
    found = split_thinking(reply.text, marks=marks)
    if found.answer is None or (thought and not found.answer):
        reply = reply._replace(finish_reason=FinishReason.LENGTH)
    return reply._replace(text=found.answer or "", thought=thought or found.thought)


def _text(content: Any) -> str:
    """Return the text of a message, without parts that hold thinking."""
    if content is None:
        return ""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    if not isinstance(content, str):
        raise TypeError
    return whole_characters(content)  # half of one is the end of a cut-off emoji


def _top(logprobs: Any) -> list[tuple[str, float]] | None:
    if not logprobs or not logprobs.get("content"):
        return None
    first = logprobs["content"][0]
    tokens = [(top["token"], float(top["logprob"])) for top in first.get("top_logprobs") or [first]]
    known = [(_text(token), min(value, 0.0)) for token, value in tokens if math.isfinite(value)]
    return sorted(known, key=lambda top: -top[1]) or None


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None
