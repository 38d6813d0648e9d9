"""A sample of a judged comparison: both answers to a prompt and what the judge said of them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.core.store import shard_paths
from isoglot.report.cards.browser import Browser, Card, Facet, conversation, cut, drawn, read_rows
from isoglot.report.results.measures import language_name

Key = tuple[str, str]
"""Family and prompt id."""

NUM_CARDS = 800
"""About so many in a page, over all languages and outcomes."""

_VERDICT = (
    "family", "prompt_id", "language", "a", "b", "forward", "backward", "forward_score",
    "backward_score", "forward_text", "backward_text",
)  # fmt: skip
_OUTCOMES = {
    "win": "A wins in both orders",
    "loss": "B wins in both orders",
    "tie": "a tie in both orders",
    "order": "orders differ",
    "invalid": "unreadable",
}
_ABSENT = "[the folder has no such answer]"


def verdict_browser(folder: Path, notes: list[str]) -> Browser:
    """The browser of a judged comparison: an even draw that is the same each time.

    Prompts and both answers are read from the folder too, where they were kept.
    """
    shards = shard_paths(folder / "verdicts")
    cells = {_cell(row) for row in read_rows(shards, _VERDICT, notes)}
    limit = max(2, NUM_CARDS // max(1, len(cells)))
    verdicts = list(drawn(read_rows(shards, _VERDICT, []), limit, _cell, _key))
    keys = {_key(row) for row in verdicts}
    prompts = _texts(folder / "prompts", conversation, keys, notes)
    answers = {side: _texts(folder / side, _answer_text, keys, notes) for side in ("a", "b")}
    tags = sorted({str(row["language"]) for row in verdicts}, key=language_name)
    return Browser(
        title="Prompts and verdicts, one by one",
        caption="A sample that is the same each time, drawn from each language and outcome. The "
        "judge saw each pair of answers in both orders.",
        missing="The folder has no verdicts to show.",
        noun="pairs",
        cards=[_card(row, prompts, answers) for row in verdicts],
        facets=[
            Facet("language", "Language", [(tag, language_name(tag)) for tag in tags]),
            Facet("outcome", "Verdict", list(_OUTCOMES.items())),
        ],
    )


def outcome(row: Mapping[str, Any]) -> str:
    """What both orders of a verdict say together; `order` where they differ."""
    both = {str(row["forward"]), str(row["backward"])}
    if "invalid" in both:
        return "invalid"
    return both.pop() if len(both) == 1 else "order"


def _cell(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["language"]), outcome(row)


def _key(row: Mapping[str, Any]) -> Key:
    return str(row["family"]), str(row["prompt_id"])


def _texts(
    folder: Path, text: Callable[[Mapping[str, Any]], str], wanted: set[Key], notes: list[str]
) -> dict[Key, str]:
    """The text of each wanted row of the folder's shards."""
    rows = read_rows(shard_paths(folder), ("family", "prompt_id", "prompt", "text"), notes)
    return {_key(row): text(row) for row in rows if _key(row) in wanted}


def _answer_text(row: Mapping[str, Any]) -> str:
    return str(row["text"])


def _card(
    row: Mapping[str, Any], prompts: Mapping[Key, str], answers: Mapping[str, Mapping[Key, str]]
) -> Card:
    found, tag = outcome(row), str(row["language"])
    sides = [
        {
            "name": place,
            "note": f"{side.upper()} · {row[side]}",
            "text": cut(answers[side].get(_key(row), _ABSENT)),
        }
        for side, place in (("a", "first"), ("b", "second"))
    ]
    sides += [
        _said(row, order, title)
        for order, title in (("forward", "A shown first"), ("backward", "B shown first"))
    ]
    return Card(
        facets={"language": tag, "outcome": found},
        meta=language_name(tag),
        flag=_OUTCOMES.get(found, found),
        language=tag,
        prompt=cut(prompts.get(_key(row), "[the folder has no such prompt]")),
        sides=sides,
    )


def _said(row: Mapping[str, Any], order: str, title: str) -> dict[str, str]:
    score: float | None = row.get(f"{order}_score")
    facts: Sequence[str] = [
        f"judge, {title}: {_OF_A.get(str(row[order]), str(row[order]))}",
        "" if score is None else f"A preferred at {score:.2f}",
    ]
    note = " · ".join(fact for fact in facts if fact)
    return {"name": "answer", "note": note, "text": cut(str(row.get(f"{order}_text") or ""))}


_OF_A = {"win": "A wins", "loss": "B wins", "tie": "a tie", "invalid": "unreadable"}
