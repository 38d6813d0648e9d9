"""The data that a run made, as a data set to publish: a configuration for each language."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from isoglot.core.documents import read_json
from isoglot.core.errors import InputError
from isoglot.core.languages import language
from isoglot.core.records import Demonstration, Dropped, Preference
from isoglot.core.store import DROPPED, SCHEMAS, read_done, read_shard, shard_paths
from isoglot.report.export.datacard import Content, data_card
from isoglot.report.results.facts import read_run_facts
from isoglot.report.results.summary import OverlapRow, RouteTable

DatasetKind = Literal["messages", "preferences"]

_STAGES: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "messages": (Demonstration, ("clean", "route")),
    "preferences": (Preference, ("filter",)),
}
"""Record and stages of each kind; the first finished stage is exported."""

_MEND = "run the recipe again"
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def export_dataset(
    run: Path, kind: DatasetKind, out: Path, *, licence: str | None, round: int | None = None
) -> Path:
    """Write the demonstrations (`messages`) or preferences of a run as a data set; return `out`.

    `datasets.load_dataset(out, "sw")` reads the Swahili answers in TRL's form. README.md is the
    data card. Written whole or not at all; the last round that has such data, or `round`.

    Raises:
        InputError: no licence, nothing to export, `out` is there already.
    """
    if not licence or not _LICENCE.fullmatch(licence):
        raise InputError(
            f"expected --licence with an identifier of the hub such as cc-by-4.0, came {licence!r}:"
            " the rows fall under that of their prompts and of the models that wrote the answers; "
            "say unknown where you do not know it"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is there already: give a new or empty folder")
    if not (run / "run.json").exists():
        raise InputError(f"expected {run / 'run.json'}, found no such file; name a run directory")
    facts = read_run_facts(run)
    round, stages = _stages(run, kind, round)
    with _whole(out) as folder:
        content = _write(kind, round, stages, folder)
        if not content.rows:
            raise InputError(f"{stages[0]} has no rows: nothing to export")
        card = data_card(content, facts, licence)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="")
    return out


def _stages(run: Path, kind: DatasetKind, round: int | None) -> tuple[int, list[Path]]:
    """The round, and its finished stages of this kind, the one to export first."""
    record, names = _STAGES[kind]
    folders = sorted(run.glob("round-*")) if round is None else [run / f"round-{round}"]
    for folder in sorted(folders, key=lambda path: -int(path.name.removeprefix("round-"))):
        stages = [folder / name for name in names if read_done(folder / name)]
        if stages:
            return int(folder.name.removeprefix("round-")), stages
    raise InputError(
        f"{run} has no finished {record.__name__.lower()}s"
        f"{'' if round is None else f' in round {round}'}: expected a run with the stage "
        f"{' or '.join(names)}; for the results of a run use --as csv"
    )


def _write(kind: DatasetKind, round: int, stages: list[Path], folder: Path) -> Content:
    """The shards of the first stage, parted by language, one shard in memory at a time."""
    record, _ = _STAGES[kind]
    content = Content(kind, round, stages[0].name)
    schema = SCHEMAS[record]
    writers: dict[str, pq.ParquetWriter] = {}
    try:
        for path in shard_paths(stages[0]):
            by_language: dict[str, list[Any]] = {}
            shard: list[Any] = read_shard(path, record)
            for row in shard:
                by_language.setdefault(row.answer_language, []).append(row)
                _count(content, row)
            for tag, rows in sorted(by_language.items()):
                if tag not in writers:
                    place = folder / language(tag).tag / "train.parquet"
                    place.parent.mkdir()
                    writers[tag] = pq.ParquetWriter(place, schema, compression="zstd")
                columns = {name: [getattr(row, name) for row in rows] for name in schema.names}
                writers[tag].write_table(pa.Table.from_pydict(columns, schema))
    finally:
        for writer in writers.values():
            writer.close()
    for stage in stages:
        _add_facts(content, stage)
    return content


def _count(content: Content, row: Demonstration | Preference) -> None:
    tag = row.answer_language
    if isinstance(row, Demonstration):
        text, model = row.text, row.model
        content.sources[row.source] += 1
    else:
        text, model = row.chosen_text, row.chosen_model
    content.rows[tag] += 1
    content.chars[tag] += len(text)
    content.models[tag][model] += 1


def _add_facts(content: Content, stage: Path) -> None:
    """Add the rows that a stage dropped, and its decisions."""
    for path in shard_paths(stage / DROPPED):
        for row in read_shard(path, Dropped):
            content.dropped[row.language][row.reason] += 1
    if (path := stage / "routes.json").exists():
        content.routes = RouteTable.model_validate(read_json(path, mend=_MEND))
    if (path := stage / "drops.json").exists():
        rows = read_json(path, mend=_MEND)["contamination"]
        content.contamination = [OverlapRow(**row) for row in rows]


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A folder that becomes `out` when all went well, and goes away otherwise."""
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if out.exists():
            out.rmdir()
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
