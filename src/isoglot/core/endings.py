"""The end of an answer, in the words of the server, library or file that reports it."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from isoglot.core.records import FinishReason

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_NAME = re.compile(r"^(finish|stop|done)_(reason|type)_")
_UNREPORTED = {"", "none", "null", "nan", "unspecified", "unknown", "undefined"}
_FAILED = re.compile(
    r"(^|_)(error|fail|abort|cancel|interrupt|overload|insufficient|rate|load|unload|malformed"
    r"|tool|function|call|pause|filter|content_filter|guardrail|safety|block|prohibit|refus|recit"
    r"|spii|toxic|language|other|image|no_image|policy|moderat|sensitive|flagged)"
)
_CUT_OFF = re.compile(
    r"(^|_)(length|max|limit|truncat|cut|context|window|budget|time|timeout|incomplete|unfinished"
    r"|not_finished|not_complete|repetition)"
)
_FINISHED = re.compile(
    r"(^|_)(stop|stopped|eos|eot|eom|end|ended|endoftext|done|complete|completed|finish|finished"
    r"|success|succeeded|normal|natural|ok)(_|$)"
)


class Ending(NamedTuple):
    """The end of an answer, and the word that it was reported by."""

    reason: FinishReason
    word: str
    """In lower case with underscores; empty if none was reported."""
    is_known: bool
    """False for a word whose meaning is a guess."""


def read_ending(reported: object) -> Ending:
    """Read a finish reason by the stems of its words, in the spelling of any API.

    What names a fault (`content_filter`, `SAFETY`, `tool_use`, `abort`) is an error, what names a
    limit (`max_tokens`, `MAX_TOKENS`, `model_length`, `context_window_exceeded`) is cut off. Every
    other answer is finished: servers leave the reason out, or have a word of their own
    (`end_turn`, `COMPLETE`, `stop_sequence`).

    Example:
        >>> read_ending("MAX_TOKENS").reason.value
        'length'
    """
    if isinstance(reported, Mapping):  # SGLang: {"type": "stop", "matched": 2}
        reported = reported.get("type")
    spelt = _HUMP.sub("_", reported) if isinstance(reported, str) else str(reported or "")
    word = _NAME.sub("", _NOT_WORD.sub("_", spelt.lower()).strip("_"))
    if word in _UNREPORTED:
        return Ending(FinishReason.STOP, "", is_known=True)
    for stems, reason in ((_FAILED, FinishReason.ERROR), (_CUT_OFF, FinishReason.LENGTH)):
        if stems.search(word):
            return Ending(reason, word, is_known=True)
    return Ending(FinishReason.STOP, word, is_known=bool(_FINISHED.search(word)))
