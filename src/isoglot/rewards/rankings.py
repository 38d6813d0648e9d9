"""Preferences from files of answers that people ranked, as `isoglot import-rankings` makes them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from isoglot.core.errors import InputError
from isoglot.core.files import file_sha256
from isoglot.core.languages import language
from isoglot.core.records import Dropped, Preference, Prompt, content_id, prompt_key
from isoglot.core.rows import Place, Row, errors_at, find_files, read_rows_of_files
from isoglot.core.section import validated
from isoglot.core.stats import Measured, estimate, resampled_values
from isoglot.core.store import (
    DONE,
    DROPPED,
    check_files,
    read_done,
    shard_path,
    shards_of,
    write_done,
    write_shard,
)
from isoglot.core.turns import prompt_messages
from isoglot.data.filter import FilterConfig, filter_preferences
from isoglot.data.pair import PairConfig, pair_completions
from isoglot.data.rankings import RANK, Ranking, by_item, mid_ranks, ranked_completions
from isoglot.evals.agreement import coincidences, ordinal_alpha
from isoglot.execute.folder import whole_folder
from isoglot.models.load import load_identifier
from isoglot.report.results.rewards import ImportedRankings, RankAgreement

_COLUMNS = ("prompt", "completions", "ranks")
_FAMILIES_PER_SHARD = 500
_AGREEMENT = "agreement.json"


def import_rankings(
    paths: Sequence[str],
    out: Path,
    *,
    tag: str = "en",
    method: str = "best_vs_worst",
    seed: int = 1,
) -> ImportedRankings:
    """Write the preferences of ranked answers into shards in `out`, and measure the agreement.

    The answers of an item are ordered by their mean rank over annotators, ties shared, and a pairer
    that ranks pairs them by that; equal means make no pair. `tag` is the language of rows that name
    none. Returns what it writes to `out/agreement.json`: a row for each language of the answers.

    Written whole or not at all; an earlier import is replaced.

    Raises:
        InputError: a row that is no ranking, or two rankings of one annotator; names file and row.
            `out` holds other files than an import.
    """
    rankings = read_rankings(paths, tag)
    prompts, completions = ranked_completions(rankings)
    config = validated(PairConfig, {"method": method, "reward": RANK}, "--pair")
    pairs = pair_completions(prompts, completions, config, dominant="", round=0)
    tags = sorted({each.prompt.answer_language for each in rankings})
    filters = FilterConfig(filters=("empty", "same_text"))
    kept, dropped = filter_preferences(pairs, load_identifier(tags), filters)
    if not kept:
        raise InputError(
            f"{', '.join(paths)}: expected answers that are ranked apart, came none in "
            f"{len(prompts)} items; there is nothing to prefer"
        )
    items: dict[str, list[list[Ranking]]] = defaultdict(list)
    for item in by_item(rankings).values():
        items[item[0].prompt.answer_language].append(item)
    num_kept = Counter(row.answer_language for row in kept)
    num_dropped = Counter(row.language for row in dropped)
    imported = ImportedRankings(
        seed=seed,
        method=method,
        files=list(paths),
        agreement=[
            _agreement(of, items[of], num_kept[of], num_dropped[of], seed=seed)
            for of in sorted(items)
        ],
    )
    with whole_folder(out, _earlier_import(out)) as folder:
        for index, shard in enumerate(shards_of(kept, _FAMILIES_PER_SHARD)):
            write_shard(shard_path(folder, index), shard, Preference)
        if dropped:
            write_shard(shard_path(folder / DROPPED, 0), dropped, Dropped)
        imported.write(folder / _AGREEMENT)
        digests = [file_sha256(path) for each in paths for path in find_files(each)]
        made_from = content_id(*digests, tag, method, str(seed))
        write_done(folder, {"fingerprint": made_from, "counts": {"kept": len(kept)}})
    return imported


def read_rankings(paths: Sequence[str], tag: str) -> list[Ranking]:
    """Read all rankings of the files; raises InputError, naming file and row, for a bad one."""
    first: dict[tuple[str, str], tuple[Place, Ranking]] = {}
    seen: dict[tuple[str, str, str], Place] = {}
    found = []
    for path in paths:
        for place, row in read_rows_of_files(path):
            with errors_at(place):
                ranking = _ranking(row, tag)
                item = prompt_key(ranking.prompt)
                start, other = first.setdefault(item, (place, ranking))
                for name in ("completions", "models"):
                    if getattr(ranking, name) != getattr(other, name):
                        raise InputError(
                            f"expected the same {name} in the same order as in {start}, which has "
                            "the same id and prompt; give other items another `id`"
                        )
                key = (*item, ranking.annotator)
                if (before := seen.setdefault(key, place)) != place:
                    who = ranking.annotator or "an annotator without a name"
                    raise InputError(
                        f"{who} ranked this item already in {before}; leave one of them out, or "
                        "name the annotators in a column `annotator`"
                    )
            found.append(ranking)
    if not found:
        raise InputError(f"{', '.join(paths)}: expected rankings, came no row; check the files")
    return found


def _ranking(row: Row, tag: str) -> Ranking:
    if lacking := [column for column in _COLUMNS if row.get(column) is None]:
        raise InputError(
            f"expected columns {', '.join(_COLUMNS)}, came {', '.join(map(str, row))}: "
            f"{lacking[0]!r} is missing; rename or add it"
        )
    texts, ranks = row["completions"], row["ranks"]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"expected a list of texts in `completions`, came {texts!r:.60}")
    if not isinstance(ranks, list) or not all(type(rank) is int for rank in ranks):
        raise InputError(f"expected a list of whole numbers in `ranks`, came {ranks!r:.60}")
    if len(texts) != len(ranks) or len(texts) < 2:
        raise InputError(
            f"expected a rank for each of two or more completions, came {len(ranks)} ranks for "
            f"{len(texts)} completions; add what is missing"
        )
    mid_ranks(ranks)
    models = row.get("models") or [f"completion {place}" for place in range(1, len(texts) + 1)]
    if not isinstance(models, list) or len(models) != len(texts):
        raise InputError(f"expected a model for each completion in `models`, came {models!r:.60}")
    prompt = _prompt(row, texts, tag)
    annotator = "" if row.get("annotator") is None else str(row["annotator"])
    return Ranking(prompt, tuple(texts), tuple(ranks), annotator, tuple(map(str, models)))


def _prompt(row: Row, completions: Sequence[str], tag: str) -> Prompt:
    own = language(str(row.get("language") or tag)).tag
    messages = prompt_messages(row["prompt"], "prompt")
    answer = language(str(row.get("answer_language") or own)).tag
    texts = [message["content"] for message in messages]
    has_id = row.get("id") is not None
    parts = [str(row["id"])] if has_id else [own, answer, *texts, *completions]
    ids = content_id(*parts), content_id(own, answer, *texts)
    return Prompt(*ids, own, messages, answer, source="rankings")


def _agreement(
    tag: str,
    items: Sequence[Sequence[Ranking]],
    num_pairs: int,
    num_dropped: int,
    *,
    seed: int,
    resamples: int = 1000,
) -> RankAgreement:
    """Krippendorff's alpha of the ranks in one language of the answers.

    The units are the answers, their values the ranks within the item, ties shared, as ordinal data.
    The 95 % interval draws items.
    """
    alpha = low = high = None
    values = [[mid_ranks(each.ranks) for each in item] for item in items if len(item) > 1]
    if values:
        labels = sorted({rank for item in values for ranks in item for rank in ranks})
        units = (zip(*item, strict=True) for item in values)
        sums = [sum(coincidences(unit, labels) for unit in item) for item in units]
        measured = [Measured(range(len(values)), np.array(sums))]
        drawn = resampled_values(ordinal_alpha, measured, seed=seed, resamples=resamples)[:, 0]
        if not np.isnan(drawn[0]):
            alpha, low, high = estimate(drawn, len(values), between=(-1, 1))
    return RankAgreement(
        language=tag,
        alpha=alpha,
        low=low,
        high=high,
        num_items=len(items),
        num_items_of_several=sum(len(item) > 1 for item in items),
        num_annotators=len({each.annotator for item in items for each in item}),
        num_rankings=sum(map(len, items)),
        num_pairs=num_pairs,
        num_dropped=num_dropped,
        num_ties=len(items) - num_pairs - num_dropped,
    )


def _earlier_import(out: Path) -> Collection[str]:
    """The files of an earlier import into `out`; none where it holds something else."""
    if not (out / _AGREEMENT).exists():
        return ()
    check_files(out)
    return {_AGREEMENT, DONE, *(read_done(out) or {}).get("files", ())}
