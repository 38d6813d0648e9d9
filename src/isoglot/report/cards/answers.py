"""Cards of an evaluation: prompts with their answers and grades."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from isoglot.core.records import Choice, Completion, Graded, Prompt, PromptKey, prompt_key
from isoglot.core.store import shard_paths
from isoglot.report.cards.card import (
    Card,
    Cards,
    Facet,
    Side,
    by_prompt,
    conversation,
    cut,
    join_facts,
    language_facet,
    read_records,
    sample,
)
from isoglot.report.results.names import language_name, metric_name
from isoglot.report.results.rows import OFF_TARGET
from isoglot.report.table import number

NUM_ANSWERS = 1500
"""About so many cards in a page, over all tasks, languages and grades."""

_GRADES = {"high": "50 % and more", "low": "under 50 %", "unknown": "no value"}
_LANGUAGES = {"asked": "in the language asked for", "other": "off-target", "unknown": "unknown"}

_Grades = Mapping[str, Sequence[float | None]]  # metric → value of each answer to a prompt


def answer_cards(folder: Path, tasks: Sequence[str], notes: list[str]) -> Cards:
    """An even draw of answers, the same each time.

    A task whose answers are not in the folder is left out.
    """
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
    read = partial(read_records, [folder / "graded.parquet"], Graded, notes)
    metric = next((row.metric for row in read()), "")
    num = NUM_ANSWERS // num_tasks
    chosen = sample(lambda: (r for r in read() if r.metric == metric), _kind, prompt_key, num)
    keys = {prompt_key(row) for row in chosen}
    grades: dict[PromptKey, dict[str, list[float | None]]] = defaultdict(lambda: defaultdict(list))
    for row in read():
        if prompt_key(row) in keys:
            grades[prompt_key(row)][row.metric].append(row.value)
    prompts = by_prompt(read_records(_shards(folder, "prompts"), Prompt, notes), keys)
    seen: dict[PromptKey, int] = defaultdict(int)
    for answer in read_records(_shards(folder, "completions"), Completion, notes):
        if (key := prompt_key(answer)) in prompts:
            yield _card(
                folder.name, prompts[key], metric, grades[key], seen[key], [_answer(answer)]
            )
            seen[key] += 1
    choices: dict[PromptKey, list[Choice]] = defaultdict(list)
    for choice in read_records(_shards(folder, "choices"), Choice, notes):
        if prompt_key(choice) in prompts:
            choices[prompt_key(choice)].append(choice)
    for key, offered in choices.items():
        sides = [_choice(choice, prompts[key].gold) for choice in offered]
        yield _card(folder.name, prompts[key], metric, grades[key], 0, sides)


def _shards(folder: Path, name: str) -> list[Path]:
    """List the shards of a task, and of the later turns of its conversations."""
    turns = (folder, *sorted(folder.glob("turn-*")))
    return [path for turn in turns for path in shard_paths(turn / name)]


def _kind(row: Graded) -> tuple[str, str]:
    return row.language, _grade(row.value)


def _grade(value: float | None) -> str:
    return "unknown" if value is None else "high" if value >= 0.5 else "low"


def _answer(row: Completion) -> Side:
    tag, ended = row.identified_language, row.finish_reason
    facts = ["answer", tag and f"identified: {tag}", None if ended == "stop" else ended]
    return Side("answer", join_facts(facts), cut(row.text))


def _choice(row: Choice, gold: str | None) -> Side:
    value, is_gold = row.log_probability, row.label == gold
    facts = [
        row.label,
        "gold" if is_gold else "",
        "likelihood unknown" if value is None else f"log-probability {value:.2f}",
        f"{row.num_tokens} tokens",
    ]
    return Side("gold" if is_gold else "answer", join_facts(facts), cut(row.text))


def _card(
    task: str, prompt: Prompt, metric: str, grades: _Grades, index: int, sides: Sequence[Side]
) -> Card:
    """The card of one answer, the `index`th to its prompt."""
    # No grade where grades and answers do not go together.
    graded = {name: _nth(values, index) for name, values in grades.items()}
    off_target = graded.get(OFF_TARGET)
    values = [f"{metric_name(n)} {number(v)}" for n, v in graded.items() if n != OFF_TARGET]
    gold = "" if prompt.gold is None else f"gold: {cut(prompt.gold)}"
    return Card(
        facets={
            "task": task,
            "language": prompt.language,
            "grade": "unknown" if metric == OFF_TARGET else _grade(graded.get(metric)),
            "answer_language": "unknown"
            if off_target is None
            else "other"
            if off_target
            else "asked",
        },
        meta=join_facts([task, language_name(prompt.language), *values, gold]),
        flag="off-target" if off_target else "",
        language=prompt.language,
        prompt=conversation(prompt.prompt),
        sides=sides,
    )


def _nth(values: Sequence[float | None], index: int) -> float | None:
    return values[index] if index < len(values) else None
