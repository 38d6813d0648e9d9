"""Cards of an evaluation: prompts with their answers and grades."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from isoglot.core.records import Choice, Completion, Graded, Prompt, PromptKey, prompt_key
from isoglot.report.cards.card import (
    Card,
    Cards,
    Facet,
    RecordReader,
    Side,
    conversation,
    cut,
    join_facts,
    language_facet,
    sample,
)
from isoglot.report.cells import number
from isoglot.report.results.names import language_name, metric_name
from isoglot.report.results.rows import MIXED, OFF_TARGET, THOUGHT_OFF_TARGET

NUM_ANSWERS = 1500
"""At most so many cards in a page, over all tasks, languages and grades."""

_GRADES = {"high": "50 % and more", "low": "under 50 %", "unknown": "no value"}
_FAULTS = (OFF_TARGET, THOUGHT_OFF_TARGET, MIXED)
_FLAGS = {"other": "off-target", "mixed": "mixed"}
_LANGUAGES = {"asked": "in the language asked for", **_FLAGS, "unknown": "unknown"}


def answer_cards(folder: Path, tasks: Sequence[str], notes: list[str]) -> Cards:
    """Draw answers evenly, the same each time; a task without answers in the folder is left out."""
    present = [task for task in tasks if (folder / task / "graded.parquet").exists()]
    cards = [card for task in present for card in _cards(folder / task, len(present), notes)]
    return Cards(
        title="Prompts and answers, one by one",
        caption="A sample that is the same each time, drawn from each task, language and grade.",
        missing="The folder has no prompts and answers to show.",
        noun="answers",
        cards=cards,
        facets=[
            Facet("task", "Task", {task: task for task in present}, next(iter(present), "")),
            language_facet(cards),
            Facet("grade", "Grade", _GRADES),
            Facet("answer_language", "Answer is", _LANGUAGES),
        ],
    )


def _cards(folder: Path, num_tasks: int, notes: list[str]) -> Iterator[Card]:
    reader = RecordReader(folder, notes)
    read = partial(reader.read, "graded.parquet", Graded)
    metric = next((row.metric for row in read()), "")
    chosen = sample(
        lambda: (row for row in read() if row.metric == metric),
        lambda row: (row.language, _grade(row.value)),
        prompt_key,
        NUM_ANSWERS // num_tasks,
    )
    prompts = reader.by_prompt("prompts", Prompt, chosen)
    grades: dict[PromptKey, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for row in read():
        if prompt_key(row) in prompts:
            grades[prompt_key(row)][row.metric].append(row.value)
    num_seen: Counter[PromptKey] = Counter()
    for answer in reader.read("completions", Completion):
        if (key := prompt_key(answer)) in prompts:
            graded = _nth_grades(grades[key], num_seen[key])
            yield _card(folder.name, prompts[key], metric, graded, [_answer(answer, prompts[key])])
            num_seen[key] += 1
    choices: dict[PromptKey, list[Choice]] = defaultdict(list)
    for choice in reader.read("choices", Choice):
        if prompt_key(choice) in prompts:
            choices[prompt_key(choice)].append(choice)
    for key, offered in choices.items():
        sides = [_choice(choice, prompts[key]) for choice in offered]
        yield _card(folder.name, prompts[key], metric, _nth_grades(grades[key], 0), sides)


def _grade(value: float | None) -> str:
    return "unknown" if value is None else "high" if value >= 0.5 else "low"


def _answer_language(grades: Mapping[str, float | None]) -> str:
    off_target = grades.get(OFF_TARGET)
    if off_target or grades.get(MIXED):
        return "other" if off_target else "mixed"
    return "unknown" if off_target is None else "asked"


def _answer(row: Completion, prompt: Prompt) -> Side:
    tag, ended = row.identified_language, row.finish_reason
    facts = ["answer", tag and f"identified: {tag}", None if ended == "stop" else ended]
    language, thought = tag or prompt.answer_language, cut(row.thought or "")
    return Side("answer", join_facts(facts), cut(row.text), language, thought)


def _choice(row: Choice, prompt: Prompt) -> Side:
    value, is_gold = row.log_probability, row.label == prompt.gold
    facts = [
        row.label,
        "gold" if is_gold else "",
        "likelihood unknown" if value is None else f"log-probability {value:.2f}",
        f"{row.num_tokens} tokens",
    ]
    name = "gold" if is_gold else "answer"
    return Side(name, join_facts(facts), cut(row.text), prompt.answer_language)


def _nth_grades(
    grades: Mapping[str, Sequence[float | None]], index: int
) -> dict[str, float | None]:
    """Metric → grade of the `index`th answer; None if grades and answers do not go together."""
    return {n: part[index] if index < len(part) else None for n, part in grades.items()}


def _card(
    task: str,
    prompt: Prompt,
    metric: str,
    grades: Mapping[str, float | None],
    sides: Sequence[Side],
) -> Card:
    values = [f"{metric_name(n)} {number(v)}" for n, v in grades.items() if n not in _FAULTS]
    gold = "" if prompt.gold is None else f"gold: {cut(prompt.gold)}"
    language = _answer_language(grades)
    thinks_elsewhere = bool(grades.get(THOUGHT_OFF_TARGET))
    return Card(
        facets={
            "task": task,
            "language": prompt.language,
            "grade": "unknown" if metric in _FAULTS else _grade(grades.get(metric)),
            "answer_language": language,
        },
        meta=join_facts([task, language_name(prompt.language), *values, gold]),
        flag=join_facts([_FLAGS.get(language), "thought off-target" * thinks_elsewhere]),
        language=prompt.language,
        prompt=conversation(prompt.prompt),
        sides=sides,
    )
