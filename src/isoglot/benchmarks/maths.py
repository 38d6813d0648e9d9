"""What MGSM and MSVAMP share: how a problem is asked, and which number a solution announces.

The words of every language stand in `maths.toml`.
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cache

from isoglot.benchmarks.benchmark import Ask, Example, Rows, literals
from isoglot.benchmarks.conversations import Shot, asked, first_shots, variant_of
from isoglot.benchmarks.rows import cell, position
from isoglot.core.errors import InputError
from isoglot.core.records import Prompt
from isoglot.core.rows import Row
from isoglot.core.text import last_number
from isoglot.evals.metric import mean_of

VARIANTS = ("native_cot", "english_cot", "direct")
"""Worked answer in the language of the problem, worked answer in English, the number alone."""

ENGLISH_COT = (
    "Solve the following problem step by step, and write your solution in English. End it with "
    "the sentence “The answer is N.”, where N is the final number."
)

# Announced in any language: an answer in another language than asked is off target, not wrong.
_OF_ALL_LANGUAGES = ("####", "\\boxed{")
_MARKUP = str.maketrans("", "", "*_`")
_OPENING = " \t\n\u00a0\u202f:：ঃ=～—–(（「『“„«\"'$€£¥₹฿"  # not the hyphen, which may be a minus
_SENTENCE_END = re.compile(r"[\n!?！？。।]|\.(?=\s|$)")
_FIRST_NUMBER = re.compile(
    r"[-−－﹣]?\d+(?:[.,'’٫٬．]\d+|[ \u00a0\u2009\u202f]\d{3}(?!\d))*"
)  # fmt: skip
_MAX_SENTENCE_CHARS = 400
_THREE_DECIMALS = re.compile(r"[-−－﹣]?\d{1,3}[.,٫．]\d{3}")


def maths_examples(
    name: str,
    rows: Rows,
    tag: str,
    ask: Ask,
    *,
    question: Sequence[str],
    answer: Sequence[str],
) -> list[Example]:
    """Examples of rows whose columns are `question` and `answer`, the first that has a value."""
    variant = variant_of(name, VARIANTS, ask)
    words = literals("maths")[tag]
    instruction = ENGLISH_COT if variant == "english_cot" else words[variant]
    shots = _shots(name, rows, tag, ask, variant, instruction) if ask.shots else []
    return [
        Example(
            asked(
                f"{instruction}\n\n{str(cell(row, *question)).strip()}",
                language=tag,
                family=f"{name}-{position(row, place, 'i')}",
                shots=shots,
                answer_language="en" if variant == "english_cot" else tag,
                gold=str(gold_number(cell(row, *answer))),
                source=name,
            )
        )
        for place, row in enumerate(rows("test"))
    ]


def _shots(name: str, rows: Rows, tag: str, ask: Ask, variant: str, instruction: str) -> list[Shot]:
    """Published problems with worked answers; the answers are the English ones for English."""
    problems = rows("train")
    spoken = "en" if variant == "english_cot" and tag != "en" else tag
    answers = problems if spoken == tag else rows(f"train@{spoken}")
    if len(answers) != len(problems):
        raise InputError(
            f"{name}[{tag}]: expected as many worked examples in {spoken!r} as in {tag!r}, came "
            f"{len(answers)} and {len(problems)}; complete the file"
        )
    shots = []
    for problem, worked in zip(problems, answers, strict=True):
        text = _without_label(str(cell(problem, "question")), tag)
        shots.append(
            Shot(f"{instruction}\n\n{text}", _worked(worked, spoken, direct=variant == "direct"))
        )
    return first_shots(shots, ask, name)


def _worked(row: Row, tag: str, *, direct: bool) -> str:
    """The worked answer, which announces its number; or the number alone."""
    text = _without_label(str(cell(row, "answer")), tag)
    number = row.get("answer_number")
    if number is None:
        number = answer_number(text)
    if direct:
        return str(number)
    words = literals("maths")[tag]
    return text if _announced(text) else f"{text} {words['answer'].format(number=number)}"


def _without_label(text: str, tag: str) -> str:
    """The text without the published `Question:` or `Step-by-Step Answer:` before it."""
    for label in literals("maths")[tag]["labels"]:
        start = re.match(rf"\s*{re.escape(label)}\s*[:：]\s*", text)
        if start:
            return text[start.end() :].strip()
    return text.strip()


def gold_number(published: object) -> Decimal:
    """The number of a published answer: `18`, `5,600`, `22800.0`."""
    text = str(published).replace(",", "").strip()
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InputError(
            f"expected a number as gold answer, came {text!r:.40}; give the set as it is published"
        ) from error


def answer_number(text: str) -> Decimal | None:
    """The number that a solution announces, else the last one in it; None without a number."""
    run = _announced(text)
    return last_number(text if run is None else run)


def grade_number(prompt: Prompt, text: str) -> float:
    """1.0 where the announced number, or else the last one, is the gold's; no number is wrong.

    A single group of three digits behind a separator (`1.125`) is thousands, unless the gold has
    decimals itself.
    """
    gold = gold_number(prompt.gold)
    number = answer_number(text)
    if number == gold:
        return 1.0
    if number is None or gold == gold.to_integral_value():
        return 0.0
    run = _announced(text) or (_FIRST_NUMBER.findall(text) or [""])[-1]
    decimal = re.sub(r"[,٫．]", ".", run).translate(str.maketrans("−－﹣", "---"))
    return float(bool(_THREE_DECIMALS.fullmatch(run)) and Decimal(decimal) == gold)


ACCURACY = mean_of("accuracy", grade_number)
"""Share of the problems whose number is exactly right."""


def _announced(text: str) -> str | None:
    """The digits of the last announced answer that has any, as they were written."""
    body = text.lower().translate(_MARKUP).replace("{,}", ",").replace("\\,", "")
    end = len(body)
    while True:
        found = [(body.rfind(words, 0, end), words) for words in _announcements()]
        start, words = max(found, key=lambda at: at[0] + len(at[1]) if at[0] >= 0 else -1)
        if start < 0:
            return None
        after = body[start + len(words) : start + len(words) + _MAX_SENTENCE_CHARS]
        run = _number_of(after, directly=_announcements()[words])
        if run is not None:
            return run
        end = start + len(words) - 1


def _number_of(announcement: str, *, directly: bool) -> str | None:
    """The number of the sentence: its last result, or its first; `directly`: where it begins so."""
    sentence = announcement.lstrip(_OPENING).removeprefix("- ")
    if directly and not _FIRST_NUMBER.match(sentence.lstrip(_OPENING)):
        return None
    stop = _SENTENCE_END.search(sentence)
    sentence = sentence[: stop.start()] if stop else sentence
    for part in (sentence.rsplit("=", 1)[-1], sentence):
        number = _FIRST_NUMBER.search(part)
        if number:
            return number[0]
    return None


@cache
def _announcements() -> dict[str, bool]:
    """What announces an answer, and whether its number follows directly."""
    rows = literals("maths").values()
    headings = {words.lower() for row in rows for words in row["headings"]}
    sentences = {words.lower() for row in rows for words in row["announcements"]}
    return {
        **dict.fromkeys(sorted(sentences), False),
        **dict.fromkeys((*_OF_ALL_LANGUAGES, *sorted(headings)), True),
    }
