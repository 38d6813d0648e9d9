"""Cards of rated answers: a prompt, its answer and reference, and the judge's reply."""

from functools import partial
from pathlib import Path

from isoglot.core.records import Completion, Prompt, Rated, prompt_key
from isoglot.core.store import shard_paths
from isoglot.report.cards.card import (
    Card,
    Cards,
    Facet,
    Side,
    by_prompt,
    conversation,
    cut,
    language_facet,
    read_records,
    sample,
)
from isoglot.report.results.names import language_name

_NUM_CARDS = 1200
"""About so many in a page, over all languages and grades."""

_BANDS = {"high": "7 to 10", "mid": "4 to 6.9", "low": "1 to 3.9", "unknown": "unreadable"}


def rating_cards(folder: Path, notes: list[str]) -> Cards:
    """Draw an even sample of ratings, the same each time, with the prompts and answers there."""
    read = partial(read_records, shard_paths(folder / "ratings"), Rated, notes)
    rated = sample(read, lambda r: (r.language, _band(r.value), r.turn), prompt_key, _NUM_CARDS)
    keys = {prompt_key(row) for row in rated}
    prompts = by_prompt(read_records(shard_paths(folder / "prompts"), Prompt, notes), keys)
    answers = by_prompt(read_records(shard_paths(folder / "completions"), Completion, notes), keys)
    cards = [
        _card(row, prompts.get(prompt_key(row)), answers.get(prompt_key(row))) for row in rated
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


def _band(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "high" if value >= 7 else "mid" if value >= 4 else "low"


def _card(row: Rated, prompt: Prompt | None, answer: Completion | None) -> Card:
    shown = "unreadable" if row.value is None else f"{row.value:g} of 10"
    text = cut(answer.text) if answer else "[the folder has no such answer]"
    sides = [Side("answer", "answer", text)]
    if prompt and prompt.gold is not None:
        sides.append(Side("gold", "reference", cut(prompt.gold)))
    sides.append(Side("answer", f"judge: {shown}", cut(row.text)))
    return Card(
        facets={"language": row.language, "grade": _band(row.value), "turn": str(row.turn)},
        meta=f"{language_name(row.language)} · turn {row.turn}",
        flag=shown,
        language=row.language,
        prompt=conversation(prompt.prompt) if prompt else "[the folder has no such prompt]",
        sides=sides,
    )
