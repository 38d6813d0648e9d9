"""Cards of a run's preference pairs: those kept, and those that filters dropped."""

import re
from pathlib import Path

from isoglot.core.records import Dropped, Preference
from isoglot.core.store import DROPPED, shard_paths
from isoglot.report.cards.card import (
    Card,
    Cards,
    Facet,
    Side,
    conversation,
    cut,
    drawn,
    join_facts,
    language_facet,
    read_records,
)
from isoglot.report.results.names import language_name

NUM_KEPT, NUM_DROPPED = 40, 20


def pair_cards(run: Path, notes: list[str]) -> Cards:
    """Up to 40 kept and 20 dropped pairs of each round and language.

    The sample is drawn by content, so the same run always shows the same pairs.
    """
    folders = {_round_of(folder): folder / "filter" for folder in run.glob("round-*")}
    cards: list[Card] = []
    for index, folder in sorted(folders.items()):
        kept = read_records(shard_paths(folder), Preference, notes)
        sample = drawn(kept, NUM_KEPT, lambda row: row.language, _key)
        cards += [_kept_card(index, row) for row in sample]
        dropped = read_records(shard_paths(folder / DROPPED), Dropped, notes)
        left_out = drawn(dropped, NUM_DROPPED, lambda row: row.language, _key)
        cards += [_dropped_card(index, row) for row in left_out]
    rounds = {card.facets["round"]: f"round {card.facets['round']}" for card in cards}
    kinds = {card.facets["kind"] for card in cards}
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
            Facet(
                "kind",
                "Show",
                {"kept": "kept", "dropped": "dropped"},
                "kept" if "kept" in kinds else "",
            ),
        ],
    )


def _round_of(folder: Path) -> int:
    digits = re.search(r"\d+$", folder.name)
    return int(digits.group()) if digits else 0


def _key(row: Preference | Dropped) -> tuple[str, str, str]:
    return row.prompt_id, row.chosen_text, row.rejected_text


def _kept_card(index: int, row: Preference) -> Card:
    languages = dict.fromkeys((row.language, row.answer_language))
    return Card(
        facets={"round": str(index), "language": row.language, "kind": "kept"},
        meta=join_facts(
            [f"round {index}", " → ".join(map(language_name, languages)), row.pair_type]
        ),
        language=row.language,
        prompt=conversation(row.prompt),
        sides=[
            _side(
                "chosen", row.chosen_text, row.chosen_model, row.chosen_language, row.score_chosen
            ),
            _side(
                "rejected",
                row.rejected_text,
                row.rejected_model,
                row.rejected_language,
                row.score_rejected,
            ),
        ],
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


def _side(name: str, text: str, model: str, tag: str | None, score: float | None) -> Side:
    identified = f"identified: {tag}" if tag else None
    note = join_facts([name, model, identified, None if score is None else f"score {score:.3f}"])
    return Side(name, note, cut(text), tag or "")
