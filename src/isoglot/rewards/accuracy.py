"""Reward accuracy of scorers on preferences that somebody else has made, by language.

The folder holds `sets/` (sets that had to be copied), `rewards/SCORER/SET/` (preferences with the
scorer's rewards), `rewards.json` and `results.json`. A pair is scored once by each scorer: the same
command resumes where it stopped, or adds scorers and sets.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from isoglot.core.environment import versions
from isoglot.core.errors import InputError
from isoglot.core.language_sets import expand
from isoglot.core.protocols import Scorer
from isoglot.core.records import Preference, Prompt, content_id
from isoglot.core.rows import read_rows
from isoglot.core.scorers import GoldConfig, LanguageMatchConfig, ScorerConfig
from isoglot.core.store import read_shard, shard_paths
from isoglot.core.version import __version__
from isoglot.evals.graders import GRADERS
from isoglot.execute.folder import owned_folder
from isoglot.execute.ledger import Ledger
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.models.load import load_identifier, servers_in
from isoglot.models.scorers.load import load_scorers, scorer_settings
from isoglot.recipe.models import scorer_of
from isoglot.report.results.rewards import DistributionResult, RewardResult, RewardResults
from isoglot.rewards.pair_sets import PairSet, name_as_folder, pair_set
from isoglot.rewards.table import METRIC, RewardTable, agreement_of, reward_table, rewarded


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
) -> RewardResults:
    """Measure scorers, each named in one word, on sets of preferences; write and return results.

    Sets are named as for `pair_set`; those of `in_distribution`, of the kind that the scorers were
    trained on, are measured too and compared with the others. No language means all there are.

    Raises:
        InputError: an unknown scorer or set, or one that is named twice; a set without pairs, a
            file without a column, a language without pairs; rewards of another scorer in `out`.
    """
    scorings = [_scoring(word) for word in _distinct(scorers, "scorer")]
    names = _distinct([*in_distribution, *on], "set of preferences")
    with owned_folder(out, "rewards"), servers_in(out):
        sets = [pair_set(name, data, out / "sets" / name_as_folder(name)) for name in names]
        tags = _languages_of(languages, sets)
        inside = names[: len(in_distribution)]
        record = {
            "scorers": {scoring.word: scoring.settings for scoring in scorings},
            "sets": {pairs.name: pairs.revision for pairs in sets},
            "versions": versions(),
        }
        ledger = Ledger(out, record, redo=redo, record_name="rewards.json")
        folders: dict[str, dict[str, str]] = {}
        results: list[RewardResult] = []
        distribution: list[DistributionResult] = []
        for scoring in scorings:
            load = cache(partial(_load, scoring.config, tags))
            found = {
                each.name: _score_once(scoring, each, tags, load, ledger, silent) for each in sets
            }
            folders[scoring.word] = {
                name: str(path.relative_to(out)) for name, path in found.items()
            }
            table = _table(scoring, sets, found, inside, seed, resamples)
            results += table.rows
            distribution += table.distribution
        measured = RewardResults(
            scorers=[scoring.word for scoring in scorings],
            in_distribution=inside,
            seed=seed,
            folders=folders,
            results=results,
            distribution=distribution,
        )
        measured.write(out / "results.json")
    return measured


def check_held_out(
    names: Sequence[str], trained_on: Sequence[Path], out: Path, data: Path | None = None
) -> None:
    """Raise InputError where a set shares prompts with the files that train a reward model.

    It is cheap, and runs before the training; `out` is that of `measure_rewards`.
    """
    rows = (row for path in trained_on for _, row in read_rows(path))
    trained = {row["family"] for row in rows if "family" in row}
    with owned_folder(out, "rewards"):
        for name in _distinct(names, "set of preferences"):
            pairs = pair_set(name, data, out / "sets" / name_as_folder(name))
            families = {row.family for row in _read(pairs.pairs)}
            if shared := len(families & trained):
                raise InputError(
                    f"--eval {name}: expected prompts that are not trained on, got {shared} of "
                    f"{len(families)} families that are; hold some back, or take another round or "
                    "run"
                )


class _Scoring(NamedTuple):
    """A scorer that a user named."""

    word: str
    config: ScorerConfig
    settings: Mapping[str, Any]
    """The settings that decide its rewards."""


def _scoring(word: str) -> _Scoring:
    config = scorer_of(word)
    if isinstance(config, GoldConfig) and config.grader not in GRADERS:
        raise InputError(
            f"expected gold:NAME with one of {', '.join(GRADERS)} as scorer, got {word!r}"
        )
    settings = json.loads(json.dumps(scorer_settings(config)))
    for key in ("name", "weight"):  # that of a recipe and of a sum: neither changes its rewards
        settings.pop(key, None)
    return _Scoring(word, config, settings)


def _load(config: ScorerConfig, tags: Sequence[str]) -> Scorer:
    return load_scorers([config], load_identifier(tags), GRADERS)[0]  # type: ignore[arg-type]


def _score_once(
    scoring: _Scoring,
    pairs: PairSet,
    tags: Sequence[str],
    load: Callable[[], Scorer],
    ledger: Ledger,
    silent: bool,
) -> Path:
    """Score a set unless that is done; return the folder of the rewards."""

    def score(preferences: list[Preference], *given: Any) -> list[Preference]:
        *prompts, scorer = given
        rows = [row for row in preferences if row.answer_language in tags]
        return rewarded(rows, scorer, prompts[0] if prompts else ())

    def make(out: Path) -> Mapping[str, Any]:
        inputs: list[tuple[Path, type]] = [(pairs.pairs, Preference)]
        inputs += [(pairs.prompts, Prompt)] if pairs.prompts else []
        with Bars(silent=silent) as bars:
            bar = bars.bar(f"{scoring.word} on {pairs.name}", pairs.num_pairs)
            counts = map_shards(score, inputs, out, Preference, load=load, bar=bar)
        return {"pairs": counts.num_rows}

    depends_on = {
        "scorer": scoring.settings,
        "pairs": pairs.revision,
        "languages": sorted(pairs.languages & set(tags)),
    }
    if isinstance(scoring.config, LanguageMatchConfig):  # it identifies among all languages
        depends_on["candidates"] = sorted(tags)
    name = f"rewards/{name_as_folder(scoring.word)}/{name_as_folder(pairs.name)}"
    return ledger.once(name, depends_on, make).folder


def _table(
    scoring: _Scoring,
    sets: Sequence[PairSet],
    folders: Mapping[str, Path],
    inside: Sequence[str],
    seed: int,
    resamples: int,
) -> RewardTable:
    table = reward_table(
        {name: [agreement_of(row) for row in _read(folder)] for name, folder in folders.items()},
        in_distribution=inside,
        seed=seed,
        resamples=resamples,
    )
    settings_id = content_id(json.dumps(scoring.settings, sort_keys=True))
    signature_of = {
        pairs.name: f"{METRIC}|pairs:{pairs.revision}|scorer:{scoring.word}@{settings_id}"
        f"|resamples:{resamples}|seed:{seed}|v:{__version__}"
        for pairs in sets
    }
    own = {"scorer": scoring.word}
    return RewardTable(
        [row.model_copy(update={**own, "signature": signature_of[row.task]}) for row in table.rows],
        [row.model_copy(update=own) for row in table.distribution],
    )


def _languages_of(languages: Sequence[str], sets: Sequence[PairSet]) -> Sequence[str]:
    """Expand tags and names of sets to the languages that have pairs; each name must have some."""
    there = sorted({tag for pairs in sets for tag in pairs.languages})
    tags = expand(languages)
    for name in languages:
        if not name.startswith("-") and not set(expand([name])) & set(there):
            raise InputError(
                f"expected languages that have pairs ({', '.join(there)}), got {name}; leave it "
                "out, or add a set that has it"
            )
    return [tag for tag in tags if tag in there] or there


def _distinct(words: Sequence[str], what: str) -> list[str]:
    """Return the words as given; raise InputError where two of them would share a folder."""
    if not words:
        raise InputError(f"expected a {what}, got none; name one")
    folders = [name_as_folder(word) for word in words]
    for word, folder in zip(words, folders, strict=True):
        if folders.count(folder) > 1:
            raise InputError(f"expected each {what} once, got {word} twice; leave one out")
    return [word.rstrip("/") for word in words]


def _read(folder: Path) -> Iterator[Preference]:
    return (row for path in shard_paths(folder) for row in read_shard(path, Preference))
