"""How often scorers are right about preferences that somebody else has made, by language.

The folder holds `sets/` (what had to be copied), `rewards/SCORER/SET/` (the preferences with the
scorer's rewards) and `results.json`. A scorer is asked once about a pair: the same command goes on
where it stopped, or adds scorers and sets.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from isoglot.core.environment import versions
from isoglot.core.errors import InputError
from isoglot.core.language_sets import expand
from isoglot.core.protocols import GoldConfig, LanguageMatchConfig, Scorer
from isoglot.core.records import Preference, Prompt, content_id
from isoglot.core.rows import read_rows
from isoglot.core.store import read_shard, shard_paths, write_json
from isoglot.evals.graders import GRADERS
from isoglot.execute.ledger import Ledger
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.models.load import load_identifier, load_scorers, scorer_settings
from isoglot.recipe.models import scorer_of
from isoglot.rewards.pair_sets import PairSet, folder_of, pair_set
from isoglot.rewards.table import (
    Agreement,
    RewardTable,
    agreement,
    reward_table,
    rewarded,
)

ACCURACY = "reward_accuracy"


def measure_rewards(
    scorers: Sequence[str],
    on: Sequence[str],
    out: Path,
    *,
    in_distribution: Sequence[str] = (),
    data: Path | None = None,
    languages: Sequence[str] = (),
    seed: int = 1,
    resamples: int = 1000,
    redo: bool = False,
    silent: bool = False,
) -> dict[str, Any]:
    """Measure scorers, each in one word, on sets of preferences; returns what `results.json` holds.

    Sets are named as for `pair_set`; those of `in_distribution`, of the kind on which the scorers
    were trained, are measured, too, and set beside the others. No language means all there are.

    Raises:
        InputError: a scorer or a set that there is not, or twice; a set without pairs, a file
            without a column, a language without pairs; rewards there of another scorer.
    """
    measured = [_Scoring(word) for word in _once(scorers, "scorer")]
    names = _once([*in_distribution, *on], "set of preferences")
    sets = [pair_set(name, data, out / "sets" / folder_of(name)) for name in names]
    tags = _wanted(languages, sets)
    ledger = Ledger(out, _record(measured, sets), redo=redo, record_name="rewards.json")
    summary: dict[str, Any] = {
        "scorers": [one.word for one in measured],
        "in_distribution": names[: len(in_distribution)],
        "seed": seed,
        "folders": {},
        "results": [],
        "distribution": [],
    }
    for scoring in measured:
        found = {one.name: scoring.folder(ledger, one, tags, silent) for one in sets}
        summary["folders"][scoring.word] = {
            name: str(folder.relative_to(out)) for name, folder in found.items()
        }
        rewards = {name: _agreements(folder) for name, folder in found.items()}
        table = reward_table(
            rewards, in_distribution=summary["in_distribution"], seed=seed, resamples=resamples
        )
        summary["results"] += _results(scoring, table, sets, f"resamples:{resamples}|seed:{seed}")
        lost = [{"scorer": scoring.word, **asdict(row)} for row in table.distribution]
        summary["distribution"] += lost
    write_json(out / "results.json", summary)
    return summary


def check_held_out(
    names: Sequence[str], trained_on: Sequence[Path], out: Path, data: Path | None = None
) -> None:
    """Raise InputError where a set shares prompts with the files that a reward model learns from.

    Cheap, so that nobody hears of it only after the training; `out` as for `measure_rewards`.
    """
    rows = (row for path in trained_on for _, row in read_rows(path))
    learned = {row["family"] for row in rows if "family" in row}
    for name in _once(names, "set of preferences"):
        held = pair_set(name, data, out / "sets" / folder_of(name))
        families = {row.family for path in shard_paths(held.pairs) for row in _rows(path)}
        if shared := len(families & learned):
            raise InputError(
                f"--eval {name}: expected prompts that are not trained on, got {shared} of "
                f"{len(families)} families that are; hold some back, or take another round or run"
            )


class _Scoring:
    """One scorer over the sets; loaded once, and not at all where its rewards stand."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.config = config = scorer_of(word)
        if isinstance(config, GoldConfig) and config.grader not in GRADERS:
            raise InputError(
                f"expected gold:NAME with one of {', '.join(GRADERS)} as scorer, got {word!r}"
            )
        settings = json.loads(json.dumps(scorer_settings(config)))
        # Not what it is called in a recipe, nor what it weighs in a sum.
        self.settings = {k: v for k, v in settings.items() if k not in ("name", "weight")}

    def folder(self, ledger: Ledger, one: PairSet, tags: Sequence[str], silent: bool) -> Path:
        """Where the rewards of a set stand, made unless they do."""

        def score(preferences: list[Preference], *given: Any) -> list[Preference]:
            *prompts, scorer = given
            rows = [row for row in preferences if row.answer_language in tags]
            return rewarded(rows, scorer, prompts[0] if prompts else ())

        def make(out: Path) -> Mapping[str, Any]:
            inputs: list[tuple[Path, type]] = [(one.pairs, Preference)]
            inputs += [(one.prompts, Prompt)] if one.prompts else []
            load = self._loading(tags)
            with Bars(silent=silent) as bars:
                bar = bars.bar(f"{self.word} on {one.name}", one.num_pairs)
                counts = map_shards(score, inputs, out, Preference, load=load, reached=bar.reach)
            return {"pairs": counts.num_rows}

        asked = sorted(one.languages & set(tags))
        depends_on = {"scorer": self.settings, "pairs": one.revision, "languages": asked}
        if isinstance(self.config, LanguageMatchConfig):  # it tells the languages of all sets apart
            depends_on["candidates"] = sorted(tags)
        name = f"rewards/{folder_of(self.word)}/{folder_of(one.name)}"
        return ledger.once(name, depends_on, make).folder

    def _loading(self, tags: Sequence[str]) -> Callable[[], Scorer]:
        if not hasattr(self, "_load"):
            graders = dict(GRADERS.items())
            self._load = cache(
                lambda: load_scorers([self.config], load_identifier(tags), graders)[0]  # type: ignore[arg-type]
            )
        return self._load


def _record(measured: Sequence[_Scoring], sets: Sequence[PairSet]) -> dict[str, Any]:
    return {
        "scorers": {one.word: one.settings for one in measured},
        "sets": {one.name: one.revision for one in sets},
        "versions": versions(),
    }


def _wanted(languages: Sequence[str], sets: Sequence[PairSet]) -> Sequence[str]:
    """Of the tags and sets that were named, what has pairs; each name must have some."""
    there = sorted({tag for one in sets for tag in one.languages})
    tags = expand(languages)
    for name in languages:
        if not name.startswith("-") and not set(expand([name])) & set(there):
            raise InputError(
                f"expected languages that have pairs ({', '.join(there)}), got {name}; leave it "
                "out, or add a set that has it"
            )
    return [tag for tag in tags if tag in there] or there


def _agreements(folder: Path) -> list[Agreement]:
    return [agreement(row) for path in shard_paths(folder) for row in _rows(path)]


def _results(
    scoring: _Scoring, table: RewardTable, sets: Sequence[PairSet], drawn: str
) -> list[dict[str, Any]]:
    how = content_id(json.dumps(scoring.settings, sort_keys=True))
    revision_of = {one.name: one.revision for one in sets}
    found = []
    for row in table.rows:
        values = asdict(row)
        name = values.pop("set")
        signature = (
            f"{ACCURACY}|pairs:{revision_of[name]}|scorer:{scoring.word}@{how}|{drawn}"
            f"|v:{versions()['isoglot']}"
        )
        head = {"scorer": scoring.word, "task": name, "metric": ACCURACY}
        found.append({**head, **values, "signature": signature})
    return found


def _once(words: Sequence[str], what: str) -> list[str]:
    """The words as given; two that would share a folder are one too many."""
    if not words:
        raise InputError(f"expected a {what}, got none; name one")
    places = [folder_of(word) for word in words]
    for word, place in zip(words, places, strict=True):
        if places.count(place) > 1:
            raise InputError(f"expected each {what} once, got {word} twice; leave one out")
    return [word.rstrip("/") for word in words]


def _rows(path: Path) -> list[Preference]:
    return read_shard(path, Preference)
