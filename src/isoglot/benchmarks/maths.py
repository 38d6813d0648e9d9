"""Mathematical word problems (MGSM, MSVAMP): prompts, and the number that a solution states.

The words of every language are in `maths.toml`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, literals
from isoglot.benchmarks.conversations import Shot, build_example, first_shots
from isoglot.benchmarks.rows import cell, position, text_cell
from isoglot.core.errors import InputError
from isoglot.core.records import Prompt
from isoglot.core.rows import Row
from isoglot.core.text import last_number
from isoglot.evals.metric import mean_of

VARIANTS = ("native_cot", "english_cot", "direct")
"""Worked answer in the language of the problem, worked answer in English, or only the number."""

_ENGLISH_COT = (
    "Solve the following problem step by step, and write your solution in English. End it with "
    "the sentence “The answer is N.”, where N is the final number."
)

# Read in any language: an answer in another language than requested is off target, not wrong.
_OF_ALL_LANGUAGES = ("####", "\\boxed{")
_MARKUP = str.maketrans("", "", "*_`")
_OPENING = " \t\n\u00a0\u202f:：ঃ=～—–(（「『“„«\"'$€£¥₹฿"  # not the hyphen, which may be a minus
_SENTENCE_END = re.compile(r"[\n!?！？。।]|\.(?=\s|$)")
_FIRST_NUMBER = re.compile(r"[-−－﹣]?\d+(?:[.,'’٫٬．]\d+|[ \u00a0\u2009\u202f]\d{3}(?!\d))*")
_MAX_SENTENCE_CHARS = 400
_THREE_DECIMALS = re.compile(r"[-−－﹣]?\d{1,3}[.,٫．]\d{3}")


def maths_benchmark(
    name: str, *, problem: Callable[[str], Sequence[str]], answer: Sequence[str]
) -> Benchmark:
    """Build a benchmark of word problems.

    `problem` returns the columns of the problem in the rows of a language, `answer` names those of
    its number; of several, the first with a value is read.
    """

    def read(rows: ReadSplit, tag: str, prompt_format: PromptFormat) -> list[Example]:
        variant = prompt_format.variant
        instruction = _ENGLISH_COT if variant == "english_cot" else literals("maths")[tag][variant]
        worked = _worked_examples(name, rows, tag, variant, instruction)
        shots = first_shots(worked, prompt_format.shots, name)
        return [
            build_example(
                f"{instruction}\n\n{text_cell(row, *problem(tag))}",
                language=tag,
                family=f"{name}-{position(row, place, 'i')}",
                shots=shots,
                answer_language="en" if variant == "english_cot" else tag,
                gold=str(gold_number(cell(row, *answer))),
                source=name,
            )
            for place, row in enumerate(rows("test"))
        ]

    return Benchmark(name, read, (MATHS_ACCURACY,), variants=VARIANTS)


def _worked_examples(
    name: str, rows: ReadSplit, tag: str, variant: str, instruction: str
) -> Iterator[Shot]:
    """Pair problems with worked answers, which for `english_cot` are those of the English split."""
    problems = rows("train")
    answer_tag = "en" if variant == "english_cot" else tag
    answers = problems if answer_tag == tag else rows(f"train@{answer_tag}")
    if len(answers) != len(problems):
        raise InputError(
            f"{name}[{tag}]: expected as many worked examples in {answer_tag!r} as in {tag!r}, "
            f"came {len(answers)} and {len(problems)}; complete the file"
        )
    for problem, worked in zip(problems, answers, strict=True):
        text = _without_label(str(cell(problem, "question")), tag)
        answer = _worked_answer(worked, answer_tag, direct=variant == "direct")
        yield Shot(f"{instruction}\n\n{text}", answer)


def _worked_answer(row: Row, tag: str, *, direct: bool) -> str:
    """Return the worked answer with a sentence that states its number, or only the number."""
    text = _without_label(str(cell(row, "answer")), tag)
    number = row.get("answer_number")
    if number is None:
        number = answer_number(text)
    if direct:
        return str(number)
    words = literals("maths")[tag]
    return text if _stated_number(text) else f"{text} {words['answer'].format(number=number)}"


def _without_label(text: str, tag: str) -> str:
    """Remove the published `Question:` or `Step-by-Step Answer:` before a text."""
    for label in literals("maths")[tag]["labels"]:
        if start := re.match(rf"\s*{re.escape(label)}\s*[:：]\s*", text):
            return text[start.end() :].strip()
    return text.strip()


def gold_number(published: object) -> Decimal:
    """Parse the number of a published answer: `18`, `5,600`, `22800.0`."""
    text = str(published).replace(",", "").strip()
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InputError(
            f"expected a number as gold answer, came {text!r:.40}; give the set as it is published"
        ) from error


def answer_number(text: str) -> Decimal | None:
    """Return the number that a solution states, or else the last one in it; None without any."""
    run = _stated_number(text)
    return last_number(text if run is None else run)


def grade_number(prompt: Prompt, text: str) -> float:
    """Return 1.0 if the stated number, or else the last one, is the gold, and 0.0 otherwise.

    A single group of three digits (`1.125`) is read as thousands, unless the gold has decimals.
    """
    gold = gold_number(prompt.gold)
    number = answer_number(text)
    if number == gold:
        return 1.0
    if number is None or gold == gold.to_integral_value():
        return 0.0
    run = _stated_number(text) or (_FIRST_NUMBER.findall(text) or [""])[-1]
    decimal = re.sub(r"[,٫．]", ".", run).translate(str.maketrans("−－﹣", "---"))
    return float(bool(_THREE_DECIMALS.fullmatch(run)) and Decimal(decimal) == gold)


MATHS_ACCURACY = mean_of("accuracy", grade_number)
"""Share of problems with exactly the right number."""


def _stated_number(text: str) -> str | None:
    """Return the digits, as written, of the last stated answer that has any."""
    body = text.lower().translate(_MARKUP).replace("{,}", ",").replace("\\,", "")
    end = len(body)
    while True:
        found = [(body.rfind(words, 0, end), words) for words in _announcements()]
        start, words = max(found, key=lambda at: at[0] + len(at[1]) if at[0] >= 0 else -1)
        if start < 0:
            return None
        after = body[start + len(words) : start + len(words) + _MAX_SENTENCE_CHARS]
        if run := _number_of(after, directly=_announcements()[words]):
            return run
        end = start + len(words) - 1


def _number_of(announcement: str, *, directly: bool) -> str | None:
    """Return the last result of the sentence or its first number; `directly`: only at its start."""
    sentence = announcement.lstrip(_OPENING).removeprefix("- ")
    if directly and not _FIRST_NUMBER.match(sentence.lstrip(_OPENING)):
        return None
    stop = _SENTENCE_END.search(sentence)
    sentence = sentence[: stop.start()] if stop else sentence
    for part in (sentence.rsplit("=", 1)[-1], sentence):
        if number := _FIRST_NUMBER.search(part):
            return number[0]
    return None


@cache
def _announcements() -> dict[str, bool]:
    """Map the words before an answer to whether its number follows directly."""
    rows = literals("maths").values()
    headings = {words.lower() for row in rows for words in row["headings"]}
    sentences = {words.lower() for row in rows for words in row["announcements"]}
    return {
        **dict.fromkeys(sorted(sentences), False),
        **dict.fromkeys((*_OF_ALL_LANGUAGES, *sorted(headings)), True),
    }
