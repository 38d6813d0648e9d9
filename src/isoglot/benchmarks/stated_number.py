"""Find the number that a solution states, in any language and script.

The answer ends where the model begins to invent the next problem. Then the first rule that finds a
number decides:

1. The last readable announcement: a box, `####`, "The answer is" and its like in every language;
   the result behind an equals sign, or else the first number of the sentence that is not denied
   ("not 5 but 7").
2. The last number that is not denied.

Numbers in words are not read: where one stands in place of the number, its value is unknown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from isoglot.benchmarks.benchmark import literals
from isoglot.core.latex import BOX_END, BOX_START
from isoglot.core.number_words import UNSPACED, WORD_END, WORD_START, number_words
from isoglot.core.numbers import ReadNumber, numbers_in, with_plain_numbers

_MARKUP = (
    (re.compile(r"(?<=\d)\*\*(?=\d)"), "^"),
    (re.compile(r"(?<=\d) ?\* ?(?=\d)"), " × "),
    (re.compile(r"(?<=\d)/[=-](?!\d)"), ""),  # shillings and rupees: 50/=, 50/-
    (re.compile(r"[*_`]|<\|[^|>\s]{1,40}\|>\s*$"), ""),
)
_WORD = r"[^\s\d.,;:!?=。，、।(){}]{1,20}"
_OPENING = " \t\n:ঃ=～—(「『“„«\"'<>≈[,$"
_DASH = re.compile(r"[-–‒] ")
# Not the point of an abbreviation before a number: Rs. 25.
_SENTENCE_END = re.compile(r"[\n!?؟۔।॥။።፧។៕]|\.(?=\s*$|\s+\D)|(?:(?<=[\d)%])|(?<=\w{4}))\.(?=\s)")
_ABBREVIATION = re.compile(r"\A[^\s\d.]{1,5}\. ?(?=[-–]?\d)")
_MAX_SENTENCE_CHARS = 400
_UNREAD = ReadNumber(0, 0, ())
_OF_ALL_LANGUAGES = (re.escape("####"), BOX_START, "<answer>")


class _Announcement(NamedTuple):
    """Words before a number; `directly`: it must be the very next thing."""

    start: int
    end: int
    directly: bool
    text: str


def stated_number(text: str, tag: str, prompts: Sequence[str] = ()) -> ReadNumber | None:
    """Return the number that a solution in a language states; None without any.

    `prompts` are the beginnings of the texts with which the next problem would begin.
    """
    body = _before_next_problem(_body(text), tag, prompts)
    for announcement in _announcements(body):
        if number := _announced(body, announcement, tag):
            return number
    found = _undenied(body, tag)
    last_sentence = _SENTENCE_END.split(body.strip(" \n.!?。।"))[-1]
    if _in_words(last_sentence, tag):
        return _UNREAD
    return found[-1] if found else None


def _in_words(sentence: str, tag: str) -> bool:
    """Return True for a sentence whose number is in words."""
    has_digits = next(numbers_in(sentence, tag), None) is not None
    return not has_digits and number_words(tag).numeral.search(sentence) is not None


def is_announced(text: str, tag: str) -> bool:
    """Return True if a solution announces its number, rather than only having one."""
    body = _body(text)
    return any(_announced(body, announcement, tag) for announcement in _announcements(body))


def _body(text: str) -> str:
    body = with_plain_numbers(text)
    for pattern, instead in _MARKUP:
        body = pattern.sub(instead, body)
    return body


def _announcements(body: str) -> list[_Announcement]:
    """Return the announcements in a text, the last one first."""
    found = [
        _Announcement(*match.span(), directly, match[0])
        for pattern, directly in _patterns()
        for match in pattern.finditer(body)
    ]
    return sorted(found, key=lambda words: (words.end, -words.start), reverse=True)


def _announced(body: str, words: _Announcement, tag: str) -> ReadNumber | None:
    """Return the number of one announcement."""
    if words.text == BOX_START:
        box = body[words.end :].split(BOX_END)[0]
        return _result(box, tag)
    after = body[words.end :].replace(BOX_START, "").replace(BOX_END, "")[:_MAX_SENTENCE_CHARS]
    stretch = after.lstrip(_OPENING)
    skipped = after[: len(after) - len(stretch)]
    is_separator = words.directly and not set(words.text + skipped) & set(":=#")
    if is_separator or "\n" in skipped or "—" in skipped:
        stretch = _DASH.sub("", stretch, count=1) if _DASH.match(stretch) else stretch
    stretch = _ABBREVIATION.sub("", stretch.lstrip(_OPENING), count=1)
    stop = _SENTENCE_END.search(stretch)
    sentence = stretch[: stop.start()] if stop else stretch
    if words.directly and _in_words(sentence.split(" ")[0], tag):
        return _UNREAD
    if words.directly and not _begins_with_number(sentence, tag):
        is_whole = not stop or not stretch[stop.end() :].strip()
        has_colon = ":" in words.text + skipped
        return _of_only_sentence(sentence, tag) if is_whole and has_colon else None
    denied = number_words(tag).not_before.search(words.text)  # "no es 10, sino 12"
    found = _result(f"{denied[0]} {sentence}" if denied else sentence, tag)
    return _UNREAD if found is None and _in_words(sentence, tag) else found


def _result(sentence: str, tag: str) -> ReadNumber | None:
    """Return the number behind the last equals sign, or else the first that is not denied."""
    for part in (re.split("[=≈]", sentence)[-1], sentence):
        numbers = list(numbers_in(part.strip(), tag))
        if numbers:
            undenied = _undenied(part.strip(), tag)
            return undenied[0] if undenied else numbers[0]._replace(values=())
    return None


def _of_only_sentence(sentence: str, tag: str) -> ReadNumber | None:
    """Return the first number of a sentence with which an answer ends: `he gets 27 in 3 days`."""
    numbers = _undenied(sentence, tag)
    return numbers[0] if 1 <= len(numbers) <= 2 else None


def _begins_with_number(sentence: str, tag: str) -> bool:
    first = next(numbers_in(sentence, tag), None)
    if first is None:
        return False
    before = sentence[: first.start].strip(_OPENING + "-–+≈~約约 ")
    return not before or number_words(tag).currency.fullmatch(before) is not None


def _undenied(text: str, tag: str) -> list[ReadNumber]:
    """Return the numbers of a text without those in `not 5` and its like."""
    words = number_words(tag)
    numbers = list(numbers_in(text, tag))
    kept, end = [], 0
    for number in numbers:
        before = re.split(r"[.,;:!?\n。，、]", text[end : number.start])[-1]
        end = number.end
        if not words.not_before.search(before[-40:]) and not words.not_after.match(text, end):
            kept.append(number)
    return kept


def _before_next_problem(body: str, tag: str, prompts: Sequence[str]) -> str:
    """Return an answer up to where the model goes on with a problem of its own invention.

    A problem that is told again before anything was answered is none, nor are the numbered
    questions of an answer that begins with one.
    """
    places = [(match.start(), bool(match[1])) for match in _problem_labels().finditer(body)]
    begins_numbered = any(
        is_numbered and not re.search(r"\d", body[:place]) for place, is_numbered in places[:1]
    )
    ends = [place for place, is_numbered in places if not (is_numbered and begins_numbered)]
    for beginning in (*_instructions(), *(_body(prompt)[:60] for prompt in prompts)):
        if len(beginning) >= 20:
            ends += [match.start() for match in re.finditer(re.escape(beginning), body)]
    for end in sorted(ends):
        if next(numbers_in(body[:end], tag), None):
            return body[:end]
    return body


@cache
def _patterns() -> Sequence[tuple[re.Pattern[str], bool]]:
    """Return the patterns of announcements, each with whether the number follows directly."""
    maths, words = literals("maths").values(), literals("stated_number").values()
    nouns = [noun for row in words for noun in row["answer"]]
    nouns += [noun for row in maths for noun in row["headings"]]
    heading = rf"{WORD_START}{_of_any(nouns)}{WORD_END}(?:(?: +{_WORD}){{0,2}} ?[:=])?"
    sentences = [f"{WORD_START}{_of_any(row['announcements'])}{WORD_END}" for row in maths]
    sentences += [
        f"{WORD_START}{_of_any(row['answer'])}{_gap(row['answer'][0])}{_of_any(row['is'])}{WORD_END}"
        for row in words
        if row["is"]
    ]
    return (
        (re.compile("|".join([*_OF_ALL_LANGUAGES, heading]), re.IGNORECASE), True),
        *((re.compile(sentence, re.IGNORECASE), False) for sentence in sentences),
    )


def _gap(noun: str) -> str:
    """Return the pattern of the words between a noun and its verb; of characters without blanks."""
    if re.match(f"[{UNSPACED}]", noun):
        most = 6 if noun > "\u3000" else 14  # Thai and its kin have marks and longer words
        return rf"[^\n\d.,;:!?=。，、]{{0,{most}}}?"
    return rf"(?: +{_WORD}){{0,3}}? *"


def _of_any(words: Sequence[str]) -> str:
    longest_first = sorted(
        (with_plain_numbers(word) for word in words), key=lambda word: (-len(word), word)
    )
    return f"(?:{'|'.join(map(re.escape, longest_first))})"


@cache
def _problem_labels() -> re.Pattern[str]:
    """Match the label of a problem, or of the user's turn, at the beginning of a line."""
    labels = {label for row in literals("stated_number").values() for label in row["question"]}
    labels |= {row["labels"][0] for row in literals("maths").values()}
    labels |= {"user", "human", "instruction"}
    return re.compile(
        rf"(?:^|\n)[\s#>\[(]*{_of_any(sorted(labels))}(?: ?#? ?(\d{{1,3}}))?[\])]? ?[:：]"
        r"|<\|(?:im_start|user|start_header_id)\|>|\[INST\]",
        re.IGNORECASE,
    )


@cache
def _instructions() -> Sequence[str]:
    rows: Iterator[Mapping[str, Any]] = iter(literals("maths").values())
    return tuple(_body(row[variant])[:60] for row in rows for variant in ("native_cot", "direct"))
