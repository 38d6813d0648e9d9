"""Cards of a judged comparison: both answers to a prompt, and the judge's replies on them."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from isoglot.core.records import Completion, Outcome, Prompt, PromptKey, Verdict, prompt_key
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
from isoglot.report.results.names import language_name

_NUM_CARDS = 800
"""About so many in a page, over all languages and outcomes."""

_OUTCOMES = {
    "win": "A wins in both orders",
    "loss": "B wins in both orders",
    "tie": "a tie in both orders",
    "order": "orders differ",
    "invalid": "unreadable",
}
_OF_A = {"win": "A wins", "loss": "B wins", "tie": "a tie", "invalid": "unreadable"}


def verdict_cards(folder: Path, notes: list[str]) -> Cards:
    """Draw an even sample of verdicts, the same each time, with the prompts and answers there."""
    shards = shard_paths(folder / "verdicts")
    read = partial(read_records, shards, Verdict, notes)
    verdicts = sample(read, lambda row: (row.language, both_orders(row)), prompt_key, _NUM_CARDS)
    keys = {prompt_key(row) for row in verdicts}
    prompts = by_prompt(read_records(shard_paths(folder / "prompts"), Prompt, notes), keys)
    answers = {
        side: by_prompt(read_records(shard_paths(folder / side), Completion, notes), keys)
        for side in ("a", "b")
    }
    cards = [_card(row, prompts, answers) for row in verdicts]
    return Cards(
        title="Prompts and verdicts, one by one",
        caption="A sample that is the same each time, drawn from each language and outcome. The "
        "judge saw each pair of answers in both orders.",
        missing="The folder has no verdicts to show.",
        noun="pairs",
        cards=cards,
        facets=[language_facet(cards), Facet("outcome", "Verdict", _OUTCOMES)],
    )


def both_orders(verdict: Verdict) -> str:
    """Return the outcome of both orders; `order` where they differ, `invalid` if one is."""
    if Outcome.INVALID in (verdict.forward, verdict.backward):
        return "invalid"
    return str(verdict.forward) if verdict.forward == verdict.backward else "order"


def _card(
    row: Verdict,
    prompts: Mapping[PromptKey, Prompt],
    answers: Mapping[str, Mapping[PromptKey, Completion]],
) -> Card:
    key, outcome, sides = prompt_key(row), both_orders(row), []
    for side, model, place in (("a", row.a, "first"), ("b", row.b, "second")):
        answer = answers[side].get(key)
        text = cut(answer.text) if answer else "[the folder has no such answer]"
        sides.append(Side(place, f"{side.upper()} · {model}", text))
    sides += [
        _reply("A shown first", row.forward, row.forward_score, row.forward_text),
        _reply("B shown first", row.backward, row.backward_score, row.backward_text),
    ]
    prompt = prompts.get(key)
    return Card(
        facets={"language": row.language, "outcome": outcome},
        meta=language_name(row.language),
        flag=_OUTCOMES[outcome],
        language=row.language,
        prompt=conversation(prompt.prompt) if prompt else "[the folder has no such prompt]",
        sides=sides,
    )


def _reply(order: str, outcome: str, score: float | None, text: str) -> Side:
    facts = [
        f"judge, {order}: {_OF_A[outcome]}",
        None if score is None else f"A preferred at {score:.2f}",
    ]
    return Side("answer", join_facts(facts), cut(text))
