"""Cards of preference pairs: those that a run kept or dropped, and those that a scorer rated."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from isoglot.core.records import Dropped, Preference
from isoglot.core.store import DROPPED
from isoglot.report.cards.card import (
    Card,
    Cards,
    Facet,
    RecordReader,
    Side,
    conversation,
    cut,
    drawn,
    join_facts,
    language_facet,
    sample,
)
from isoglot.report.results.names import language_name

NUM_KEPT, NUM_DROPPED = 40, 20

_NUM_REWARDED = 800
"""At most so many in a page, over all scorers, sets, languages and outcomes."""

_OUTCOMES = {"right": "right", "wrong": "wrong", "equal": "equal rewards", "unknown": "no reward"}


def pair_cards(run: Path, notes: list[str]) -> Cards:
    """Draw up to 40 kept and 20 dropped pairs of each round and language, the same each time."""
    folders = {_round_of(folder): folder / "filter" for folder in run.glob("round-*")}
    cards: list[Card] = []
    for index, folder in sorted(folders.items()):
        reader = RecordReader(folder, notes)
        sampled = drawn(reader.read(".", Preference), NUM_KEPT, lambda row: row.language, _key)
        cards += [_kept_card(index, row) for row in sampled]
        dropped = reader.read(DROPPED, Dropped)
        left_out = drawn(dropped, NUM_DROPPED, lambda row: row.language, _key)
        cards += [_dropped_card(index, row) for row in left_out]
    rounds = {card.facets["round"]: f"round {card.facets['round']}" for card in cards}
    start = "kept" if any(card.facets["kind"] == "kept" for card in cards) else ""
    return Cards(
        title="Pairs, one by one",
        caption="A sample that is the same each time: of each round and language up to "
        f"{NUM_KEPT} pairs kept and {NUM_DROPPED} dropped.",
        missing="The run's folder has no preference pairs to show.",
        noun="pairs",
        cards=cards,
        facets=[
            Facet("round", "Round", rounds, next(iter(rounds), "")),
            language_facet(cards, starts_at_first=True),
            Facet("kind", "Show", {"kept": "kept", "dropped": "dropped"}, start),
        ],
    )


def reward_cards(folder: Path, places: Mapping[str, Mapping[str, str]], notes: list[str]) -> Cards:
    """Draw an even sample of preferences with rewards, the same each time.

    `places` maps each scorer and set to the folder of their shards in `folder`.
    """
    cards: list[Card] = []
    found = [(scorer, name, at) for scorer, sets in places.items() for name, at in sets.items()]
    for scorer, name, at in found:
        read = partial(RecordReader(folder, notes).read, at, Preference)
        rewarded = sample(read, _kind, _key, _NUM_REWARDED // len(found))
        cards += [_rewarded_card(scorer, name, row) for row in rewarded]
    return Cards(
        title="Preferences and rewards, one by one",
        caption="A sample that is the same each time, drawn from each scorer, set, language and "
        "outcome.",
        missing="The folder has no rewards to show.",
        noun="pairs",
        cards=cards,
        facets=[
            Facet("scorer", "Scorer", {scorer: scorer for scorer in places}),
            Facet("set", "Preferences", {name: name for _, name, _ in found}),
            language_facet(cards),
            Facet("outcome", "The scorer is", _OUTCOMES),
        ],
    )


def reward_outcome(row: Preference) -> str:
    """Say whether the rewards of a pair agree with the preference."""
    chosen, rejected = row.score_chosen, row.score_rejected
    if chosen is None or rejected is None:
        return "unknown"
    return "equal" if chosen == rejected else "right" if chosen > rejected else "wrong"


def _round_of(folder: Path) -> int:
    digits = re.search(r"\d+$", folder.name)
    return int(digits.group()) if digits else 0


def _kind(row: Preference) -> tuple[str, str]:
    return row.language, reward_outcome(row)


def _key(row: Preference | Dropped) -> tuple[str, str, str]:
    return row.prompt_id, row.chosen_text, row.rejected_text


def _kept_card(index: int, row: Preference) -> Card:
    languages = " → ".join(map(language_name, dict.fromkeys((row.language, row.answer_language))))
    return Card(
        facets={"round": str(index), "language": row.language, "kind": "kept"},
        meta=join_facts([f"round {index}", languages, row.pair_type]),
        language=row.language,
        prompt=conversation(row.prompt),
        sides=[
            _kept_side(row, "chosen", row.score_chosen),
            _kept_side(row, "rejected", row.score_rejected),
        ],
    )


def _kept_side(row: Preference, name: str, score: float | None) -> Side:
    text, model, tag, thought, thought_language = (
        getattr(row, f"{name}_{column}")
        for column in ("text", "model", "language", "thought", "thought_language")
    )
    facts = [name, model, tag and f"identified: {tag}", _reward("score", score)]
    language = tag or row.answer_language
    return Side(
        *(name, join_facts(facts), cut(text), language),
        *(cut(thought or ""), thought_language or "und"),
    )


def _dropped_card(index: int, row: Dropped) -> Card:
    return Card(
        facets={"round": str(index), "language": row.language, "kind": "dropped"},
        meta=join_facts([f"round {index}", language_name(row.language), row.pair_type]),
        flag=f"dropped: {row.reason or 'no reason recorded'}",
        language=row.language,
        prompt="",
        sides=[
            Side("chosen", "chosen", cut(row.chosen_text)),
            Side("rejected", "rejected", cut(row.rejected_text)),
        ],
    )


def _rewarded_card(scorer: str, set_name: str, row: Preference) -> Card:
    outcome = reward_outcome(row)
    sides = (
        ("chosen", row.chosen_text, row.score_chosen),
        ("rejected", row.rejected_text, row.score_rejected),
    )
    return Card(
        facets={"scorer": scorer, "set": set_name, "language": row.language, "outcome": outcome},
        meta=f"{language_name(row.language)} · {set_name} · {scorer}",
        flag=_OUTCOMES[outcome],
        language=row.language,
        prompt=conversation(row.prompt),
        sides=[
            Side(
                name,
                join_facts([name, _reward("reward", reward) or "no reward"]),
                cut(text),
                row.answer_language,
            )
            for name, text, reward in sides
        ],
    )


def _reward(noun: str, value: float | None) -> str:
    return "" if value is None else f"{noun} {value:.3f}"
