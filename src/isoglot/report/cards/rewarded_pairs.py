"""Cards of preferences with a scorer's rewards of both sides: where a reader sees it fail."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from isoglot.core.records import Preference
from isoglot.core.store import shard_paths
from isoglot.report.cards.card import (
    Card,
    Cards,
    Facet,
    Side,
    conversation,
    cut,
    drawn,
    language_facet,
    read_records,
)
from isoglot.report.results.names import language_name

_NUM_CARDS = 800
"""About so many in a page, over all scorers, sets, languages and outcomes."""

_OUTCOMES = {"right": "right", "wrong": "wrong", "equal": "equal rewards", "unknown": "no reward"}


def reward_cards(folder: Path, places: Mapping[str, Mapping[str, str]], notes: list[str]) -> Cards:
    """Draw an even sample of preferences with rewards, the same each time.

    `places` maps each scorer and set to the folder of their shards in `folder`.
    """
    cards: list[Card] = []
    found = [(scorer, name, at) for scorer, sets in places.items() for name, at in sets.items()]
    for scorer, name, at in found:

        def read(shards: Iterable[Path] = shard_paths(folder / at)) -> Iterable[Preference]:
            return read_records(shards, Preference, notes)

        kinds = {_kind(row) for row in read()}
        limit = max(2, _NUM_CARDS // max(1, len(kinds) * len(found)))
        cards += [_card(scorer, name, row) for row in drawn(read(), limit, _kind, _key)]
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


def _kind(row: Preference) -> tuple[str, str]:
    return row.language, reward_outcome(row)


def _key(row: Preference) -> tuple[str, ...]:
    return row.prompt_id, row.chosen_text, row.rejected_text


def _card(scorer: str, name: str, row: Preference) -> Card:
    outcome = reward_outcome(row)
    return Card(
        facets={"scorer": scorer, "set": name, "language": row.language, "outcome": outcome},
        meta=f"{language_name(row.language)} · {name} · {scorer}",
        flag=_OUTCOMES[outcome],
        language=row.language,
        prompt=conversation(row.prompt),
        sides=[
            _side("chosen", row.chosen_text, row.score_chosen),
            _side("rejected", row.rejected_text, row.score_rejected),
        ],
    )


def _side(name: str, text: str, reward: float | None) -> Side:
    shown = "no reward" if reward is None else f"reward {reward:.3f}"
    return Side(name, f"{name} · {shown}", cut(text))
