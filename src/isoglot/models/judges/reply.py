"""The conclusion of a judge's reply: one verdict or rating, in the forms that judges write.

A conclusion is the last statement of a finished reply, without the thoughts before it:

* a label with its value (`Verdict: A`, `最终评分：8分`, a heading with the value below it, an entry
  of a JSON object, an element of XML);
* a value in double brackets (MT-Bench, arXiv:2306.05685; Arena-Hard, arXiv:2406.11939) or in a
  LaTeX box, with words around it;
* a line that is a bare value, at the very end.

Polite words may follow, but none that name a value or take something back. A quotation of a
judged answer is no conclusion, nor are two neighbouring statements that differ.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Generic, Literal, Protocol, TypeVar

from isoglot.core.protocols import Sampled
from isoglot.core.records import FinishReason
from isoglot.core.text import digits_to_ascii, folded
from isoglot.core.thinking import split_thinking
from isoglot.models.judges.words import word_pattern, word_search

OPEN = r"[\s\"'“”„«»‘’「『【《(\[{]"
CLOSE = r"[\s\"'“”„«»‘’」』】》)\]}]"

Form = Literal["labelled", "marked", "bare"]
"""After a label, between double brackets or in a box, or alone on its line."""

Quoted = Literal["", "block", "fence", "marks"]
"""A line of a block quotation, of a fence, or between quotation marks."""

_T_co = TypeVar("_T_co", covariant=True)


class Reader(Protocol[_T_co]):
    """A kind of conclusion."""

    label: str
    """The table of `words.toml` with its labels."""
    is_answer_label: bool
    """True if a word for an answer is a label where a colon follows, as in `Answer: A`."""

    def read(self, text: str, form: Form) -> _T_co | None:
        """Return the value that a text states; None where it states none, or several."""

    def read_sentence(self, line: str) -> _T_co | None:
        """Return the value of a sentence that names a label; None where it has none."""

    def mentions(self, text: str) -> bool:
        """True if the text may name a value."""


# Ends of turns that templates write, and that some servers leave in the text.
_END_TOKEN = re.compile(
    r"<[|\uff5c][^<>\s]{1,40}[|\uff5c]>|</?s>|<(?:end|start)_of_turn>|<eos>|<EOD>|\[/?INST\]|\[END\]"
)
_LATEX = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathsf)\s*\{([^{}]*)\}")
_MARKED = re.compile(r"\[\[(?P<box>[^\[\]]*)\]\]|\\(?:boxed|fbox)\s*\{(?P<latex>[^{}]*)\}")
_LIST_MARK = re.compile(r"\s*(?:[-*•·–]|\d{1,2}[.)]|[A-Za-z][.)])\s")
_LEAD = re.compile(r"^(?:[\s*`#•·●▪■◆►➤→⇒|$]|[\U0001f000-\U0001faff\u2600-\u27bf]|[-–—+]\s)+")
_TRAIL = re.compile(r"(?:[\s*`#|$]|[\U0001f000-\U0001faff\u2600-\u27bf])+$")
_COLON = "[:=|\u055d\u0589\u1361-\u1366\u17d6\u2192]|->|=>|[-–—]+(?=\\s)"
_SCALE = r"[(\[]?[^()\[\]\d:]{0,24}\b(?:1\s*(?:-|–|to|bis|a|à)\s*)?10\b\s*[)\]]?|/\s*10\b"
_FINAL = ".!?。।۔؟…"
_QUOTED = re.compile(r"[\"'“„«「『].*[\"'”“»」』]")
_CLAUSE = re.compile("[.,;:!?。،؛、]")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_XML = re.compile(
    r"(?:^|(?<=>))[ \t]*<(?P<tag>\w{1,30})>\s*(?P<value>[^<>]{1,80}?)\s*</(?P=tag)>[ \t]*(?=$|<)",
    re.MULTILINE,
)

_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not empty, without mark-up."""

    text: str
    raw: str
    place: int
    """Its number, with empty lines counted."""
    quoted: Quoted


def conclusion(reply: Sampled, reader: Reader[_V]) -> _V | None:
    """Return the value of the conclusion; None where there is none, or where it is open."""
    lines = _lines(reply, reader)
    for place in reversed(range(len(lines))):
        line, rest = lines[place], lines[place + 1 :]
        before = lines[place - 1] if place else None
        statement = _Statement(reader, line, before, is_last=not rest)
        if statement.is_there:
            value = statement.value()
            if (
                value is None
                or _is_quoted(lines, place, reader)
                or _is_reopened(line, rest, reader)
            ):
                return None
            return None if before and _states_other(before, value, reader) else value
        if reader.mentions(line.text):
            return None
    return None


@dataclass(frozen=True, slots=True)
class _Statement(Generic[_V]):
    """A line as a statement."""

    reader: Reader[_V]
    line: _Line
    before: _Line | None
    is_last: bool

    @property
    def is_there(self) -> bool:
        text = self.line.text
        if _MARKED.search(text) or _labelled(text, self.reader) or self._is_below_heading:
            return True
        is_value = self.is_last and self.reader.read(text, "bare") is not None
        return is_value or self.reader.read_sentence(text) is not None

    @property
    def _is_below_heading(self) -> bool:
        return self.before is not None and _labelled(self.before.text, self.reader) == ""

    def value(self) -> _V | None:
        """Return the value; None where it is not one."""
        text = self.line.text
        if marks := list(_MARKED.finditer(text)):
            values = {_marked_value(text, mark, self.reader) for mark in marks}
            return values.pop() if len(values) == 1 else None
        if labelled := _labelled(text, self.reader):
            return self.reader.read(labelled, "labelled")
        if self._is_below_heading:
            return self.reader.read(text, "labelled")
        if (value := self.reader.read_sentence(text)) is not None:
            return value
        is_item = self.before is not None and _LIST_MARK.match(self.before.raw)
        return None if is_item else self.reader.read(text, "bare")


def _marked_value(text: str, mark: re.Match[str], reader: Reader[_V]) -> _V | None:
    """Return the value between double brackets or in a box, unless its clause denies it."""
    before, after = text[: mark.start()], text[mark.end() :]
    clause = f"{_CLAUSE.split(before)[-1]} {_CLAUSE.split(after)[0]}"
    around = (before + after).strip(" \"'.“”")
    is_cited = bool(re.search(r"[\"“'«「『]$", before)) and around
    if word_search("against").search(clause) or (
        is_cited and not word_search(reader.label).search(around)
    ):
        return None
    return reader.read(mark["box"] if mark["box"] is not None else mark["latex"], "marked")


def _labelled(text: str, reader: Reader[_V]) -> str | None:
    """Return the text after a label, empty after a heading; None for a line without a label."""
    match = _head(reader.label).match(text)
    if not match:
        return None
    head, rest = match["head"], match["rest"]
    if not word_search(reader.label).search(head) and not (reader.is_answer_label and match["sep"]):
        return None
    if (inner := _labelled(rest, reader)) is not None:
        return inner
    if not match["sep"] and len(rest) > len(head) + 60:
        return None  # a sentence
    return rest


def _is_label(name: str, reader: Reader[_V]) -> bool:
    """True if the name of an entry or element is a label, such as `final_verdict`."""
    return _labelled(name.replace("_", " ") + ":", reader) == ""


@cache
def _head(label: str) -> re.Pattern[str]:
    words = word_pattern(label, "aside", "answer")
    return re.compile(
        rf"{OPEN}*(?P<head>(?>(?:{words}[\s_'’]*)+))(?:{_SCALE})?{CLOSE}*"
        rf"(?P<sep>{_COLON})?\s*(?P<rest>.*)",
        re.IGNORECASE,
    )


def _is_quoted(lines: list[_Line], place: int, reader: Reader[_V]) -> bool:
    """True if mark-up or introduction make a statement a quotation of a judged answer."""
    line = lines[place]
    outside = (each for each in reversed(lines[:place]) if not (line.quoted and each.quoted))
    intro = next(outside, None)
    if intro is None:
        return False
    introduces = intro.text.endswith(":") and reader.mentions(intro.text)
    if not line.quoted or introduces:
        return introduces
    is_sentence = intro.text.endswith(tuple(_FINAL))
    names_label = word_search(reader.label).search(intro.text)
    return line.quoted == "block" or not (is_sentence or names_label)


def _states_other(line: _Line, value: _V, reader: Reader[_V]) -> bool:
    """True if a line is a statement of another value, as in a list of all verdicts."""
    statement = _Statement(reader, line, None, is_last=True)
    is_whole = not _MARKED.search(line.text) or _MARKED.fullmatch(line.text)
    return bool(is_whole) and statement.is_there and statement.value() not in (None, value)


def _is_reopened(line: _Line, rest: list[_Line], reader: Reader[_V]) -> bool:
    """True if the lines after a statement name a value, take something back, or ask at once."""
    text = "\n".join(other.text for other in rest)
    asks = bool(rest) and "?" in rest[0].text and rest[0].place == line.place + 1
    denies = any(word_search("against").match(other.text) for other in rest)
    return asks or denies or reader.mentions(text) or bool(word_search("turn").search(text))


def _lines(reply: Sampled, reader: Reader[_V]) -> list[_Line]:
    if reply.finish_reason != FinishReason.STOP:
        return []
    answer = split_thinking(reply.text).answer
    parts = (part.strip() for part in _END_TOKEN.split(answer or ""))
    text = _LATEX.sub(r"\1", digits_to_ascii(folded(next(filter(None, parts), ""))))
    text = _from_xml(_from_json(text.replace("٫", "."), reader), reader)
    lines: list[_Line] = []
    is_fenced = False
    for place, raw in enumerate(text.splitlines()):
        if _FENCE.match(raw):
            is_fenced = not is_fenced
            continue
        is_block = raw.lstrip().startswith(">")
        bare = raw.lstrip("> ") if is_block else raw
        plain = re.sub(r"[*`]|(?<!\w)_+|_+(?!\w)", "", _TRAIL.sub("", _LEAD.sub("", bare))).strip()
        plain = re.sub(r"\s{3,}", "  ", plain)
        if plain:
            is_marks = bool(_QUOTED.fullmatch(plain))
            quoted: Quoted = "marks" if is_marks else ""
            quoted = "block" if is_block else "fence" if is_fenced else quoted
            lines.append(_Line(plain, raw, place, quoted))
    return lines


def _from_json(text: str, reader: Reader[_V]) -> str:
    """Replace each JSON object on lines of its own by a line for its one labelled entry."""
    for start in reversed([match.start() for match in re.finditer(r"^[ \t]*\{", text, re.M)]):
        try:
            found, end = json.JSONDecoder(strict=False).raw_decode(text, text.index("{", start))
        except ValueError:
            found, end = _loose_object(text, text.index("{", start))
        if end and isinstance(found, Mapping) and not text[end:].split("\n")[0].strip(" \t,;`"):
            entries = [
                str(value)
                for key, value in found.items()
                if isinstance(value, str | int | float) and _is_label(str(key), reader)
            ]
            if len(entries) == 1:
                text = f"{text[:start]}\n{reader.label}: {entries[0]}\n{text[end:]}"
    return text


def _loose_object(text: str, start: int) -> tuple[dict[str, str], int]:
    """Read an object with single quotes and no objects in it; (…, 0) where there is none."""
    match = re.compile(r"\{[^{}]*\}").match(text, start)
    pairs = re.findall(r"'([^':]{1,40})'\s*:\s*(?:'([^']*)'|([\w./]+))", match[0]) if match else []
    return {key: one or other for key, one, other in pairs}, match.end() if match and pairs else 0


def _from_xml(text: str, reader: Reader[_V]) -> str:
    """Replace each element whose name is a label by a line."""

    def line(match: re.Match[str]) -> str:
        is_label = _is_label(match["tag"], reader)
        return f"\n{reader.label}: {match['value']}\n" if is_label else match[0]

    return _XML.sub(line, text)
