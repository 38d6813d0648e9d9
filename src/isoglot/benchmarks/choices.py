"""What the multiple-choice benchmarks share: how a question is asked, and how a choice is graded.

By likelihood, the choice is the one whose text the model finds likeliest after the prompt; by
generation, the one that the written answer announces. Labels have names (`B`, `paraphrase`): a
published number becomes a name in one place, the benchmark's own file.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from isoglot.benchmarks.benchmark import Ask, Example, Rows
from isoglot.benchmarks.stated_choice import Offered, announced, words_of
from isoglot.core.errors import InputError
from isoglot.core.records import Choice, Prompt, content_id
from isoglot.core.rows import Row
from isoglot.core.text import length_chars
from isoglot.evals.metric import mean_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What stands before the options of a question."""

ENGLISH = "english"
"""The variant that asks in English, whatever the language of the question."""


_OKAPI_TAGS = """
ar bn ca da de es eu fr gu hi hr hu hy id it kn ml mr ne nl pt ro ru sk sr sv ta te uk vi
"""

OKAPI = {tag: tag for tag in _OKAPI_TAGS.split()} | {"zh-Hans": "zh"}
"""The languages of Okapi's benchmarks, and what they are called there."""


@dataclass(frozen=True, slots=True)
class Question:
    """A published row, with names for its parts."""

    family: str
    """The same in every language, where the benchmark is parallel."""
    text: str
    """What is asked, without the options."""
    options: Mapping[str, str]
    """Label → text, in the order in which they are shown."""
    gold: str
    """Label of the right one."""
    passage: str = ""
    subject: str = ""
    """Worked examples are taken from the same subject."""
    stem: str = ""
    """By likelihood: what an option continues, where it does not answer the question."""
    endings: Mapping[str, str] = field(default_factory=dict)
    """By likelihood: label → what follows the stem, with its blank."""


def named(value: Any, names: Mapping[str, str], what: str, row: Row) -> str:
    """The name of a published label; raises InputError for one that is not among them."""
    published = str(value).strip()
    if published not in names:
        raise InputError(
            f"{what} of row {str(dict(row))[:80]!r}: expected {' or '.join(names)}, came "
            f"{value!r}; give the set as it is published"
        )
    return names[published]


def family_of(benchmark: str, *key: object) -> str:
    """The family of a row: content id of what it is in every language."""
    return content_id(benchmark, *map(str, key))


def words_for(tag: str, variant: str) -> Mapping[str, Any]:
    """The words to ask with: those of the language, or English ones for the variant `english`."""
    return words_of("en" if variant == ENGLISH else tag)


def worked_examples(
    name: str,
    ask: Ask,
    rows: Rows,
    read: Callable[[Sequence[Row]], list[Question]],
    questions: Sequence[Question],
) -> list[Question]:
    """Questions that can be worked examples: those of `train` that are not asked themselves.

    Raises InputError where there are fewer than `ask.shots`.
    """
    if not ask.shots:
        return []
    asked = {
        (question.passage, question.text, *question.options.values()) for question in questions
    }
    found = [
        q for q in read(rows("train")) if (q.passage, q.text, *q.options.values()) not in asked
    ]
    for subject in {question.subject for question in questions}:
        num = sum(shot.subject == subject for shot in found)
        if num < ask.shots:
            of_subject = f" of {subject}" if subject else ""
            raise InputError(
                f"{name}: expected {ask.shots} worked examples{of_subject}, came {num}; "
                "ask with fewer shots"
            )
    return found


def no_worked_examples(name: str, ask: Ask) -> None:
    """Raises InputError where shots are asked of a benchmark that has none."""
    if ask.shots:
        raise InputError(
            f"{name}: expected 0 shots, for no worked examples are published, came {ask.shots}; "
            "leave `shots` out"
        )


def lettered(
    tag: str,
    questions: Sequence[Question],
    shots: Sequence[Question],
    ask: Ask,
    *,
    likelihood: bool,
) -> list[Example]:
    """Questions whose options are shown with letters, and whose answer is a letter.

    By likelihood it is the letter that is scored, after the very prompt of generation.
    """
    words = words_for(tag, ask.variant)
    examples = []
    for question in questions:
        before = _shots(question, shots, ask)
        parts = [
            words["instruction"],
            *(_shown(shot, words) + after(words["answer"], _letter_of(shot)) for shot in before),
            _shown(question, words),
        ]
        letters = dict(zip(LETTERS, question.options, strict=False))
        choices = {label: after(words["answer"], letter) for letter, label in letters.items()}
        texts = {label: [text] for label, text in question.options.items()}
        gold = question.gold if likelihood else written_gold(question.gold, letters, texts)
        prompt = prompt_of("\n\n".join(parts), tag, question.family, gold)
        examples.append(Example(prompt, choices if likelihood else {}))
    return examples


def cloze(
    tag: str, questions: Sequence[Question], shots: Sequence[Question], ask: Ask
) -> list[Example]:
    """Questions whose options are not shown: their texts are scored, by likelihood.

    They continue the stem; without one they answer the question.
    """
    words = words_for(tag, ask.variant)

    def stem(question: Question) -> str:
        asked = f"{words['question'].format(text=question.text)}\n{words['answer']}"
        return question.stem or asked

    def endings(question: Question) -> Mapping[str, str]:
        start = stem(question)
        follow = {label: after(start, option) for label, option in question.options.items()}
        return question.endings or follow

    examples = []
    for question in questions:
        answered = [stem(q) + endings(q)[q.gold] for q in _shots(question, shots, ask)]
        text = "\n\n".join([*answered, stem(question)])
        prompt = prompt_of(text, tag, question.family, question.gold)
        examples.append(Example(prompt, endings(question)))
    return examples


def prompt_of(text: str, tag: str, family: str, gold: str) -> Prompt:
    """The prompt of a question."""
    return Prompt.from_text(text, language=tag, family=family, gold=gold)


def after(prompt: str, text: str) -> str:
    """A text that follows a prompt: with a blank, but for full-width signs and lines, whose blank
    is their own."""
    return text if not prompt or prompt[-1] in "：？！。，、\n " else f" {text}"


def _shots(question: Question, shots: Sequence[Question], ask: Ask) -> list[Question]:
    return [shot for shot in shots if shot.subject == question.subject][: ask.shots]


def _shown(question: Question, words: Mapping[str, Any]) -> str:
    passage = [words["passage"].format(text=question.passage)] if question.passage else []
    options = [
        f"{letter}. {text}"
        for letter, text in zip(LETTERS, question.options.values(), strict=False)
    ]
    return "\n".join(
        [*passage, words["question"].format(text=question.text), *options, words["answer"]]
    )


def _letter_of(question: Question) -> str:
    return LETTERS[list(question.options).index(question.gold)]


# Grades


def written_gold(label: str, letters: Mapping[str, str], texts: Mapping[str, Sequence[str]]) -> str:
    """The gold of a question that is answered in writing: JSON with all that was offered."""
    offered = {
        "label": label,
        "letters": dict(letters),
        "texts": {k: list(v) for k, v in texts.items()},
    }
    return json.dumps(offered, ensure_ascii=False)


def grade_written(prompt: Prompt, text: str) -> float | None:
    """1.0 where the text announces the gold label, 0.0 for another; None where it is unreadable."""
    try:
        gold = json.loads(prompt.gold or "")
        offered = Offered(gold["letters"], gold["texts"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"prompt {prompt.prompt_id}: expected a gold with all that was offered, came "
            f"{prompt.gold!r:.60}; it was asked by likelihood, ask by generation"
        ) from error
    label = announced(text, offered, prompt.language)
    return None if label is None else float(label == gold["label"])


Length = Literal["sum", "char"]


def grade_likeliest(
    prompt: Prompt, choices: Sequence[Choice], length: Length = "sum"
) -> float | None:
    """1.0 where the gold label is the likeliest, 0.0 where another is; a share of 1.0 in a tie.

    `sum` compares log-probabilities as they are, `char` those for each character of a choice. None
    where the likelihood of any choice is unknown: the missing one might have been the likeliest.
    """
    values = {}
    for choice in choices:
        value = choice.log_probability
        if value is None or math.isnan(value):
            return None
        divisor = max(1, length_chars(choice.text)) if length == "char" else 1
        values[choice.label] = value / divisor
    if prompt.gold not in values:
        raise InputError(
            f"prompt {prompt.prompt_id}: expected a choice with the gold label {prompt.gold!r}, "
            f"came {', '.join(values)}; write the choices again"
        )
    best = max(values.values())
    likeliest = [label for label, value in values.items() if value == best]
    return 1 / len(likeliest) if prompt.gold in likeliest else 0.0


def not_written(_prompt: Prompt, _text: str) -> float | None:
    """The grade of a written answer by a metric of likelihoods: none."""
    return None


ACCURACY = mean_of("accuracy", grade_written, grade_likeliest)

ACCURACY_PER_CHAR = mean_of(
    "accuracy_per_char",
    not_written,
    lambda prompt, choices: grade_likeliest(prompt, choices, "char"),
)
"""As `acc_norm` of lm-eval: the sum of log-probabilities over the characters of a choice."""
