"""One reader for every file of rows: every format has the same rows and the same errors."""

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import cases

from isoglot.core.errors import InputError
from isoglot.core.row_sources import FileRowsConfig, source_rows
from isoglot.core.rows import (
    Place,
    errors_at,
    find_files,
    is_rows_file,
    read_lines,
    read_rows,
    read_rows_of_files,
)
from isoglot.core.turns import prompt_messages
from isoglot.models.local.template import read_template

ROWS = [
    {"text": 'Say "yes",\u2028or no', "lang": "en"},
    {"text": " двa строки ", "lang": "ru"},
]


def written(path, rows):
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if name.endswith(".json"):
        text = json.dumps(rows, indent=1)
    elif name.endswith(".jsonl"):
        text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    elif name.endswith(".tsv"):
        text = "\r\n".join("\t".join(line) for line in [list(rows[0]), *map(dict.values, rows)])
    else:
        file = io.StringIO()
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
        text = file.getvalue()
    data = ("\ufeff" + text).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


NAMES = [f"r{suffix}{gz}" for suffix in (".jsonl", ".json", ".csv", ".tsv") for gz in ("", ".gz")]


@pytest.mark.parametrize("name", [*NAMES, "r.parquet"])
def test_every_format_gives_the_same_rows_and_places(tmp_path, name):
    file = written(tmp_path / name, ROWS)
    assert list(read_rows(file)) == [(Place(file, 1), ROWS[0]), (Place(file, 2), ROWS[1])]
    assert [str(place) for place, _ in read_rows(file)] == [f"{file}, row 1", f"{file}, row 2"]
    assert is_rows_file(name)


def test_a_line_break_in_quotes_belongs_to_a_cell_of_csv(tmp_path):
    rows = [{"text": 'one\n\n"two"\r\nthree', "lang": "en"}, *ROWS]
    assert [row for _, row in read_rows(written(tmp_path / "a.csv", rows))] == rows


def test_a_cell_of_csv_may_be_long(tmp_path):
    rows = [{"text": "a" * 200_000}]
    assert [row for _, row in read_rows(written(tmp_path / "a.csv", rows))] == rows


def test_names_for_the_columns_of_a_file_without_a_header(tmp_path):
    (tmp_path / "a.tsv").write_text('"a\t1\n')
    (tmp_path / "a.csv").write_text("x,1\n")
    assert next(read_rows(tmp_path / "a.tsv", ("q", "a")))[1] == {"q": '"a', "a": "1"}
    assert next(read_rows(tmp_path / "a.csv", ("q", "a")))[1] == {"q": "x", "a": "1"}


def test_json_may_hold_an_object_in_each_line(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}\n{"a": 2}\n')
    assert [row["a"] for _, row in read_rows(tmp_path / "a.json")] == [1, 2]


def test_json_may_hold_a_list_inside_an_object(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{\n "version": 1,\n "data": [{"a": 1}, {"a": 2}]\n}\n')
    assert [row["a"] for _, row in read_rows(file)] == [1, 2]
    file.write_text('{"a": 1,\n "b": [3]}')
    assert [row for _, row in read_rows(file)] == [{"a": 1, "b": [3]}]


def test_a_folder_has_the_files_of_rows_in_it(tmp_path):
    for name in ("b/c.jsonl", "a.csv", "README.md", ".hidden.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path / name, ROWS)
    assert [file.name for file in find_files(str(tmp_path))] == ["a.csv", "c.jsonl"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: expected files of \.jsonl, .* in it, came none"):
        find_files(str(tmp_path / "empty"))


def test_a_glob_reads_its_files_by_name(tmp_path):
    for name in ("b.jsonl", "a.csv"):
        written(tmp_path / name, ROWS)
    places = [place for place, _ in read_rows_of_files(str(tmp_path / "*"))]
    assert [(place.file.name, place.row) for place in places] == [
        *(("a.csv", 1), ("a.csv", 2)),
        *(("b.jsonl", 1), ("b.jsonl", 2)),
    ]
    with pytest.raises(InputError, match=r"none.*: expected a file or a glob of files, came noth"):
        find_files(str(tmp_path / "none*"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"a": 1}\n\n{"a', r"a.jsonl, row 2: expected JSON, came '{\"a'"),
        ("a.jsonl", b"[1]", r"a.jsonl, row 1: expected an object of columns, came \[1\]"),
        ("a.json", b"[1]", "a.json, row 1: expected an object of columns, came 1"),
        ("a.json", b'[{"a": 1}', "a.json: expected a readable file, came an error"),
        ("a.csv", b"a,b\n1,2\n3\n", "a.csv, row 2: expected 2 columns, came 1"),
        ("a.tsv", b"a\tb\n1\t2\t3\n", "a.tsv, row 1: expected 2 columns, came 3"),
        ("a.csv", b"\xff\xfa", "a.csv: expected a readable file, came an error .*decode"),
        (
            "a.jsonl.gz",
            gzip.compress(b'{"a": 1}\n' * 999, mtime=0)[:-12],
            "a.jsonl.gz: expected a readable",
        ),
        ("a.parquet", b"PAR1 not really", "a.parquet: expected a readable file"),
        ("a.xlsx", b"", "a.xlsx: expected .jsonl, .json, .csv, .tsv, .parquet, came .xlsx; conv"),
        ("a", b"", "came no suffix; convert or rename it"),
        ("a.parquet.gz", b"", "a.parquet.gz: expected .jsonl"),
        ("a.jsonl", None, "a.jsonl: expected a file, came nothing; correct the path"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_that_names_it(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        list(read_rows(tmp_path / name))
    assert "\n" not in str(error.value)
    assert str(error.value).count(str(tmp_path)) == 1


def test_lines_of_text_end_at_line_feeds_alone(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\u2028 \r\n\ntwo".encode())
    assert list(read_lines(tmp_path / "a.txt")) == ["one\u2028 ", "", "two"]
    with pytest.raises(InputError, match=r"none.txt: expected a file, came nothing"):
        list(read_lines(tmp_path / "none.txt"))


def test_an_error_about_a_row_names_its_place_and_a_bug_is_left_alone(tmp_path):
    with (
        pytest.raises(InputError, match=r"^a\.csv, row 3: expected text"),
        errors_at(Place(Path("a.csv"), 3)),
    ):
        raise InputError("expected text")
    with pytest.raises(ValueError, match=r"^zip"), errors_at(Place(tmp_path, 1)):
        raise ValueError("zip")


def test_a_prompt_is_a_text_or_turns_that_end_with_the_user():
    assert prompt_messages("Hi", "p") == ({"role": "user", "content": "Hi"},)
    turns = [{"role": "system", "content": "s", "id": 1}, {"role": "user", "content": "u"}]
    assert prompt_messages(turns, "p")[0] == {"role": "system", "content": "s"}
    for cell, message in [
        (3, "expected text or a list of {role, content} in column 'p', came 3"),
        ([{"role": "user"}], "expected text or a list"),
        (turns[:1], "empty prompt: expected a user turn"),
        (" ", "empty prompt"),
        ([], "empty prompt"),
    ]:
        with pytest.raises(InputError, match=message.replace("{", r"\{")):
            prompt_messages(cell, "p")


@cases("brackets")
def test_what_is_there_by_its_very_name_is_no_pattern(case, tmp_path):
    if "command" in case.input:
        return  # a training: see `tests/train/test_training_examples.py`
    for name in case.input.get("there", [case.input["path"]]):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"name": name}))
    rows = read_rows_of_files(str(tmp_path / case.input["path"]))
    assert sorted(row["name"] for _, row in rows) in case.right


def test_a_pattern_in_a_folder_with_brackets(tmp_path):
    folder = tmp_path / "set [v2]"
    folder.mkdir()
    for tag in ("de", "sw"):
        written(folder / f"{tag}.jsonl", ROWS)
    assert [file.name for file in find_files(str(folder / "*.jsonl"))] == ["de.jsonl", "sw.jsonl"]
    source = FileRowsConfig(path=str(folder / "{language}.jsonl"))
    assert [row.language for row in source_rows(source)] == ["de", "de", "sw", "sw"]


@cases("bom")
def test_a_byte_order_mark_is_no_part_of_a_text(case, tmp_path):
    path = tmp_path / case.input["file"]
    path.write_bytes(case.input["content"].encode())
    if path.suffix == ".jinja":
        assert read_template(str(path)) in case.right
    else:
        rows = [row for _, row in read_rows(path)]
        assert [json.dumps(row, ensure_ascii=False) for row in rows] == [
            json.dumps(json.loads(line), ensure_ascii=False)
            for line in case.input["content"].lstrip("\ufeff").splitlines()
        ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_a_file_in_utf_16_says_so_by_its_mark(tmp_path, name, encoding):
    file = written(tmp_path / name, ROWS)
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    text = data.decode("utf-8-sig")
    data = text.encode(encoding) if encoding == "utf-16" else f"\ufeff{text}".encode(encoding)
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    assert [row for _, row in read_rows(file)] == ROWS


def test_files_that_were_joined_have_marks_inside(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text('\ufeff{"a": "\ufeffx"}\n\ufeff{"a": "y"}\n')
    assert [row["a"] for _, row in read_rows(file)] == ["\ufeffx", "y"]


@cases("half_surrogate")
def test_half_of_a_character_is_mended(case, tmp_path):
    for name in ("a.jsonl", "a.json"):
        (tmp_path / name).write_text(case.input["row"])
        ((_, row),) = read_rows(tmp_path / name)
        text = json.dumps(row, ensure_ascii=False)
        assert text.encode().decode() == text
        assert "\ufffd" in text


def test_halves_that_belong_together_stay(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": "\\ud83d\\ude00 \\ud83d", "\\udc00": ["\\udc00"]}')
    ((_, row),) = read_rows(tmp_path / "a.jsonl")
    assert row == {"a": "\U0001f600 \ufffd", "\ufffd": ["\ufffd"]}
