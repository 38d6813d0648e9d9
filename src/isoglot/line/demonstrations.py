"""The stages that make demonstrations: route each prompt to an answer, then clean the answers.

Both make one pass over all shards, whose result is a small file in the folder of the stage, and
then one pass over each shard.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.records import Completion, Demonstration, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.data.clean import (
    CONTAMINATED,
    NEAR_DUPLICATE,
    CleanConfig,
    Drop,
    clean,
    compared_text,
    comparison_group,
    row_id,
)
from isoglot.data.contamination import (
    ContaminationRates,
    EvaluationIndex,
    EvaluationItem,
    evaluation_items,
)
from isoglot.data.duplicates import ComparedRow, Signatures, near_duplicates
from isoglot.data.route import (
    RouteEstimate,
    choose_routes,
    development_families,
    examine_completions,
    languages_without,
    route,
)
from isoglot.execute.ledger import make_once
from isoglot.execute.local import map_shards
from isoglot.line.counts import count_by_language
from isoglot.line.job import Job

_EVALUATIONS = "evaluate/"
"""Prefix of the inputs of `clean` that are evaluations: no row may hold one of their prompts."""
_ROUTES = "routes.json"
_DROPS = "drops.json"

DemonstrationShards = Iterable[Sequence[Demonstration]]
"""An iterable that can be iterated twice."""


def make_demonstrations(job: Job, out: Path) -> Mapping[str, Any]:
    """Select one answer per prompt by the route chosen for its language; see `routes.json`."""
    config = job.recipe.route
    assert config is not None
    table = make_once(out / _ROUTES, lambda: _decide(job))["ways"]
    chosen = [row for row in map(RouteEstimate.from_row, table) if row.is_chosen]
    routes = {row.language: row.route for row in chosen}
    stage = partial(route, config=config, route_in=routes)
    inputs = job.shards("prompts", "completions")
    with job.bar("route", inputs[0].num_rows) as bar:
        counts = map_shards(stage, inputs, out, Demonstration, load=job.identifier, bar=bar)
    return {**counts.kept_and_dropped, "num_languages": len(routes)}


def _decide(job: Job) -> Mapping[str, Any]:
    """Choose the routes by the development families of all shards."""
    recipe, config = job.recipe, job.recipe.route
    assert config is not None
    parts, answers = (shard_paths(each.folder) for each in job.shards("prompts", "completions"))
    families = development_families(
        (row.family for part in parts for row in read_shard(part, Prompt)),
        config.num_development_families,
    )
    identifier = job.identifier()
    examined = []
    with job.bar("compare routes", len(parts)) as bar:
        for place, (prompts, rows) in enumerate(zip(parts, answers, strict=True), 1):
            examined += examine_completions(
                read_shard(prompts, Prompt),
                read_shard(rows, Completion),
                identifier,
                config,
                families,
                is_checked=recipe.prompts.artefacts.is_used,
            )
            bar.reach(place)
    table = choose_routes(examined, recipe.languages, config)
    return {
        "num_families": len(families),
        "ways": [each.to_row() for each in table],
        "without": languages_without(table, recipe.languages),
    }


def read_routes(folder: Path) -> dict[str, Any]:
    """Read the decision table in the folder of the stage."""
    return read_json(folder / _ROUTES, mend=f"delete {folder} and run again")


def make_clean(job: Job, out: Path) -> Mapping[str, Any]:
    """Separate the demonstrations fit to train on from the others, which carry their reason.

    `drops.json` holds the dropped ids and the contamination rates by language and task. A language
    without rows is named in the counts. Raises InputError if no row of any language is left.
    """
    (routed,) = job.shards("route")
    with job.bar("clean", 2 * routed.num_rows) as bar:
        shards = _Folder(routed.folder)
        made = make_once(
            out / _DROPS, lambda: find_drops(shards, _items(job), job.recipe.clean, bar.reach)
        )
        drops = {id: Drop(*drop) for id, drop in made["drops"].items()}
        counts = map_shards(partial(clean, drops=drops), [routed], out, Demonstration)
    kept = count_by_language(out, Demonstration)
    empty = [tag for tag in job.recipe.languages if not kept.get(tag, {}).get("kept")]
    return {**counts.kept_and_dropped, "empty_languages": empty}


def find_drops(
    shards: DemonstrationShards,
    items: Iterable[EvaluationItem],
    config: CleanConfig,
    reached: Callable[[int], None] = lambda num: None,  # noqa: ARG005
) -> dict[str, Any]:
    """Find the rows to drop from all shards (`drops`, by id) and the `contamination` rates.

    The result does not depend on the order and division of the rows. A contaminated row goes
    first: its duplicates are compared with each other alone. Memory holds the ids and bands of all
    rows and the n-grams of likely duplicates, never all texts. `reached` gets the number of rows
    done, over two passes. Raises InputError if no row is left.
    """
    drops: dict[str, Drop] = {}
    overlap = config.max_overlap
    index = EvaluationIndex(
        items if overlap else (), max_overlap=overlap or 1.0, min_grams=config.min_grams
    )
    rates = ContaminationRates(index)
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
        why = "each holds an item of the evaluation sets" if num_read else "none came"
        raise InputError(
            f"clean: expected rows to train on, of {num_read} none is left ({why}): give other "
            "prompts, or raise clean.max_overlap"
        )
    if suspects := signatures.suspects():
        again = (each for rows in shards for each in _compared(rows, drops))
        twins = near_duplicates(suspects, again, signatures.max_similarity)
        drops |= {id: Drop(NEAR_DUPLICATE, each.similarity, each.id) for id, each in twins.items()}
    reached(2 * num_read)
    return {"drops": dict(sorted(drops.items())), "contamination": rates.table()}


def read_drops(folder: Path) -> dict[str, Any]:
    """Read the dropped ids and contamination rates in the folder of the stage."""
    return read_json(folder / _DROPS, mend=f"delete {folder} and run again")


@dataclass(frozen=True, slots=True)
class _Folder:
    """The shards of a folder, one in memory at a time."""

    path: Path

    def __iter__(self) -> Iterator[list[Demonstration]]:
        return (read_shard(path, Demonstration) for path in shard_paths(self.path))


def _items(job: Job) -> Iterator[EvaluationItem]:
    for name, evaluated in job.inputs.items():
        if name.startswith(_EVALUATIONS):
            task = name.removeprefix(_EVALUATIONS)
            for path in shard_paths(evaluated.folder / "prompts"):
                yield from evaluation_items(task, read_shard(path, Prompt))


def _contamination(
    row: Demonstration, index: EvaluationIndex, rates: ContaminationRates, config: CleanConfig
) -> dict[str, Drop]:
    """The drop of a row that holds an evaluation item; empty if it holds none."""
    tags = {row.language, row.answer_language} | ({"en"} if config.english_everywhere else set())
    text = compared_text(row)
    found = [overlap for tag in sorted(tags) for overlap in index.overlaps(text, tag)]
    rates.add(tags, found)
    if not found:
        return {}
    best = max(found, key=lambda overlap: overlap.share)
    return {row_id(row): Drop(CONTAMINATED, best.share, f"{best.item.task} {best.item.id}")}


def _compared(rows: Sequence[Demonstration], drops: Mapping[str, Drop]) -> list[ComparedRow]:
    """The texts to compare, without dropped rows; of equal rows the first."""
    found = {row_id(row): row for row in rows}
    return [
        ComparedRow(id, comparison_group(row), compared_text(row))
        for id, row in found.items()
        if id not in drops
    ]
