"""A sample of an evaluation's prompts with their answers and grades, small enough for a page."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.store import shard_paths
from isoglot.report.cards.browser import Browser, Card, Facet, conversation, cut, drawn, read_rows
from isoglot.report.results.measures import OFF_TARGET, language_name, metric_name
from isoglot.report.tables import percent

NUM_CARDS = 1500
"""About so many in a page, over all tasks, languages and grades."""

_GRADES = {"high": "50 % and more", "low": "under 50 %", "unknown": "no value"}
_TONGUES = {"asked": "in the language asked for", "other": "off-target", "unknown": "unknown"}
_GRADED = ("family", "prompt_id", "language", "metric", "value")

Key = tuple[str, str]
"""Family and prompt id."""


def answer_browser(folder: Path, tasks: Sequence[str], notes: list[str]) -> Browser:
    """The browser of an evaluation's folder: an even draw that is the same each time.

    A task whose answers are not in the folder is left out.
    """
    present = [task for task in tasks if (folder / task / "graded.parquet").exists()]
    cards = [card for task in present for card in _cards(folder / task, task, len(present), notes)]
    tags = sorted({card.language for card in cards}, key=language_name)
    return Browser(
        title="Prompts and answers, one by one",
        caption="A sample that is the same each time, drawn from each task, language and grade.",
        missing="The folder has no prompts and answers to show.",
        noun="answers",
        cards=cards,
        facets=[
            Facet("task", "Task", [(task, task) for task in present], next(iter(present), "")),
            Facet("language", "Language", [(t, language_name(t)) for t in tags]),
            Facet("grade", "Grade", list(_GRADES.items())),
            Facet("tongue", "Answer is", list(_TONGUES.items())),
        ],
    )


def _cards(folder: Path, task: str, num_tasks: int, notes: list[str]) -> Iterator[Card]:
    path = folder / "graded.parquet"
    metric = next((str(row["metric"]) for row in read_rows([path], _GRADED, notes)), "")
    tags = {row["language"] for row in read_rows([path], ("language",), notes)}
    limit = max(2, NUM_CARDS // (num_tasks * max(1, len(tags)) * len(_GRADES)))
    main = (row for row in read_rows([path], _GRADED, notes) if row["metric"] == metric)
    chosen = {_key(row) for row in drawn(main, limit, _cell, _key)}
    grades: dict[Key, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in read_rows([path], _GRADED, notes):
        if (key := _key(row)) in chosen:
            grades[key][row["metric"]].append(row["value"])
    asked = read_rows(
        _shards(folder, "prompts"), ("family", "prompt_id", "language", "prompt", "gold"), notes
    )
    prompts = {_key(row): row for row in asked if _key(row) in chosen}
    for key, index, sides in _answers(folder, prompts, notes):
        graded = {name: _nth(values, index) for name, values in grades[key].items()}
        yield _card(task, prompts[key], metric, graded, sides)


def _shards(folder: Path, name: str) -> list[Path]:
    """Those of a task, and of the later turns of its conversations."""
    turns = (folder, *sorted(folder.glob("turn-*")))
    return [path for turn in turns for path in shard_paths(turn / name)]


def _key(row: Mapping[str, Any]) -> Key:
    return str(row["family"]), str(row["prompt_id"])


def _cell(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["language"]), _grade(row["value"])


def _grade(value: float | None) -> str:
    return "unknown" if value is None else "high" if value >= 0.5 else "low"


def _tongue(off_target: float | None) -> str:
    return "unknown" if off_target is None else "other" if off_target else "asked"


def _nth(values: Sequence[Any], index: int) -> Any:
    """The grade of a prompt's answer; None where grades and answers do not go together."""
    return values[index] if index < len(values) else None


def _answers(
    folder: Path, prompts: Mapping[Key, Mapping[str, Any]], notes: list[str]
) -> Iterator[tuple[Key, int, list[dict[str, str]]]]:
    """Key of the prompt, number of the answer, and what a card shows of it."""
    columns = ("family", "prompt_id", "text", "finish_reason", "identified_language", "sample")
    seen: dict[Key, int] = defaultdict(int)
    for row in _chosen(read_rows(_shards(folder, "completions"), columns, notes), prompts):
        yield _key(row), seen[_key(row)], [_answer(row)]
        seen[_key(row)] += 1
    columns = ("family", "prompt_id", "label", "text", "log_probability", "num_tokens")
    choices: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for row in _chosen(read_rows(_shards(folder, "choices"), columns, notes), prompts):
        choices[_key(row)].append(row)
    for key, rows in choices.items():
        yield key, 0, [_choice(row, str(prompts[key].get("gold"))) for row in rows]


def _chosen(
    rows: Iterable[Mapping[str, Any]], prompts: Mapping[Key, Any]
) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if _key(row) in prompts)


def _answer(row: Mapping[str, Any]) -> dict[str, str]:
    tag, ended = row.get("identified_language"), row.get("finish_reason")
    facts = ["answer", tag and f"identified: {tag}", ended not in ("stop", None) and f"{ended}"]
    note = " · ".join(str(fact) for fact in facts if fact)
    return {"name": "answer", "note": note, "text": cut(str(row["text"]))}


def _choice(row: Mapping[str, Any], gold: str) -> dict[str, str]:
    likelihood, is_gold = row.get("log_probability"), row["label"] == gold
    facts = [
        str(row["label"]),
        "gold" if is_gold else "",
        "likelihood unknown" if likelihood is None else f"log-probability {likelihood:.2f}",
        f"{row.get('num_tokens')} tokens",
    ]
    note = " · ".join(fact for fact in facts if fact)
    return {"name": "gold" if is_gold else "answer", "note": note, "text": cut(str(row["text"]))}


def _card(
    task: str,
    prompt: Mapping[str, Any],
    metric: str,
    graded: Mapping[str, Any],
    sides: Sequence[dict[str, str]],
) -> Card:
    tag, off_target = str(prompt["language"]), graded.get(OFF_TARGET)
    values = [
        f"{metric_name(name)} {percent(value)}"
        for name, value in graded.items()
        if name != OFF_TARGET
    ]
    gold = f"gold: {cut(str(prompt['gold']))}" if prompt.get("gold") is not None else ""
    return Card(
        facets={
            "task": task,
            "language": tag,
            "grade": "unknown" if metric == OFF_TARGET else _grade(graded.get(metric)),
            "tongue": _tongue(off_target),
        },
        meta=" · ".join(part for part in [task, language_name(tag), *values, gold] if part),
        flag="off-target" if off_target else "",
        language=tag,
        prompt=cut(conversation(prompt)),
        sides=sides,
    )
