"""The thought and the answer in what a reasoning model writes, in the marks of any model."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from isoglot.core.errors import InputError

ThoughtFamily = Literal["auto", "qwen", "deepseek", "magistral", "command-a", "gpt-oss"]

ThoughtMarks = ThoughtFamily | tuple[str, str]
"""The marks around a thought: of any model (`auto`), of one family, or a pair of one's own."""

_PAIRS: Mapping[str, tuple[str, str]] = {
    "qwen": ("<think>", "</think>"),
    "deepseek": ("<think>", "</think>"),
    "magistral": ("[THINK]", "[/THINK]"),
    "command-a": ("<|START_THINKING|>", "<|END_THINKING|>"),
}

_CLOSES = {
    "<|inner_prefix|>": "<|inner_suffix|>",
    "<|channel>thought": "<channel|>",
    "<unused94>": "<unused95>",
    "<unused94>thought": "<unused95>",
}
"""The closing marks that no rule makes of the opening ones."""

THOUGHT_KEYS = ("reasoning_content", "reasoning", "thinking")
"""The key of the thought in a message, of a server or for a chat template: of DeepSeek, Qwen and
vLLM, of OpenRouter, of Ollama and gpt-oss."""

_WORD = r"(?:(?!end)\w+[:_])?(?:think(?:ing)?|thoughts?|reasoning|scratch_?pad)"
_B, _U = "[|\uff5c]", "[_\u2581 ]"
"""Bars and underscores, which DeepSeek writes as others."""
_OPENING = "|".join(
    (
        rf"<{_WORD}>",  # Qwen, DeepSeek, Seed-OSS's <seed:think>, EXAONE's <thought>
        r"(?-i:\[THINK\])",  # Magistral
        rf"\u25c1{_WORD}\u25b7",  # Kimi
        rf"<{_B}(?:start|begin){_U}(?:of{_U})?{_WORD}{_B}>",  # Command A, OpenThinker
        rf"<{_B}{_WORD}(?:{_U}(?:start|begin))?{_B}>",
        r"<\|inner_prefix\|>",  # Apertus
        r"<\|channel>thought",  # Gemma 4
        r"<unused94>(?:thought)?",  # MedGemma
    )
)
_CLOSING = "|".join(
    (
        rf"</{_WORD}>",
        r"(?-i:\[/THINK\])",
        rf"\u25c1/{_WORD}\u25b7",
        rf"<{_B}end{_U}(?:of{_U})?{_WORD}{_B}>",
        rf"<{_B}(?:/{_WORD}|{_WORD}{_U}end){_B}>",
        r"<\|inner_suffix\|>",
        r"<channel\|>",
        r"<unused95>",
    )
)
_ANSWER = (
    (r"<answer>", r"</answer>"),
    (r"<output>", r"</output>"),
    (r"<response>", r"</response>"),
    (r"<\|begin_of_solution\|>", r"<\|end_of_solution\|>"),
    (r"<\|START_RESPONSE\|>", r"<\|END_RESPONSE\|>"),
)
"""Marks around the answer after a thought."""
_HARMONY = r"<\|(?:start|end|channel|message|constrain|call|return)\|>"
"""The marks of gpt-oss."""

_BEGUN = re.compile(rf"\s*(?:{_OPENING})", re.IGNORECASE)
_OPENED = re.compile(_OPENING, re.IGNORECASE)
_CLOSED = re.compile(_CLOSING, re.IGNORECASE)
_LINE_OPENS = re.compile(rf"^[ \t]*(?:{_OPENING})", re.IGNORECASE | re.MULTILINE)
_ENDS_OPEN = re.compile(rf"(?:{_OPENING}|<\|channel\|>analysis<\|message\|>)\s*\Z", re.IGNORECASE)
_MARK = re.compile(
    "|".join(
        (_OPENING, _CLOSING, _HARMONY, "<\\|channel>", *(m for pair in _ANSWER for m in pair))
    ),
    re.IGNORECASE,
)
_WRAPPED = [
    re.compile(rf"\s*{left}\s*(.*?)\s*(?:{right}\s*)?\Z", re.IGNORECASE | re.DOTALL)
    for left, right in _ANSWER
]
_CHANNELS = re.compile(r"\s*(?:<\|start\|>assistant\s*)?<\|channel\|>")
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(\w+).*?<\|message\|>(.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL,
)
_BARE_CHANNELS = re.compile(r"analysis(?=\S)(.*?)assistantfinal(.*)", re.DOTALL)
"""The channels of gpt-oss without their marks, as where special tokens are left out."""
_BARE_CHANNEL = re.compile(r"analysis(?=[A-Z])")
_SENTENCE_END = re.compile(
    "[.!?\u2026\u203c\u2047-\u2049\u3002\uff01\uff0e\uff1f\uff61\u061f\u06d4\u0964\u0965\u0589\u1362\u1367\u1368"
    "\u17d4\u17d5\u104b\u0f0d\u0f0e\u1803\u1809\ua4ff][\\W_]*\\Z"
)
"""A full stop of any script, and what closes a sentence with it."""
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)


class Thinking(NamedTuple):
    """The two parts of what a model wrote."""

    thought: str
    answer: str | None
    """None if the thought never ends: there is no answer."""


def split_thinking(text: str, *, opened: bool = False, marks: ThoughtMarks = "auto") -> Thinking:
    """Split the thought at the beginning of a text from the answer after it.

    A thought begins with a mark such as `<think>`, `[THINK]` or a channel of gpt-oss, or before the
    text (`opened`: the prompt ended in the mark). A closing mark alone ends a thought, too, unless
    it stands within a sentence, a quotation or code: then the text is about marks. Of given `marks`
    the first closing one ends the thought wherever it stands. A text without a thought stays
    unchanged.

    Example:
        >>> split_thinking("<think>2 + 3</think>The answer is 5.")
        Thinking(thought='2 + 3', answer='The answer is 5.')
    """
    if pair := marks if isinstance(marks, tuple) else _PAIRS.get(marks):
        return _between(text, pair, opened=opened)
    if found := _in_channels(text, opened=opened):
        return found
    if marks == "gpt-oss":
        return Thinking(text, None) if opened else Thinking("", text)
    thoughts: list[str] = []
    while True:
        begun = _BEGUN.match(text)
        start = begun.end() if begun else 0
        if begun or opened:
            ends = _CLOSED.finditer(text, start)
            closed = next((mark for mark in ends if not _is_quoted(mark)), None)
            if closed is None:
                return Thinking("\n".join([*thoughts, text[start:].strip()]), None)
        else:
            closed = next(filter(_ends_thought, _CLOSED.finditer(text)), None)
            if closed is None:
                break
        thoughts.append(text[start : closed.start()].strip())
        text, opened = text[closed.end() :].lstrip(), False
    return Thinking("\n".join(thoughts), _unwrapped(text) if thoughts else text)


def opens_thinking(prompt: str, marks: ThoughtMarks = "auto") -> bool:
    """True if a rendered prompt ends inside the model's thinking."""
    if isinstance(marks, tuple):
        return prompt.rstrip().endswith(marks[0])
    return _ENDS_OPEN.search(prompt) is not None


def closing_mark(prompt: str, text: str, marks: ThoughtMarks = "auto") -> str | None:
    """Return the mark that ends the thought which a text is in; None outside of a thought.

    Example:
        >>> closing_mark("2 + 3?", "<think>2 and")
        '</think>'

    Raises:
        InputError: a mark whose closing one is not known.
    """
    opened = opens_thinking(prompt, marks)
    if split_thinking(text, opened=opened, marks=marks).answer is not None:
        return None
    if pair := marks if isinstance(marks, tuple) else _PAIRS.get(marks):
        return pair[1]
    found = _ENDS_OPEN.search(prompt) if opened else _BEGUN.match(text)
    mark = found[0].strip() if found else "<|channel|>"
    if mark.startswith("<|channel|>"):
        return "<|end|><|start|>assistant<|channel|>final<|message|>"
    if bracketed := re.fullmatch(r"([<\[\u25c1])([\w:]+)([>\]\u25b7])", mark):
        return _CLOSES.get(mark) or "{}/{}{}".format(*bracketed.groups())
    closing = _CLOSES.get(mark) or re.sub("start|begin", "end", mark.replace("START", "END"))
    if closing == mark:
        raise InputError(
            f"max_thinking_tokens: expected a thought whose closing mark is known, came {mark!r}; "
            "give thought_marks the pair of them"
        )
    return closing


def is_thinking_mark(token: str, marks: ThoughtMarks = "auto") -> bool:
    """True for a token that marks a thought or an answer, which decoding must keep."""
    return token in marks if isinstance(marks, tuple) else _MARK.fullmatch(token) is not None


def thought_of_message(message: Mapping[str, Any]) -> str | None:
    """Return the thought that a message has apart from its content; None without one.

    It is under a key of `THOUGHT_KEYS`, or in parts of the content that hold thinking.
    """
    found = [message.get(key) for key in THOUGHT_KEYS]
    if isinstance(parts := message.get("content"), list):
        found += [part.get("thinking") for part in parts if isinstance(part, Mapping)]
    return next(filter(None, map(_thought_text, found)), None)


def _thought_text(thought: Any) -> str | None:
    """Read a thought that is a text, or a list of parts with texts, as Magistral's."""
    if isinstance(thought, list):
        texts = [part.get("text") for part in thought if isinstance(part, Mapping)]
        thought = "".join(text for text in texts if isinstance(text, str))
    return thought.strip() or None if isinstance(thought, str) else None


def _between(text: str, marks: tuple[str, str], *, opened: bool) -> Thinking:
    """Split by one pair of marks, taken literally."""
    opening, closing = marks
    begun = text.lstrip().startswith(opening)
    text = text.lstrip().removeprefix(opening) if begun else text
    thought, closed, answer = text.partition(closing)
    if closed:
        return Thinking(thought.strip(), _unwrapped(answer.lstrip()))
    return Thinking(text.strip(), None) if begun or opened else Thinking("", text)


def _in_channels(text: str, *, opened: bool) -> Thinking | None:
    """Split what gpt-oss writes; None where no channel begins the text."""
    if opened and _CHANNEL.search(text):
        text = f"<|channel|>analysis<|message|>{text}"
    if _CHANNELS.match(text):
        return _of_channels(_CHANNEL.findall(text))
    if bare := _BARE_CHANNELS.match(text):
        return Thinking(bare[1].strip(), bare[2].lstrip())
    return Thinking(text.removeprefix("analysis"), None) if _BARE_CHANNEL.match(text) else None


def _of_channels(messages: list[tuple[str, str]]) -> Thinking:
    """Take the channel `final` as the answer, the others as the thought."""
    answers = [text for channel, text in messages if channel == "final"]
    thought = "\n".join(text.strip() for channel, text in messages if channel != "final")
    return Thinking(thought, "".join(answers).strip() if answers else None)


def _unwrapped(answer: str) -> str:
    found = (wrapped.match(answer) for wrapped in _WRAPPED)
    return next((match[1] for match in found if match), answer)


def _line_around(mark: re.Match[str]) -> tuple[str, str]:
    """Return what stands before and after a mark on its line."""
    before, after = mark.string[: mark.start()], mark.string[mark.end() :]
    return before.rpartition("\n")[2], after.partition("\n")[0]


def _is_quoted(mark: re.Match[str]) -> bool:
    """True for a mark between quotation marks or brackets, or in code within a line."""
    before, after = _line_around(mark)
    if before.count("`") % 2 and "`" in after:
        return True
    left, right = before[-1:], after[:1]
    if not left or not right:
        return False
    if left in "\"'":
        opens = not before[-2:-1].isalnum() and not _SENTENCE_END.search(before[:-1])
    else:
        opens = unicodedata.category(left) in ("Ps", "Pi", "Pf")
    return opens and (right in "\"'" or unicodedata.category(right) in ("Pe", "Pi", "Pf"))


def _ends_thought(mark: re.Match[str]) -> bool:
    """True for a closing mark that ends a thought whose beginning is not in the text."""
    text = mark.string
    before, after = _line_around(mark)
    follows = after.lstrip()
    is_spaced = after != follows
    in_code = len(_FENCE.findall(text, 0, mark.start())) % 2 and _FENCE.search(text, mark.end())
    if in_code or _is_quoted(mark) or _LINE_OPENS.search(text, 0, mark.start()):
        return False
    if _OPENED.search(before) or (follows and is_spaced and follows[0].islower()):
        return False  # the mark is a word of a sentence
    if not before.strip():
        return not (follows and is_spaced) or bool(text[: mark.start()].strip())
    if _SENTENCE_END.search(before):
        return True
    is_attached = unicodedata.category(before[-1]) not in ("Lo", "Po", "Zs")
    if follows:
        return is_attached and not is_spaced
    return is_attached or bool(re.match(r"[ \t]*\r?\n\s*\n\s*\S", text[mark.end() :]))
