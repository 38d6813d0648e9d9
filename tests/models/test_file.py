"""Completions from a file join on the ids of prompts; what is missing is not invented."""

import gzip
import json

import pytest
from cases import cases

from isoglot.core.errors import InputError
from isoglot.core.failures import NOT_IN_FILE
from isoglot.core.protocols import Sampled, Sampling
from isoglot.core.records import Prompt, content_id
from isoglot.core.row_sources import FileRowsConfig
from isoglot.data.generate import generate
from isoglot.data.prompts import read_prompts
from isoglot.models.file import FileSampler, FileSamplerConfig

ROWS = [
    {"task": "qa", "i": 1, "lang": "sw", "completion": "saba", "end": "stop", "model": "a"},
    {"task": "qa", "i": 1, "lang": "sw", "completion": "nane", "end": "MAX_TOKENS", "model": "a"},
    {"task": "qa", "i": 2, "lang": "sw", "completion": "tisa", "end": None, "model": "b"},
]
IDS = ("task", "lang", "i")


def prompt(i):
    return Prompt(
        "f", content_id("qa", "sw", str(i)), "sw", [{"role": "user", "content": "?"}], "sw"
    )


def write(tmp_path, suffix, rows=ROWS):
    path = tmp_path / f"answers{suffix}"
    if suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)
        return path
    opened = gzip.open if suffix.endswith(".gz") else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_rows_join_and_missing_is_an_error(tmp_path, suffix):
    sampler = FileSampler(
        FileSamplerConfig(path=write(tmp_path, suffix), id_columns=IDS, finish_reason_column="end")
    )
    ticks = []
    answers = sampler.sample(
        [prompt(2), prompt(1), prompt(3)], Sampling(num_samples=2), lambda *tick: ticks.append(tick)
    )
    assert answers == [
        [Sampled("tisa", "stop"), Sampled("", "error", failure=NOT_IN_FILE)],
        [Sampled("saba", "stop"), Sampled("nane", "length")],
        [Sampled("", "error", failure=NOT_IN_FILE), Sampled("", "error", failure=NOT_IN_FILE)],
    ]
    assert ticks == [(1, "sw")] * 3
    assert sampler.name.startswith("answers@")


@pytest.mark.parametrize(
    ("cells", "settings"),
    [
        ({"completion": "<think>Tatu.</think>saba"}, {}),
        ({"completion": "(why) Tatu. (so) saba"}, {"thought_marks": ("(why)", "(so)")}),
        ({"completion": "saba", "why": "Tatu."}, {"thought_column": "why"}),
        (
            {
                "completion": [
                    {"role": "assistant", "content": "saba", "reasoning_content": "Tatu."}
                ]
            },
            {},
        ),
    ],
    ids=["marks", "own marks", "column", "turn"],
)
def test_the_thought_is_kept_apart(tmp_path, cells, settings):
    path = write(tmp_path, ".jsonl", [{"prompt_id": prompt(1).prompt_id, **cells}])
    sampler = FileSampler(FileSamplerConfig(path=path, **settings))
    ((completion,),) = [generate([prompt(1)], sampler, Sampling())]
    assert (completion.text, completion.thought) == ("saba", "Tatu.")


def test_a_null_completion_is_an_error(tmp_path):
    rows = [{"prompt_id": prompt(1).prompt_id, "completion": None}]
    sampler = FileSampler(FileSamplerConfig(path=write(tmp_path, ".jsonl", rows)))
    assert sampler.sample([prompt(1)], Sampling()) == [[Sampled("", "error", failure=NOT_IN_FILE)]]


def test_several_models_in_one_file(tmp_path):
    path = write(tmp_path, ".jsonl")
    config = {"path": path, "id_columns": IDS, "sampler_column": "model"}
    with pytest.raises(ValueError, match=r"got a, b; say which one with `sampler`"):
        FileSampler(FileSamplerConfig(**config))
    sampler = FileSampler(FileSamplerConfig(**config, sampler="b"))
    assert sampler.name.startswith("b@")
    assert sampler.sample([prompt(1), prompt(2)], Sampling()) == [
        [Sampled("", "error", failure=NOT_IN_FILE)],
        [Sampled("tisa", "stop")],
    ]
    with pytest.raises(ValueError, match="got none"):
        FileSampler(FileSamplerConfig(**config, sampler="c"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text_column": "answer"}, "row 1: expected column 'answer'"),
        (
            {"finish_reason_column": "model"},
            "row 1: expected a finish reason such as stop, length, error, came 'a'",
        ),
    ],
)
def test_a_file_that_is_not_as_the_config_says(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        FileSampler(FileSamplerConfig(path=write(tmp_path, ".jsonl"), id_columns=IDS, **change))


def test_no_file_wrong_format_broken_line(tmp_path):
    with pytest.raises(ValueError, match="not there"):
        FileSampler(FileSamplerConfig(path=tmp_path / "none.jsonl"))
    table = tmp_path / "answers.xlsx"
    table.write_text("a,b")
    with pytest.raises(ValueError, match=r"came \.xlsx; convert or rename it"):
        FileSampler(FileSamplerConfig(path=table))
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"prompt_id": "a", "completion": "b"}\n{"prompt')
    with pytest.raises(ValueError, match="row 2: expected JSON"):
        FileSampler(FileSamplerConfig(path=broken))


@cases("odd_rows")
def test_a_row_gives_a_text_or_is_refused_by_its_place(case, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt_id":"0","completion":"Rot."}\n' + case.input + "\n", "utf-8")
    asked = [Prompt("1", "1", "de", [{"role": "user", "content": "?"}], "de")]
    try:
        text = FileSampler(FileSamplerConfig(path=path)).sample(asked, Sampling())[0][0].text
    except InputError as error:
        text = "refused" if "rows.jsonl, row 2: expected" in str(error) else str(error)
    assert text in case.right


@cases("ids")
def test_ids_of_prompts_and_completions_meet(case, tmp_path):
    asked, told = tmp_path / "prompts.jsonl", tmp_path / "answers.jsonl"
    asked.write_text(f'{{"id": {case.input["prompt_id"]}, "prompt": "?"}}')
    told.write_text(f'{{"id": {case.input["completion_id"]}, "completion": "Ja."}}')
    source = FileRowsConfig(path=str(asked), language="de", id=("id",), family=("id",))
    try:
        sampler = FileSampler(FileSamplerConfig(path=told, id_columns=("id",)))
        text = sampler.sample(read_prompts(source), Sampling())[0][0].text
        came = "met" if text else "missing"
    except InputError as error:
        came = "refused" if ".jsonl, row 1: expected" in str(error) else str(error)
    assert came in case.right


def test_prompts_that_a_file_lacks_are_counted_and_told(tmp_path, capsys):
    sampler = FileSampler(FileSamplerConfig(path=write(tmp_path, ".jsonl"), id_columns=IDS))
    sampler.sample([prompt(1), prompt(2)], Sampling())
    assert capsys.readouterr().err == ""
    sampler.sample([prompt(3), prompt(1), prompt(4)], Sampling())
    assert "answers.jsonl has no completion for 2 of 3 prompts, as '?'" in capsys.readouterr().err
