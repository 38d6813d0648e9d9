"""A sample of the run's preference pairs, small enough for a page."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.report.cards.browser import Browser, Card, Facet, conversation, cut, drawn, read_rows
from isoglot.report.results.measures import language_name

NUM_KEPT, NUM_DROPPED = 40, 20

_COLUMNS = (
    "language", "prompt_id", "prompt", "chosen", "rejected", "chosen_text", "rejected_text",
    "answer_language", "reason", "pair_type", "chosen_model", "rejected_model", "chosen_language",
    "rejected_language", "score_chosen", "score_rejected",
)  # fmt: skip


def sample_pairs(run: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Up to 40 kept and 20 dropped pairs of each round and language, and a note per broken shard.

    The sample is drawn by content, so the same run always shows the same pairs.
    """
    pairs: list[dict[str, Any]] = []
    notes: list[str] = []
    for folder in sorted(run.glob("round-*"), key=_round_of):
        stage = folder / "filter"
        for shards, limit in ((stage, NUM_KEPT), (stage / "dropped", NUM_DROPPED)):
            rows = read_rows(sorted(shards.glob("part-*.parquet")), _COLUMNS, notes)
            kind = "dropped" if shards.name == "dropped" else "kept"
            pairs += [
                {"round": _round_of(folder), "kind": kind, **_shown(row)}
                for row in drawn(rows, limit, _language, _identity)
            ]
    return pairs, notes


def pair_browser(pairs: Sequence[Mapping[str, Any]]) -> Browser:
    """The browser of the pairs that `sample_pairs` drew."""
    rounds = list(dict.fromkeys(str(pair["round"]) for pair in pairs))
    tags = sorted({pair["language"] for pair in pairs}, key=language_name)
    kinds = {pair["kind"] for pair in pairs}
    return Browser(
        title="Pairs, one by one",
        caption="A sample that is the same each time: of each round and language up to "
        f"{NUM_KEPT} pairs kept and {NUM_DROPPED} dropped.",
        missing="The run's folder has no preference pairs to show.",
        noun="pairs",
        cards=[_card(pair) for pair in pairs],
        facets=[
            Facet("round", "Round", [(r, f"round {r}") for r in rounds], next(iter(rounds), "")),
            Facet(
                "language",
                "Language",
                [(tag, language_name(tag)) for tag in tags],
                next(iter(tags), ""),
            ),
            Facet(
                "kind",
                "Show",
                [("kept", "kept"), ("dropped", "dropped")],
                "kept" if "kept" in kinds else "",
            ),
        ],
    )


def _card(pair: Mapping[str, Any]) -> Card:
    tags = dict.fromkeys((pair["language"], pair.get("answer_language") or pair["language"]))
    asked = " → ".join(map(language_name, tags))
    where = [f"round {pair['round']}", asked, pair.get("pair_type")]
    reason = pair.get("reason") or "no reason recorded"
    return Card(
        facets={
            "round": str(pair["round"]),
            "language": pair["language"],
            "kind": pair["kind"],
        },
        meta=" · ".join(part for part in where if part),
        flag=f"dropped: {reason}" if pair["kind"] == "dropped" else "",
        language=pair["language"],
        prompt=pair["prompt"],
        sides=[_side(pair, name) for name in ("chosen", "rejected")],
    )


def _side(pair: Mapping[str, Any], name: str) -> dict[str, str]:
    tag, score = pair.get(f"{name}_language"), pair.get(f"score_{name}")
    facts = [
        name,
        pair.get(f"{name}_model"),
        tag and f"identified: {tag}",
        None if score is None else f"score {score:.3f}",
    ]
    note = " · ".join(fact for fact in facts if fact)
    return {"name": name, "note": note, "text": pair[name], "language": tag or ""}


def _round_of(folder: Path) -> int:
    digits = re.search(r"\d+$", folder.name)
    return int(digits.group()) if digits else 0


def _language(row: Mapping[str, Any]) -> str:
    return str(row.get("language"))


def _identity(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(row.get("prompt_id")), _text(row, "chosen"), _text(row, "rejected")


def _text(row: Mapping[str, Any], side: str) -> str:
    messages: Sequence[Mapping[str, str]] = row.get(side) or ()
    return str(row.get(f"{side}_text") or (messages[-1]["content"] if messages else ""))


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the browser shows of a pair; absent columns are left out."""
    plain = {key: row[key] for key in _COLUMNS[7:] if row.get(key) not in (None, "")}
    return {
        "language": _language(row),
        "prompt": cut(conversation(row)),
        "chosen": cut(_text(row, "chosen")),
        "rejected": cut(_text(row, "rejected")),
        **plain,
    }
