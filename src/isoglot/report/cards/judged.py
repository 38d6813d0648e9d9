"""Cards of a judge's work: answers with its verdicts on two models or its ratings of one."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from isoglot.core.records import (
    Completion,
    Outcome,
    Prompt,
    PromptKey,
    Rated,
    Verdict,
    prompt_key,
)
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
from isoglot.report.results.names import language_name

_NUM_VERDICTS, _NUM_RATINGS = 800, 1200
"""At most so many in a page, over all languages and outcomes or grades."""

_OUTCOMES = {
    "win": "A wins in both orders",
    "loss": "B wins in both orders",
    "tie": "a tie in both orders",
    "order": "orders differ",
    "invalid": "unreadable",
}
_OF_A = {"win": "A wins", "loss": "B wins", "tie": "a tie", "invalid": "unreadable"}
_BANDS = {"high": "7 to 10", "mid": "4 to 6.9", "low": "1 to 3.9", "unknown": "unreadable"}


def verdict_cards(folder: Path, notes: list[str]) -> Cards:
    """Draw an even sample of verdicts, the same each time, with the prompts and answers there."""
    reader = RecordReader(folder, notes)
    read = partial(reader.read, "verdicts", Verdict)
    verdicts = sample(read, lambda row: (row.language, both_orders(row)), prompt_key, _NUM_VERDICTS)
    prompts = reader.by_prompt("prompts", Prompt, verdicts)
    answers = {side: reader.by_prompt(side, Completion, verdicts) for side in ("a", "b")}
    cards = [_verdict_card(row, prompts.get(prompt_key(row)), answers) for row in verdicts]
    return Cards(
        title="Prompts and verdicts, one by one",
        caption="A sample that is the same each time, drawn from each language and outcome. The "
        "judge saw each pair of answers in both orders.",
        missing="The folder has no verdicts to show.",
        noun="pairs",
        cards=cards,
        facets=[language_facet(cards), Facet("outcome", "Verdict", _OUTCOMES)],
    )


def rating_cards(folder: Path, notes: list[str]) -> Cards:
    """Draw an even sample of ratings, the same each time, with the prompts and answers there."""
    reader = RecordReader(folder, notes)
    read = partial(reader.read, "ratings", Rated)
    rated = sample(read, lambda r: (r.language, _band(r.value), r.turn), prompt_key, _NUM_RATINGS)
    prompts = reader.by_prompt("prompts", Prompt, rated)
    answers = reader.by_prompt("completions", Completion, rated)
    cards = [
        _rating_card(row, prompts.get(prompt_key(row)), answers.get(prompt_key(row)))
        for row in rated
    ]
    facets = [language_facet(cards), Facet("grade", "Grade", _BANDS)]
    if len(turns := sorted({row.turn for row in rated})) > 1:
        facets.append(Facet("turn", "Turn", {str(turn): f"turn {turn}" for turn in turns}))
    return Cards(
        title="Prompts, answers and grades, one by one",
        caption="A sample that is the same each time, drawn from each language and grade.",
        missing="The folder has no grades to show.",
        noun="answers",
        cards=cards,
        facets=facets,
    )


def both_orders(verdict: Verdict) -> str:
    """Return the outcome of both orders; `order` where they differ, `invalid` if one is."""
    if Outcome.INVALID in (verdict.forward, verdict.backward):
        return "invalid"
    return str(verdict.forward) if verdict.forward == verdict.backward else "order"


def _band(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "high" if value >= 7 else "mid" if value >= 4 else "low"


def _verdict_card(
    row: Verdict, prompt: Prompt | None, answers: Mapping[str, Mapping[PromptKey, Completion]]
) -> Card:
    outcome = both_orders(row)
    replies = (
        ("A shown first", row.forward, row.forward_score, row.forward_text),
        ("B shown first", row.backward, row.backward_score, row.backward_text),
    )
    return Card(
        facets={"language": row.language, "outcome": outcome},
        meta=language_name(row.language),
        flag=_OUTCOMES[outcome],
        language=row.language,
        prompt=_prompt_text(prompt),
        sides=[
            _answer("first", f"A · {row.a}", answers["a"].get(prompt_key(row)), prompt),
            _answer("second", f"B · {row.b}", answers["b"].get(prompt_key(row)), prompt),
            *(_reply(*reply) for reply in replies),
        ],
    )


def _reply(order: str, outcome: str, score: float | None, text: str) -> Side:
    preferred = None if score is None else f"A preferred at {score:.2f}"
    note = join_facts([f"judge, {order}: {_OF_A[outcome]}", preferred])
    return Side("answer", note, cut(text), "und")


def _rating_card(row: Rated, prompt: Prompt | None, answer: Completion | None) -> Card:
    shown = "unreadable" if row.value is None else f"{row.value:g} of 10"
    sides = [_answer("answer", "answer", answer, prompt)]
    if prompt and prompt.gold is not None:
        sides.append(Side("gold", "reference", cut(prompt.gold), prompt.answer_language))
    sides.append(Side("answer", f"judge: {shown}", cut(row.text), "und"))
    return Card(
        facets={"language": row.language, "grade": _band(row.value), "turn": str(row.turn)},
        meta=f"{language_name(row.language)} · turn {row.turn}",
        flag=shown,
        language=row.language,
        prompt=_prompt_text(prompt),
        sides=sides,
    )


def _prompt_text(prompt: Prompt | None) -> str:
    return conversation(prompt.prompt) if prompt else "[the folder has no such prompt]"


def _answer(name: str, note: str, answer: Completion | None, prompt: Prompt | None) -> Side:
    if answer is None:
        return Side(name, note, "[the folder has no such answer]", "und")
    requested = prompt.answer_language if prompt else ""
    language, thought = answer.identified_language or requested, cut(answer.thought or "")
    return Side(name, note, cut(answer.text), language, thought)
