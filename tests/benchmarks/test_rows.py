"""The same rows come out of every published format, and what is missing is said in one line."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cases import cases
from published import published

from isoglot.benchmarks.benchmark import BenchmarkConfig, PromptFormat, Source
from isoglot.benchmarks.examples import read_examples
from isoglot.benchmarks.mgsm import MGSM
from isoglot.benchmarks.rows import RowReader, cell, position, read_split

ROWS = [
    {"question": 'He said "6 × 7?"', "answer": "42"},
    {"question": "3\u2028 + 4?", "answer": "7"},
]
SOURCE = Source(
    hub="someone/set",
    files=(
        "set_{code}.tsv",
        "set_{code}.csv",
        "{Name}.json",
        "set_{code}.parquet",
        "{split}/*/{code}.csv",
        "set.jsonl",
        "set.jsonl.gz",
        "{code}.{split}",
    ),
    columns=(),
    how_to_get="fetch it from example.org",
)


def write(folder: Path, name: str, rows=ROWS) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif name.endswith(".jsonl.gz"):
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
    elif name.endswith(".jsonl"):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    elif name.endswith(".json"):
        path.write_text(f"[{', '.join(lines)}]", encoding="utf-8")
    elif name.endswith(".tsv"):
        table = "\n".join("\t".join(row.values()) for row in rows)
        path.write_text(f"question\tanswer\n{table}\n", encoding="utf-8", newline="")
    else:
        quoted = [[f'"{v.replace(chr(34), chr(34) * 2)}"' for v in row.values()] for row in rows]
        table = "\n".join(",".join(row) for row in quoted)
        path.write_text(f"question,answer\n{table}\n", encoding="utf-8", newline="")
    return path


def read(data: Path, *, tag="sw", code="sw", split="test", source=SOURCE):
    return read_split("set", source._replace(languages={tag: code}), tag, split, data)


def spoken(language: str) -> list[dict]:
    return [{"lang": language, **row} for row in ROWS]


@pytest.mark.parametrize("name", ["set_sw.tsv", "set_sw.csv", "Swahili.json", "set_sw.parquet"])
def test_every_format_has_the_same_rows_and_the_same_id(tmp_path, name):
    write(tmp_path, name)
    loaded = read(tmp_path)
    assert loaded.rows == ROWS
    other = tmp_path / "other"
    write(other, "set.jsonl", [*spoken("sw"), *spoken("de")])
    assert read(other).content_id == loaded.content_id
    assert loaded.revision == ""


@pytest.mark.parametrize("name", ["set.jsonl", "set.jsonl.gz"])
def test_a_file_of_several_languages_gives_those_of_one(tmp_path, name):
    write(tmp_path, name, [*spoken("de"), *spoken("sw")])
    assert [row["lang"] for row in read(tmp_path).rows] == ["sw", "sw"]


def test_a_script_beside_the_language_is_part_of_its_name(tmp_path):
    both = [{"language": "zho", "script": s, "inputs": s} for s in ("Hans", "Hant")]
    path = write(tmp_path, "set.jsonl", both)
    assert [row["inputs"] for row in read(path, tag="zh-Hant", code="zho_Hant").rows] == ["Hant"]


def test_plain_lines_keep_their_places(tmp_path):
    (tmp_path / "sw.test").write_text("Moja.\u2028Bado moja.\n\nTatu.\n", encoding="utf-8")
    rows = read(tmp_path).rows
    assert [row["text"] for row in rows] == ["Moja.\u2028Bado moja.", "", "Tatu."]
    assert [position(row, 9, "id", "line") for row in rows] == ["0", "1", "2"]


def test_a_table_without_a_header_has_the_names_of_the_source(tmp_path):
    (tmp_path / "set_sw.tsv").write_text('"Wangapi?" asked\t1,200\n', encoding="utf-8")
    source = SOURCE._replace(columns=("question", "answer"))
    rows = read(tmp_path, source=source).rows
    assert rows == [{"question": '"Wangapi?" asked', "answer": "1,200"}]


def test_the_folder_may_hold_one_of_the_name(tmp_path):
    write(tmp_path / "set", "set_sw.tsv")
    assert read(tmp_path).rows == read(tmp_path / "set").rows == ROWS


def test_files_of_several_folders_say_where_they_are_from(tmp_path):
    write(tmp_path, "test/aya/sw.csv")
    write(tmp_path, "test/okapi/sw.csv")
    assert [row["file"] for row in read(tmp_path).rows][::2] == [
        "test/aya/sw.csv",
        "test/okapi/sw.csv",
    ]


def test_the_id_is_that_of_the_content(tmp_path):
    one = read(write(tmp_path, "a.jsonl", spoken("sw")))
    same = read(write(tmp_path, "b.jsonl", [dict(reversed(row.items())) for row in spoken("sw")]))
    other = read(write(tmp_path, "c.jsonl", spoken("sw")[::-1]))
    assert one.content_id == same.content_id != other.content_id
    assert len(one.content_id) == 16


def test_a_reader_knows_splits_and_other_languages(tmp_path):
    problems = [{"lang": tag, "question": f"{tag}?", "answer": "7"} for tag in ("de", "en")]
    write(tmp_path, "mgsm.jsonl", problems)
    write(tmp_path, "mgsm_train.jsonl", [{**row, "answer": "So 7."} for row in problems])
    reader = RowReader(MGSM, "de", data=tmp_path)
    assert reader("test")[0]["question"] == "de?"
    assert reader("train@en")[0] == {"lang": "en", "question": "en?", "answer": "So 7."}
    assert list(reader.loaded) == ["test", "train@en"]
    with pytest.raises(ValueError, match=r"mgsm: expected a language among .*came 'hi'"):
        reader("test@hi")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("set.jsonl", '{"lang": "sw"}\n{"lang', r"set.jsonl, row 2: expected JSON, came '{\"lang'"),
        ("set.jsonl", "[1]\n", r"row 1: expected an object of columns, came \[1\]"),
        ("Swahili.json", "[1]", "row 1: expected an object of columns, came 1"),
        ("set_sw.tsv", "a\tb\n1\n", "row 1: expected 2 columns, came 1"),
        ("set_sw.csv", "a,b\n1,2,3\n", "row 1: expected 2 columns, came 3"),
        ("set_sw.parquet", "no", "set_sw.parquet: expected a readable file"),
        ("set.jsonl.gz", "no", "set.jsonl.gz: expected a readable file"),
        ("set.jsonl", "", "expected rows in split 'test', came none; fetch it from example.org"),
        ("set.jsonl", '{"lang": "de"}', "expected rows with lang 'sw', came de"),
        ("set.jsonl", '{"text": "Habari"}', "expected a column `lang` in a file of several"),
        ("README.md", "no", "expected set_sw.tsv or .* came none of them; fetch it from example"),
    ],
)
def test_bad_files(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=reason) as caught:
        read(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"came .*nowhere, which is not there"):
        read(tmp_path / "nowhere")


def test_a_missing_column_is_named():
    assert cell({"a": 0, "b": None}, "b", "a") == 0
    with pytest.raises(
        ValueError, match="expected a column 'query' or 'm_query' with a value, came a"
    ):
        cell({"a": 1}, "query", "m_query")
    with pytest.raises(ValueError, match="expected a column 'question'"):
        MGSM.examples(lambda _: [{"text": "?"}], "de", PromptFormat())


def test_a_set_that_is_not_on_the_hub_says_how_to_get_it():
    source = Source(how_to_get="clone example.org", languages={"sw": "sw"})
    with pytest.raises(ValueError, match=r"not on the hub, came none; clone example.org"):
        read_split("set", source, "sw", "test")


def test_a_hub_out_of_reach_says_how_to_get_the_set():
    code = (
        "from isoglot.benchmarks.rows import RowReader; from isoglot.benchmarks.mgsm import MGSM\n"
        "try: RowReader(MGSM, 'sw')('test')\n"
        "except ValueError as error: print(error)"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.startswith("mgsm[sw]: expected juletxara/mgsm at its newest commit from the")
    assert len(done.stdout.splitlines()) == 1
    assert "google-research/url-nlp" in done.stdout


@pytest.mark.parametrize("name", ["mgsm", "msvamp", "ntrex", "lcb", "x_alpacaeval"])
def test_real_files_give_each_language_rows_of_its_own(name):
    folder = published(name)
    codes = {"de": "deu", "fr": "fra"} if name == "ntrex" else {"de": "de", "fr": "fr"}
    source = Source(files=("prompts.jsonl.gz", f"{name}.jsonl.gz"), languages=codes)
    first, second = (read_split(name, source, tag, "test", folder.parent) for tag in codes)
    assert first.rows
    assert first.content_id != second.content_id


CAUSE = {
    "premise": "Mvua ilinyesha.",
    "choice1": "Barabara ililowa.",
    "choice2": "Jua liliwaka.",
    "question": "effect",
    "label": 0,
}
PAIR = {"sentence1": "Es regnet.", "sentence2": "Es nieselt."}


@pytest.mark.parametrize(
    ("benchmark", "tag", "files"),
    [
        ("xcopa", "sw", {"sw/val.sw.jsonl": CAUSE, "sw/test.sw.jsonl": CAUSE}),
        ("xcopa", "sw", {"data/sw/val.sw.jsonl": CAUSE, "data/sw/test.sw.jsonl": CAUSE}),
        ("xcopa", "sw", {"sw/validation.sw.jsonl": CAUSE, "sw/test.sw.jsonl": CAUSE}),
        ("xcopa", "sw", {"xcopa.jsonl": {**CAUSE, "lang": "sw", "split": ["val", "test"]}}),
        ("paws_x", "de", {"x-final/de/dev_2k.tsv": PAIR, "x-final/de/test_2k.tsv": PAIR}),
    ],
)
def test_worked_examples_from_files_with_their_published_names(tmp_path, benchmark, tag, files):
    """The shots are those of the split for them, whatever the release calls it."""
    for name, row in files.items():
        splits = row.get("split", ["dev" if "test" not in name else "test"])
        rows = [
            {"id": str(i), "idx": i, **row, "split": split, "label": str(i % 2)}
            | {key: f"{split} {i} {row[key]}" for key in ("premise", "sentence1") if key in row}
            for split in splits
            for i in range(4)
        ]
        path = tmp_path / benchmark / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".tsv"):
            columns = ("id", "sentence1", "sentence2", "label")
            lines = ["\t".join(columns), *("\t".join(r[c] for c in columns) for r in rows)]
            path.write_text("\n".join(lines), encoding="utf-8")
        else:
            kept = [row if len(splits) > 1 else {**row, "split": None} for row in rows]
            path.write_text("".join(json.dumps(r) + "\n" for r in kept), encoding="utf-8")
    config = BenchmarkConfig(benchmark=benchmark, data=tmp_path, shots=2)
    examples = read_examples(config, [tag]).examples
    assert len(examples) == 4
    worked = "val 0" if len(files) == 1 else "dev 0"
    for example in examples:
        assert worked in example.prompt.text
        assert example.prompt.text.count("test ") == 1


@cases("nan_cells")
@pytest.mark.parametrize("value", ["NaN", "true", '{"a": 1}', "[1]", "null"])
def test_a_cell_that_is_no_text_is_refused_by_set_language_and_row(case, value, tmp_path):
    benchmark = case.input["benchmark"]
    tag = {"msvamp": "de", "xlsum": "en", "xcopa": "it"}[benchmark]
    row = case.input["row"].replace("NaN", value)
    code = "english" if benchmark == "xlsum" else tag
    (tmp_path / "q.jsonl").write_text(f'{row[:-1]}, "lang": "{code}"}}')
    config = BenchmarkConfig(benchmark=benchmark, data=tmp_path / "q.jsonl")
    with pytest.raises(
        ValueError, match=rf'^{benchmark} in {tag}: row "{{.*expected (a column|text)'
    ):
        read_examples(config, [tag])
