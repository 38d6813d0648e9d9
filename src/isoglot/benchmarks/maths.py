"""Mathematical word problems (MGSM, MSVAMP): prompts, and the number that a solution states.

The words of every language are in `maths.toml`; `stated_number` reads the answers.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from isoglot.benchmarks.benchmark import Benchmark, Example, PromptFormat, ReadSplit, literals
from isoglot.benchmarks.conversations import Shot, build_example, first_shots
from isoglot.benchmarks.rows import cell, position, text_cell
from isoglot.benchmarks.stated_number import is_announced, stated_number
from isoglot.core.errors import InputError
from isoglot.core.records import Prompt
from isoglot.core.rows import Row
from isoglot.evals.metric import mean_of

VARIANTS = ("native_cot", "english_cot", "direct")
"""Worked answer in the language of the problem, worked answer in English, or only the number."""

_ENGLISH_COT = (
    "Solve the following problem step by step, and write your solution in English. End it with "
    "the sentence “The answer is N.”, where N is the final number."
)

_GOLD = re.compile(r"[-−]?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")


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
                gold=str(_gold_of(row, answer, f"{name}[{tag}], row {place + 1}")),
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
        number = answer_number(text, tag)
    if direct:
        return str(number)
    words = literals("maths")[tag]
    return text if is_announced(text, tag) else f"{text} {words['answer'].format(number=number)}"


def _without_label(text: str, tag: str) -> str:
    """Remove the published `Question:` or `Step-by-Step Answer:` before a text."""
    for label in literals("maths")[tag]["labels"]:
        if start := re.match(rf"\s*{re.escape(label)}\s*[:：]\s*", text):
            return text[start.end() :].strip()
    return text.strip()


def gold_number(published: object) -> Decimal:
    """Parse the number of a published answer: `18`, `5,600`, `22800.0`.

    A comma stands before groups of three digits only: `12,5` is no number of a published set.
    """
    text = str(published).strip()
    if not _GOLD.fullmatch(text):
        raise InputError(
            f"expected a number as gold answer, such as 18 or 5,600.5, came {text!r:.40}; give the "
            "set as it is published"
        )
    return Decimal(text.replace(",", "").replace("−", "-"))


def _gold_of(row: Row, columns: Sequence[str], place: str) -> Decimal:
    try:
        return gold_number(cell(row, *columns))
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def answer_number(text: str, tag: str = "en") -> Decimal | None:
    """Return the number that a solution in a language states, or else the last one in it.

    None without any, and where its value is unknown or no decimal fraction of 28 digits.
    """
    number = stated_number(text, tag)
    if number is None or len(number.values) != 1:
        return None
    [value] = number.values
    decimal = Decimal(value.numerator) / Decimal(value.denominator)
    return decimal if Fraction(decimal) == value else None


def grade_number(prompt: Prompt, text: str) -> float | None:
    """Return 1.0 if the number that an answer states is the gold, and 0.0 if not, or if none is.

    A single group of three digits (`1.125`) is read as thousands, unless the gold has decimals.
    None where the value of the number is unknown: a time, a duration, a range with the gold in it.
    """
    number = stated_number(text, prompt.answer_language, (prompt.text,))
    if number is None:
        return 0.0
    is_gold = number.equals(Fraction(gold_number(prompt.gold)))
    return None if is_gold is None else float(is_gold)


MATHS_ACCURACY = mean_of("accuracy", grade_number)
"""Share of problems with exactly the right number."""
