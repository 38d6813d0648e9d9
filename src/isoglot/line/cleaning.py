"""The stage that cleans demonstrations: a pass over all shards that says what to drop, then one
over each shard without the others."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.records import Demonstration, Dropped, Prompt
from isoglot.core.store import DROPPED, read_shard, shard_paths, write_json
from isoglot.data.clean import (
    CONTAMINATED,
    NEAR_DUPLICATE,
    CleanConfig,
    Drop,
    clean,
    group_of,
    row_id,
    said,
)
from isoglot.data.contamination import EvaluationIndex, Item, Rates, items_of
from isoglot.data.duplicates import Row, Signatures, near_duplicates
from isoglot.execute.local import map_shards
from isoglot.execute.progress import Bars
from isoglot.line.job import Job
from isoglot.line.prompts import num_rows

EVALUATE = "evaluate/"
"""Inputs of the stage whose names begin so are evaluations, whose prompts rows must not hold."""

_FIT = "drops.json"

Shards = Iterable[Sequence[Demonstration]]
"""Can be gone through twice."""


def make_clean(job: Job, out: Path) -> Mapping[str, Any]:
    """The demonstrations that are fit for training, and the others with their reasons.

    `out/drops.json` says what is dropped and how contaminated which language is by which task.

    Raises:
        InputError: no language has a row left; one without is named in the counts.
    """
    config, folder = job.recipe.clean, job.inputs["route"]
    with Bars(silent=job.silent) as bars:
        bar = bars.bar(job.title("clean"), 2 * num_rows(folder, Demonstration))
        if not (out / _FIT).exists():
            fitted = fit(_Folder(folder), _items(job), config, bar.reach)
            write_json(out / _FIT, fitted)
        drops = {id: Drop(*drop) for id, drop in read_fit(out)["drops"].items()}

        def stage(rows: list[Demonstration]) -> Any:
            return clean(rows, drops)

        counts = map_shards(stage, [(folder, Demonstration)], out, Demonstration)
    kept = count_by_language(out)
    empty = [tag for tag in job.recipe.languages if not kept.get(tag, {}).get("kept")]
    return {"kept": counts.num_rows, "dropped": counts.num_dropped, "empty_languages": empty}


def fit(
    shards: Shards,
    items: Iterable[Item],
    config: CleanConfig,
    reached: Callable[[int], None] = lambda num: None,  # noqa: ARG005
) -> dict[str, Any]:
    """What to drop from all shards (`drops`, by id) and the rates of `contamination`.

    The same for every order and division of the rows. A contaminated row goes first: what it
    repeats is compared with the others alone. In memory are ids and bands of all rows and the
    n-grams of likely duplicates, never all texts. `reached` is told how many rows lie behind.
    Raises InputError where no row is left.
    """
    drops: dict[str, Drop] = {}
    overlap = config.max_overlap
    index = EvaluationIndex(
        items if overlap else (), max_overlap=overlap or 1.0, min_grams=config.min_grams
    )
    rates = Rates(index)
    signatures = Signatures(config.max_similarity or 1.0)
    num_read = num_left = 0
    for rows in shards:
        for row in rows:
            drops |= _contamination(row, index, rates, config)
        left = _compared(rows, drops)
        if config.max_similarity is not None:
            signatures.add(left)
        num_read, num_left = num_read + len(rows), num_left + len(left)
        reached(num_read)
    if not num_left:
        raise InputError(_nothing_left(num_read))
    if suspects := signatures.suspects():
        again = (each for rows in shards for each in _compared(rows, drops))
        twins = near_duplicates(suspects, again, signatures.max_similarity)
        drops |= {id: Drop(NEAR_DUPLICATE, each.similarity, each.id) for id, each in twins.items()}
    reached(2 * num_read)
    return {"drops": dict(sorted(drops.items())), "contamination": rates.table()}


def read_fit(folder: Path) -> dict[str, Any]:
    """What `fit` found, in the folder of the stage."""
    return json.loads((folder / _FIT).read_text(encoding="utf-8"))


def count_by_language(folder: Path) -> dict[str, dict[str, Any]]:
    """Language of the answer → demonstrations `kept`, and `dropped` by reason, of the shards of a
    stage; one in memory at a time."""
    kept: Counter[str] = Counter()
    dropped: dict[str, Counter[str]] = {}
    for path in shard_paths(folder):
        kept.update(row.answer_language for row in read_shard(path, Demonstration))
        for row in read_shard(folder / DROPPED / path.name, Dropped):
            dropped.setdefault(row.language, Counter())[row.reason] += 1
    return {
        tag: {"kept": kept[tag], "dropped": dict(sorted(dropped.get(tag, {}).items()))}
        for tag in sorted({*kept, *dropped})
    }


@dataclass(frozen=True, slots=True)
class _Folder:
    """The shards of a folder, one in memory at a time."""

    path: Path

    def __iter__(self) -> Iterator[list[Demonstration]]:
        return (read_shard(path, Demonstration) for path in shard_paths(self.path))


def _items(job: Job) -> Iterator[Item]:
    for name, folder in job.inputs.items():
        if name.startswith(EVALUATE):
            for path in shard_paths(folder / "prompts"):
                yield from items_of(name.removeprefix(EVALUATE), read_shard(path, Prompt))


def _contamination(
    row: Demonstration, index: EvaluationIndex, rates: Rates, config: CleanConfig
) -> dict[str, Drop]:
    """The drop of a row that holds an evaluation item; empty where it holds none."""
    tags = {row.language, row.answer_language} | ({"en"} if config.english_everywhere else set())
    text = said(row)
    found = [overlap for tag in sorted(tags) for overlap in index.overlaps(text, tag)]
    rates.add(tags, found)
    if not found:
        return {}
    best = max(found, key=lambda overlap: overlap.share)
    return {row_id(row): Drop(CONTAMINATED, best.share, f"{best.item.task} {best.item.id}")}


def _compared(rows: Sequence[Demonstration], drops: Mapping[str, Drop]) -> list[Row]:
    """What is compared of the rows that are not dropped; of equal ones the first."""
    found = {row_id(row): row for row in rows}
    return [Row(id, group_of(row), said(row)) for id, row in found.items() if id not in drops]


def _nothing_left(num_read: int) -> str:
    why = "each holds an item of the evaluation sets" if num_read else "none came"
    return (
        f"clean: expected rows to train on, of {num_read} none is left ({why}): give other "
        "prompts, or raise clean.max_overlap"
    )
