"""A sample of preferences with what each scorer gave their sides: where a reader sees it fail."""

from collections.abc import Mapping
from pathlib import Path

from isoglot.core.store import shard_paths
from isoglot.report.cards.browser import Browser, Card, Facet, conversation, cut, drawn, read_rows
from isoglot.report.results.measures import Row, language_name, number

NUM_CARDS = 800
"""About so many in a page, over all scorers, sets, languages and outcomes."""

_COLUMNS = (
    "family", "prompt_id", "language", "prompt", "chosen", "rejected", "score_chosen",
    "score_rejected",
)  # fmt: skip
_OUTCOMES = {"right": "right", "wrong": "wrong", "equal": "equal rewards", "unknown": "no reward"}


def reward_browser(
    folder: Path, places: Mapping[str, Mapping[str, str]], notes: list[str]
) -> Browser:
    """The browser of a table of rewards: an even draw that is the same each time.

    `places` says of each scorer and set where in `folder` its shards lie.
    """
    cards: list[Card] = []
    found = [(scorer, one, at) for scorer, of in places.items() for one, at in of.items()]
    for scorer, one, at in found:
        shards = shard_paths(folder / at)
        cells = {_cell(row) for row in read_rows(shards, _COLUMNS, notes)}
        limit = max(2, NUM_CARDS // max(1, len(cells) * len(found)))
        rows = drawn(read_rows(shards, _COLUMNS, []), limit, _cell, _key)
        cards += [_card(scorer, one, row) for row in rows]
    sets = list(dict.fromkeys(one for _, one, _ in found))
    tags = sorted({card.language for card in cards}, key=language_name)
    return Browser(
        title="Preferences and rewards, one by one",
        caption="A sample that is the same each time, drawn from each scorer, set, language and "
        "outcome.",
        missing="The folder has no rewards to show.",
        noun="pairs",
        cards=cards,
        facets=[
            Facet("scorer", "Scorer", [(name, name) for name in places]),
            Facet("set", "Preferences", [(name, name) for name in sets]),
            Facet("language", "Language", [(tag, language_name(tag)) for tag in tags]),
            Facet("outcome", "The scorer is", list(_OUTCOMES.items())),
        ],
    )


def outcome(row: Row) -> str:
    """Whether the rewards of a pair say what the preference says."""
    chosen, rejected = number(row, "score_chosen"), number(row, "score_rejected")
    if chosen is None or rejected is None:
        return "unknown"
    return "equal" if chosen == rejected else "right" if chosen > rejected else "wrong"


def _cell(row: Row) -> tuple[str, str]:
    return str(row["language"]), outcome(row)


def _key(row: Row) -> tuple[str, ...]:
    return str(row["prompt_id"]), _text(row, "chosen"), _text(row, "rejected")


def _text(row: Row, side: str) -> str:
    return "\n".join(str(message["content"]) for message in row[side])


def _card(scorer: str, one: str, row: Row) -> Card:
    tag, found = str(row["language"]), outcome(row)
    return Card(
        facets={"scorer": scorer, "set": one, "language": tag, "outcome": found},
        meta=f"{language_name(tag)} · {one} · {scorer}",
        flag=_OUTCOMES[found],
        language=tag,
        prompt=cut(conversation(row)),
        sides=[_side(row, side) for side in ("chosen", "rejected")],
    )


def _side(row: Row, side: str) -> Mapping[str, str]:
    reward = number(row, f"score_{side}")
    said = "no reward" if reward is None else f"reward {reward:.3f}"
    return {"name": side, "note": f"{side} · {said}", "text": cut(_text(row, side))}
