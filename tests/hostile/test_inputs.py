"""Input that is wrong, or odd and right: an exit code, one line, nothing written, in time.

Each row of the corpus goes through the readers of the verbs that take such a file.
"""

import gzip
import json
import math
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isoglot.core.errors import InputError
from isoglot.core.rows import read_rows
from isoglot.models.load import model_config
from isoglot.recipe.loading import load_yaml
from isoglot.recipe.recipe import load_recipe

GOOD = {
    "prompt": "Habari?",
    "completion": "Nzuri sana.",
    "language": "sw",
    "prompt_id": "1",
    "family": "a",
}
SECONDS = 20
"""For one command, on a busy machine."""


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def but(**columns):
    return lines({**GOOD, **columns})


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n"
DEEP = b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

REFUSED = {
    "a list.jsonl": b"[1, 2]\n",
    "a scalar.jsonl": b"3\n",
    "null.jsonl": b"null\n",
    "a string.jsonl": b'"a"\n',
    "cut off.jsonl": lines(GOOD)[:-9],
    "zeros.jsonl": b"\0" * 50,
    "Latin-1.jsonl": b'{"prompt": "\xe9", "completion": "a", "language": "fr"}\n',
    "deep.jsonl": DEEP,
    "deep.json": DEEP,
    "a huge number.jsonl": b'{"prompt": ' + b"9" * 5000 + b"}\n",
    "a key twice.jsonl": b'{"prompt": "a", "prompt": "b", "completion": "c", "language": "sw"}\n',
    "a key twice deep.json": b'[{"prompt": {"a": 1, "a": 2}}]',
    "a pointer.jsonl": POINTER,
    "a pointer.json": POINTER,
    "a pointer.parquet": POINTER,
    "garbage.parquet": b"PAR1" + b"x" * 50 + b"PAR1",
    "empty.parquet": b"",
    "empty.jsonl": b"",
    "blank.jsonl": b" \n\n",
    "empty.csv": b"",
    "a header.csv": b"prompt,completion,language\n",
    "a column twice.csv": b"prompt,prompt,completion,language\na,b,c,sw\n",
    "a column twice.tsv": b"prompt\tprompt\tcompletion\tlanguage\na\tb\tc\tsw\n",
    "ragged.csv": b"prompt,completion,language\na,b,sw,x\n",
    "an open quote.csv": b'prompt,completion,language\n"a,b,sw\n',
    "ends of a classic Mac.csv": b"prompt,completion,language\ra,b,sw\rc,d,sw\r",
    "mixed ends.jsonl": lines(GOOD).replace(b"\n", b"\r") + lines(GOOD),
    "null.json": b"null",
    "a scalar.json": b"3",
    "a text.json": b'"abc"',
    "scalars.json": b"[1]",
    "truncated.jsonl.gz": gzip.compress(os.urandom(5000))[:-40],
    "no gzip.jsonl.gz": lines(GOOD),
    "gzip twice.jsonl.gz": gzip.compress(gzip.compress(lines(GOOD))),
    "a bomb.jsonl.gz": gzip.compress(b'{"prompt": "' + b"a" * 100_000_000, 1),
    "a sheet.xlsx": b"PK\x03\x04",
    "no suffix": lines(GOOD),
    "id null.jsonl": but(family=None),
    "id NaN.jsonl": but(family=math.nan),
    "id infinite.jsonl": but(family=math.inf),
    "id list.jsonl": but(family=[1]),
    "id object.jsonl": but(family={"a": 1}),
    "id true.jsonl": but(family=True),
    "id empty.jsonl": but(family=" "),
    "prompt null.jsonl": but(prompt=None),
    "prompt NaN.jsonl": but(prompt=math.nan),
    "prompt list.jsonl": but(prompt=[1]),
    "prompt object.jsonl": but(prompt={"x": 1}),
    "prompt empty.jsonl": but(prompt=" "),
    "turn without text.jsonl": but(prompt=[{"role": "user"}]),
    "turn of null.jsonl": but(prompt=[{"role": "user", "content": None}]),
    "turn of a number.jsonl": but(prompt=[{"role": 5, "content": "a"}]),
    "completion list.jsonl": but(completion=[1, 2]),
    "completion object.jsonl": but(completion={"a": 1}),
    "completion NaN.jsonl": but(completion=math.nan),
    "completion true.jsonl": but(completion=True),
    "gold list.jsonl": but(gold=[1]),
    "gold NaN.jsonl": but(gold=math.nan),
    "language null.jsonl": but(language=None),
    "language number.jsonl": but(language=5),
    "language list.jsonl": but(language=["sw"]),
    "language unknown.jsonl": but(language="zz"),
}
KEPT = {
    "a mark.jsonl": b"\xef\xbb\xbf" + lines(GOOD),
    "blank lines.jsonl": b"\n \n" + lines(GOOD) + b"\n\n",
    "Windows.jsonl": lines(GOOD).replace(b"\n", b"\r\n"),
    "UTF-16.jsonl": lines(GOOD).decode().encode("utf-16"),
    "set [v2].jsonl": lines(GOOD),
    "what?.jsonl": lines(GOOD),
    "half an emoji.jsonl": but(completion="Nzuri \ud83d"),
    "an id of 1.0.jsonl": but(family=1.0),
    "columns without a name.csv": b"prompt,completion,language,,\nHabari?,Nzuri sana.,sw,,\n",
}


@pytest.fixture
def one_line(isoglot, tmp_path):
    """A command that is refused with one line, in time, and writes nothing."""

    def call(*arguments):
        out = tmp_path / "out"
        start = time.monotonic()
        code, _, error = isoglot(*arguments, "--out", out)
        assert time.monotonic() - start < SECONDS
        assert code == 2, error
        assert "Traceback" not in error
        told = [line for line in error.splitlines() if line.startswith("isoglot: ")]
        assert len(told) == 1
        assert len(told[0]) < 900
        assert told[0].isprintable()
        assert not out.exists()
        return told[0]

    return call


def place(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_completions_that_is_wrong(one_line, tmp_path, name):
    path = place(tmp_path, name, REFUSED[name])
    assert name in one_line("judge", path, path, "--judge", "scorer:length")


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_rankings_that_is_wrong(one_line, tmp_path, name):
    path = place(tmp_path, name, REFUSED[name])
    assert name in one_line("import-rankings", path)


@pytest.mark.parametrize("name", KEPT)
def test_a_file_that_is_odd_and_right(tmp_path, name):
    ((_, row),) = read_rows(place(tmp_path, name, KEPT[name]))
    assert row["prompt"] == "Habari?"
    assert row["completion"] in ("Nzuri sana.", "Nzuri \ufffd")


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a loop", "a folder"])
def test_what_is_no_file(one_line, tmp_path, kind):
    path = tmp_path / "rows.jsonl"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "a device" else path)
    one_line("judge", path, path, "--judge", "scorer:length")
    one_line("import-rankings", path)
    yaml = tmp_path / "recipe.yaml"
    yaml.symlink_to(path)
    told = r"expected a file|cannot read|expected a readable"
    with pytest.raises(InputError, match=told):
        load_yaml("recipe", str(yaml))
    with pytest.raises(InputError, match=told):
        list(read_rows(path))


def test_two_columns_of_one_name_in_parquet(one_line, tmp_path):
    columns = [pa.array([text]) for text in ("a", "b", "c", "sw")]
    names = ["prompt", "prompt", "completion", "language"]
    pq.write_table(pa.Table.from_arrays(columns, names=names), tmp_path / "a.parquet")
    path = tmp_path / "a.parquet"
    assert "'prompt' stands there twice" in one_line(
        "judge", path, path, "--judge", "scorer:length"
    )


RECIPES = {
    "score.scorers=[]": "score.scorers: .*at least 1 item",
    "score={}": "score.scorers: Field required",
    "pair.reward=nope": "no scorer is named 'nope'; there are total, gold",
    "pair.reward=totl": "did you mean 'total'",
    "score=null": "pair.method best_vs_worst ranks by a reward: add a `score:` section",
    "policy.dtype=float99": "policy.dtype: .*'auto', 'float32'",
    "generate.sampling.num_samples=10000000": "num_samples: .*less than or equal to 10000",
    "generate.sampling.max_new_tokens=100000000000": "max_new_tokens: .*less than or equal",
    "generate.sampling.temperature=.nan": "temperature: .*finite number",
    "generate.sampling.temperature=.inf": "temperature: .*finite number",
    "generate.sampling.top_p=.nan": "top_p: ",
    "generate.sampling.repetition_penalty=.inf": "repetition_penalty: .*finite number",
    "families_per_shard=0": "families_per_shard: ",
    "seed=-1": "seed: .*greater than or equal to 0",
    "seed=99999999999999999999": "seed: .*less than 4294967296",
    "policy.batch_tokens=0": "batch_tokens: ",
    "languages=[]": "languages: ",
}


@pytest.mark.parametrize("override", RECIPES)
def test_a_recipe_of_values_that_make_no_sense(override):
    score = "score={scorers: [{kind: gold, grader: last_number}]}"
    with pytest.raises(InputError, match=RECIPES[override]) as caught:
        load_recipe("lidr-lab", ["pair={method: best_vs_worst}", score, override])
    assert "\n" not in str(caught.value)


YAMLS = {
    "deep": "a: " + "[" * 100_000,
    "a bomb": "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)),
    "itself": "a: &a [*a]\n",
    "a tag": "name: !!python/object/apply:os.system ['true']\n",
    "a key twice": "name: a\nname: b\n",
    "a list": "[1]",
    "nothing": "",
    "a tab": "a:\t- b\n\t- c",
    "control characters": "name: a\x00b",
}


@pytest.mark.parametrize("name", YAMLS)
def test_a_recipe_that_is_no_yaml_or_never_ends(tmp_path, name):
    path = tmp_path / "r.yaml"
    path.write_text(YAMLS[name])
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        load_recipe(str(path))
    assert time.monotonic() - start < SECONDS
    assert "\n" not in str(caught.value)


SERVERS = {
    "base_url: http://localhost:abc/v1": "base_url",
    "base_url: http://localhost:99999/v1": "base_url",
    "base_url: 'http://[::1/v1'": "base_url",
    "base_url: ftp://host/v1": "base_url",
    "requests_per_minute: 1.0e-9": "requests_per_minute",
    "requests_per_minute: .inf": "requests_per_minute",
    "tokens_per_minute: 1.0e-9": "tokens_per_minute",
    "timeout_seconds: .inf": "timeout_seconds",
    "max_concurrency: 100000000": "max_concurrency",
    "max_attempts: 1000000000": "max_attempts",
    "backoff_seconds: 1.0e+300": "backoff_seconds",
    "max_cost_usd: .nan": "max_cost_usd",
}


@pytest.mark.parametrize("setting", SERVERS)
def test_a_server_of_values_that_make_no_sense(tmp_path, setting):
    path = tmp_path / "m.yaml"
    path.write_text(f"engine: openai\nmodel: m\n{setting}\n")
    with pytest.raises(InputError, match=SERVERS[setting]):
        model_config(str(path))
    for url in ("http://localhost:abc/v1#m", "http://[::1/v1#m"):
        with pytest.raises(InputError, match="base_url"):
            model_config(url)


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        ("mgsm,,xcopa", "came 'mgsm,,xcopa'"),
        ("mgsm,", "came 'mgsm,'"),
        (",", "came ','"),
        ("mgsm,mgsm", "came 'mgsm' twice"),
    ],
)
def test_a_list_of_tasks_with_a_hole_or_a_twin(one_line, tmp_path, tasks, told):
    path = place(tmp_path, "c.jsonl", lines(GOOD))
    assert told in one_line("evaluate", path, "--tasks", tasks)


SUMMARIES = [b"[]", b"null", b"", b"{", b"\x00", b'{"rounds": null}', b'{"rounds": [null]}', DEEP]
SUMMARIES += [b'{"version": 99}', b'{"recipe": 5}', b'{"rounds": {}}', b'{"audit": []}']
SUMMARIES += [b'{"rounds": [{"round": 1e99}]}', b'{"rounds": [{"results": [{"task": "a"}]}]}']


@pytest.mark.parametrize("content", SUMMARIES, ids=range(len(SUMMARIES)))
def test_a_summary_that_is_damaged(isoglot, tmp_path, content):
    (tmp_path / "run").mkdir()
    place(tmp_path / "run", "summary.json", content)
    for command in (("report",), ("audit",), ("export", tmp_path / "t.tex", "--as", "latex")):
        verb, *more = command
        code, _, error = isoglot(verb, tmp_path / "run", *more)
        assert (code, error.count("\n")) == (2, 1), error
        assert "summary.json" in error
        assert "run the recipe again" in error
    assert [path.name for path in Path(tmp_path).rglob("*")] == ["run", "summary.json"]
