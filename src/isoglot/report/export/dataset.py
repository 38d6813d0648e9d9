"""The data that a run made, as a data set to publish: a configuration for each language."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import Demonstration, Dropped, Preference, content_id
from isoglot.core.section import validated
from isoglot.core.store import DROPPED, SCHEMAS, check_files, read_done, read_shard, shard_paths
from isoglot.execute.folder import whole_folder
from isoglot.report.export.datacard import TRANSLATED, Content, data_card
from isoglot.report.export.tools import Tool, write_for_tool
from isoglot.report.results.facts import read_run_facts
from isoglot.report.results.summary import OverlapRow, RouteTable

DatasetKind = Literal["messages", "preferences"]

_STAGES: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "messages": (Demonstration, ("clean", "route")),
    "preferences": (Preference, ("filter",)),
}
"""Record and stages of each kind; the first finished stage is exported."""

_TEST_SHARE = 20
"""One of so many families is in the test split."""

_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def export_dataset(
    run: Path,
    kind: DatasetKind,
    out: Path,
    *,
    licence: str | None,
    round: int | None = None,
    tools: Sequence[Tool] = (),
) -> Path:
    """Write the demonstrations (`messages`) or preferences of a run as a data set; return `out`.

    `datasets.load_dataset(out)` reads all languages in TRL's form, `load_dataset(out, "sw")` the
    Swahili answers; a twentieth of the families, the same ones in every language, is the split
    `test`. README.md is the data card. Written whole or not at all; all rounds, or `round`. For
    each of the `tools`, a folder with the rows and the settings that its reader takes.

    Raises:
        InputError: no licence, nothing to export, `out` is there already.
    """
    checked_licence(licence)
    with whole_folder(out) as folder:
        if not (run / "run.json").exists():
            raise InputError(
                f"expected {run / 'run.json'}, found no such file; name a run directory"
            )
        facts = read_run_facts(run)
        rounds = _rounds(run, kind, round)
        content = _write(kind, rounds, folder)
        if not content.rows:
            raise InputError(f"{rounds[max(rounds)][0]} has no rows: nothing to export")
        for tool in tools:
            write_for_tool(tool, kind, folder)
        card = data_card(content, facts, checked_licence(licence), tools)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="")
    return out


def checked_licence(licence: str | None) -> str:
    """Return a licence as the hub names it; raise InputError for none, or another text."""
    if not licence or not _LICENCE.fullmatch(licence):
        raise InputError(
            f"expected --licence with an identifier of the hub such as cc-by-4.0, came {licence!r}:"
            " the rows fall under that of their prompts and of the models that wrote the answers; "
            "say unknown where you do not know it"
        )
    return licence


def _rounds(run: Path, kind: DatasetKind, round: int | None) -> dict[int, list[Path]]:
    """The finished stages of this kind of each round, the one to export first."""
    record, names = _STAGES[kind]
    folders = run.glob("round-*") if round is None else [run / f"round-{round}"]
    found = {}
    for folder in folders:
        stages = [folder / name for name in names if read_done(folder / name)]
        for stage in stages:
            check_files(stage)
        if stages:
            found[int(folder.name.removeprefix("round-"))] = stages
    if not found:
        raise InputError(
            f"{run} has no finished {record.__name__.lower()}s"
            f"{'' if round is None else f' in round {round}'}: expected a run with the stage "
            f"{' or '.join(names)}; for the results of a run use --as csv"
        )
    return dict(sorted(found.items()))


def _write(kind: DatasetKind, rounds: Mapping[int, list[Path]], folder: Path) -> Content:
    """The shards of the first stages, parted by language, one shard in memory at a time."""
    record, _ = _STAGES[kind]
    content = Content(kind, tuple(rounds), rounds[max(rounds)][0].name)
    schema = SCHEMAS[record]
    paths = [path for stages in rounds.values() for path in shard_paths(stages[0])]
    test = _test_families(paths, record)
    writers: dict[tuple[str, str], pq.ParquetWriter] = {}
    try:
        for path in paths:
            by_place: dict[tuple[str, str], list[Any]] = {}
            shard: list[Any] = read_shard(path, record)
            for row in shard:
                split = "test" if row.family in test else "train"
                by_place.setdefault((row.answer_language, split), []).append(row)
                _count(content, row, split)
            for (tag, split), rows in sorted(by_place.items()):
                if (tag, split) not in writers:
                    place = folder / language(tag).tag / f"{split}.parquet"
                    place.parent.mkdir(exist_ok=True)
                    writers[tag, split] = pq.ParquetWriter(place, schema, compression="zstd")
                columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
                writers[tag, split].write_table(pa.Table.from_pydict(columns, schema))
    finally:
        for writer in writers.values():
            writer.close()
    for stages in rounds.values():
        for stage in stages:
            _add_facts(content, stage)
    return content


def _test_families(paths: Sequence[Path], record: type) -> set[str]:
    """A twentieth of the families, at least one of two or more, chosen by their ids."""
    families: set[str] = set()
    for path in paths:
        rows: list[Any] = read_shard(path, record)
        families |= {row.family for row in rows}
    num = max(1, len(families) // _TEST_SHARE) if len(families) > 1 else 0
    return set(sorted(families, key=lambda family: content_id("test", family))[:num])


def _count(content: Content, row: Demonstration | Preference, split: str) -> None:
    tag = row.answer_language
    content.splits[tag].add(split)
    if isinstance(row, Demonstration):
        text, model, thinks = row.text, row.model, bool(row.thought)
        content.sources[row.source] += 1
    else:
        text, model = row.chosen_text, row.chosen_model
        thinks = bool(row.chosen_thought or row.rejected_thought)
        if row.pair_type in TRANSLATED and " via " not in model:
            model = f"{model} via itself"
        content.pair_types[row.pair_type] += 1
    content.rows[tag] += 1
    content.thoughts += thinks
    content.chars[tag] += len(text)
    content.models[tag][model] += 1


def _add_facts(content: Content, stage: Path) -> None:
    """Add the rows that a stage dropped, and its decisions."""
    for path in shard_paths(stage / DROPPED):
        for row in read_shard(path, Dropped):
            content.dropped[row.language][row.reason] += 1
    mend = f"delete {stage} and run the recipe again"
    if (path := stage / "routes.json").exists():
        content.routes = validated(RouteTable, read_json(path, mend=mend), str(path))
    if (path := stage / "drops.json").exists():
        rows = read_json(path, mend=mend).get("contamination") or ()
        found = [validated(OverlapRow, row, str(path)) for row in rows]
        content.contamination = [*(content.contamination or ()), *found]
