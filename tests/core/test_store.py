"""The store: what is written comes back, whole or not at all."""

import resource
from contextlib import contextmanager
from dataclasses import fields, replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.records import (
    Choice,
    Completion,
    Demonstration,
    Dropped,
    Graded,
    Preference,
    PrivilegedPrompt,
    Prompt,
    Rated,
    Result,
    Verdict,
)
from isoglot.core.store import (
    SCHEMAS,
    count_rows,
    read_done,
    read_shard,
    shard_path,
    shard_paths,
    shards_of,
    write_done,
    write_json,
    write_shard,
)


def said(role: str, text: str) -> tuple[dict[str, str], ...]:
    return ({"role": role, "content": text},)


PROMPT = Prompt.from_text("Tom ana tufaha 3.", language="sw", gold="3")
COMPLETION = Completion(
    "f", "p", "sw", "model@1", 0, "Jibu ni 3.", "stop", rewards={"match": 1.0, "judge": None}
)
PREFERENCE = Preference(
    *(said("user", "Habari?"), said("assistant", "Nzuri."), said("assistant", "Good.")),
    *("f", "p", "de", "sw", "model@1", "model@1", "sw", None, "stop", "stop"),
    *(0.5, None, "translated_vs_direct", 0),
)
DEMONSTRATION = Demonstration(
    (*said("user", "Habari?"), *said("assistant", "Nzuri.")), "f", "p", "sw", "sw", "model@1", "lab"
)
PRIVILEGED = PrivilegedPrompt(
    said("user", "Habari?"), "How are you?", "f", "p", "sw", "sw", "g", "model@1", None
)
DROPPED = Dropped("f", "p", "sw", "translated_vs_direct", "empty", "Nzuri.", "")
RESULT = Result("lab_math", "sw", True, "accuracy", 0.5, 0.4, 0.6, 100, 3, "v:1")
CHOICE = Choice("f", "p", "sw", "model@1", "B", "Jibu ni 3.", -12.5, 4)
UNWEIGHED = Choice("f", "p", "sw", "", "B", "Jibu ni 3.", None, 0)
GRADED = Graded("f", "p", "sw", "chrf", 0.5, [1.0, 2.0])
UNGRADED = Graded("f", "p", "sw", "chrf", None, None)
VERDICT = Verdict(
    *("f", "p", "sw", "a@1", "b@1", "judge@1", "win", "invalid", 1.0, None),
    *("Verdict: A", "Sijui.", "0a", "0b", 10, 6),
)
RATED = Rated("f", "p", "sw", "model@1", "judge@1", 2, 7.5, "Rating: 7.5", "0a")
UNRATED = Rated("f", "p", "sw", "model@1", "judge@1", 1, None, "Sijui.", "0a")
RECORDS = [
    *(PROMPT, COMPLETION, PREFERENCE, DROPPED, RESULT, CHOICE, UNWEIGHED),
    *(GRADED, UNGRADED, VERDICT, RATED, UNRATED, DEMONSTRATION, PRIVILEGED),
]


@contextmanager
def files_of_at_most(num_bytes: int):
    """A limit of the operating system that a write runs into as it runs into a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", SCHEMAS, ids=lambda kind: kind.__name__)
def test_columns_are_the_fields_of_the_record(kind):
    columns = {column.name: column for column in fields(kind)}
    assert SCHEMAS[kind].names == list(columns)
    for column in SCHEMAS[kind]:
        may_be_none = "None" in str(columns[column.name].type).replace("float | None]", "")
        assert column.nullable == may_be_none, column.name


def test_every_record_is_in_the_tests():
    assert {type(record) for record in RECORDS} == set(SCHEMAS)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
@pytest.mark.parametrize("num", [0, 1, 3])
def test_what_is_written_is_read(tmp_path, record, num):
    path = shard_path(tmp_path / "stage", 0)
    write_shard(path, [record] * num, type(record))
    assert read_shard(path, type(record)) == [record] * num
    assert count_rows(path, type(record)) == num
    assert list(path.parent.iterdir()) == [path]


def test_same_rows_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_shard(tmp_path / name, [PREFERENCE] * 5, Preference)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.ParquetFile(tmp_path / "a").metadata.row_group(0).column(0).compression == "ZSTD"


def test_preferences_load_as_trl_takes_them(tmp_path):
    datasets = pytest.importorskip("datasets")
    write_shard(shard_path(tmp_path, 0), [PREFERENCE] * 2, Preference)
    write_shard(shard_path(tmp_path, 1), [], Preference)
    files = [str(path) for path in shard_paths(tmp_path)]
    cache = str(tmp_path / "cache")
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
    assert len(rows) == 2
    assert rows[0]["prompt"] == [{"role": "user", "content": "Habari?"}]
    assert rows[0]["chosen"] == [{"role": "assistant", "content": "Nzuri."}]
    assert rows[0]["rejected_language"] is None


@given(
    st.lists(st.sampled_from("abcdefgh")).map(lambda names: [Row(name) for name in names]),
    st.integers(1, 5),
)
def test_a_family_never_splits(rows, per_shard):
    shards = shards_of(rows, per_shard)
    families = [list(dict.fromkeys(row.family for row in shard)) for shard in shards]
    in_order = list(dict.fromkeys(row.family for row in rows))
    assert [family for shard in families for family in shard] == in_order
    assert all(len(shard) == per_shard for shard in families[:-1])
    assert sorted(map(id, rows)) == sorted(id(row) for shard in shards for row in shard)


class Row:
    def __init__(self, family: str) -> None:
        self.family = family


def test_shard_without_families_is_refused():
    with pytest.raises(ValueError, match="families_per_shard: expected 1 or more, got 0"):
        shards_of([PROMPT], 0)


def test_row_that_does_not_fit_is_refused_and_nothing_written(tmp_path):
    half = Completion("f", "p", "sw", "model@1", 0, None, "stop")
    with pytest.raises(ValueError, match=r"a Completion does not fit its columns.*text"):
        write_shard(tmp_path / "part", [half], Completion)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 20, -1, -20])
def test_truncated_shard_says_which_file_to_delete(tmp_path, keep):
    path = tmp_path / "part"
    write_shard(path, [COMPLETION] * 100, Completion)
    path.write_bytes(path.read_bytes()[:keep])
    for read in (read_shard, count_rows):
        with pytest.raises(
            ValueError, match=f"cannot read {path} .*delete that file and its stage's done.json"
        ):
            read(path, Completion)


def test_damage_inside_a_shard_is_seen(tmp_path):
    path = tmp_path / "part"
    write_shard(path, [COMPLETION] * 100, Completion)
    damaged = bytearray(path.read_bytes())
    damaged[30:90] = bytes(60)
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=f"cannot read {path}"):
        read_shard(path, Completion)


def test_missing_column_is_named(tmp_path):
    path = tmp_path / "part"
    write_shard(path, [PROMPT], Prompt)
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["gold", "source"]), path)
    with pytest.raises(ValueError, match="column missing: gold, source"):
        read_shard(path, Prompt)


def test_completions_of_earlier_versions_have_no_thought(tmp_path):
    path = tmp_path / "part"
    write_shard(path, [replace(COMPLETION, thought="Tatu.")], Completion)
    assert read_shard(path, Completion)[0].thought == "Tatu."
    pq.write_table(pq.ParquetFile(path).read().drop_columns(["thought"]), path)
    assert read_shard(path, Completion) == [COMPLETION]


def test_column_of_another_type_is_refused(tmp_path):
    path = tmp_path / "part"
    write_shard(path, [RESULT], Result)
    table = pq.ParquetFile(path).read()
    texts = pa.array(["many"] * len(table))
    pq.write_table(table.set_column(table.schema.get_field_index("n"), "n", texts), path)
    with pytest.raises(ValueError, match=f"cannot read {path}"):
        read_shard(path, Result)


def test_shard_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no shard at .*part-00003"):
        read_shard(shard_path(tmp_path, 3), Prompt)


def test_full_disk_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "part"
    write_shard(path, [COMPLETION], Completion)
    before = path.read_bytes()
    with files_of_at_most(100), pytest.raises(OSError, match=f"cannot write {path} .*make room"):
        write_shard(path, [COMPLETION] * 2, Completion)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_shards_are_listed_in_order_without_temporary_files(tmp_path):
    for index in (10, 2, 0):
        write_shard(shard_path(tmp_path, index), [PROMPT], Prompt)
    (tmp_path / ".part-00003.parquet.tmp").write_bytes(b"half")
    assert shard_paths(tmp_path) == [shard_path(tmp_path, index) for index in (0, 2, 10)]


def test_stage_is_done_when_done_stands(tmp_path):
    assert read_done(tmp_path) is None
    write_done(tmp_path, {"fingerprint": "ñ", "rows": 3})
    assert read_done(tmp_path) == {"fingerprint": "ñ", "rows": 3, "files": {}}
    (tmp_path / "done.json").write_text('{"fing')
    with pytest.raises(ValueError, match=r"done\.json .*delete that file"):
        read_done(tmp_path)


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "summary.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []
