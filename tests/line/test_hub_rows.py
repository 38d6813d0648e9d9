"""Prompts of a hub set: pinned to the commit that a run began with, from a hub on loopback."""

import json
import shutil
from pathlib import Path

import pytest
from hub_caller import parquet

from isoglot.core.records import Prompt
from isoglot.core.store import read_shard, shard_paths

pytestmark = pytest.mark.slow

SET = "datasets/someone/greetings"

RECIPE = """
name: from-hub
languages: [en, sw]
rounds: 1
policy: {path: lab}
prompts:
  source: {kind: hub, path: someone/greetings, family: [id]}
generate: {sampling: {max_new_tokens: 2, num_samples: 2, temperature: 1.0}}
score: {scorers: [length]}
pair: {method: best_vs_worst}
"""


def greetings(word, **columns):
    rows = [
        {"id": i, "instruction": f"{word} {i}?", "lang": tag, "extra": 1.5, **columns}
        for i in range(2)
        for tag in ("en", "sw")
    ]
    return {"README.md": b"# A set\n", "data/train-00000-of-00001.parquet": parquet(rows)}


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "from-hub.yaml"
    path.write_text(RECIPE)
    return path


def run(call, recipe, out, *words):
    code, said = call("run", str(recipe), "--out", str(out), *words)
    assert code == 0, said
    return said


def texts(out: Path) -> set[str]:
    paths = shard_paths(out / "round-0/prompts")
    return {prompt.text for path in paths for prompt in read_shard(path, Prompt)}


def revision(out: Path) -> str:
    return json.loads((out / "run.json").read_text())["recipe"]["prompts"]["source"]["revision"]


def test_a_run_keeps_the_commit_that_it_began_with(call, recipe, tmp_path):
    old = call.hub.commit(SET, greetings("Hello"))
    out = tmp_path / "run"
    said = run(call, recipe, out)
    assert "read 4 rows as prompt-only, Alpaca" in said
    assert revision(out) == old
    new = call.hub.commit(SET, greetings("Goodbye"))
    (out / "round-0/prompts/done.json").unlink()  # as after a kill
    run(call, recipe, out)
    assert (revision(out), texts(out)) == (old, {"Hello 0?", "Hello 1?"})
    other = tmp_path / "other"
    run(call, recipe, other)
    assert (revision(other), texts(other)) == (new, {"Goodbye 0?", "Goodbye 1?"})
    pinned = tmp_path / "pinned"
    run(call, recipe, pinned, f"prompts.source.revision={old}")
    assert texts(pinned) == texts(out)
    code, said = call("run", str(recipe), "--out", str(out), f"prompts.source.revision={new}")
    assert code == 2
    assert f"revision = {old!r} (now {new!r})" in said
    assert "--redo" in said


def test_a_round_that_names_a_part_of_its_source_keeps_its_commit(call, tmp_path):
    path = tmp_path / "from-hub.yaml"
    path.write_text(RECIPE.replace("rounds: 1", "rounds: [{prompts.source.revision: later}]"))
    old = call.hub.commit(SET, greetings("Hello"), branch="later")
    out = tmp_path / "run"
    run(call, path, out)
    call.hub.commit(SET, greetings("Goodbye"), branch="later")
    (out / "round-0/prompts/done.json").unlink()  # as after a kill
    run(call, path, out)
    assert texts(out) == {"Hello 0?", "Hello 1?"}
    (keys,) = json.loads((out / "run.json").read_text())["recipe"]["rounds"]
    assert keys["prompts.source"]["revision"] == old


def test_what_cannot_be_read_is_one_line(call, recipe, tmp_path):
    call.hub.commit("datasets/someone/gated", greetings("Secret"))
    call.hub.gated.add("datasets/someone/gated")
    odd = {"README.md": b"# A set\n", "train.csv": b"premise,label\nIt rains,1\n"}
    call.hub.commit("datasets/someone/odd", odd)
    call.hub.commit(SET, greetings("Hello"))
    for setting, words in (
        ("path=someone/nowhere", ("someone/nowhere at main", "no file here has it either")),
        ("path=someone/gated", ("someone/gated", "accept its terms at https://", "hf auth login")),
        ("path=someone/odd", ("someone/odd@", "row 1: expected the columns of a known form",
                              "came premise, label; name those")),
        ("revision=next", ("someone/greetings at next", "correct the revision")),
        ("split=validation", ("someone/greetings", "validation", "train")),
        ("name=sw", ("someone/greetings", "'sw'", "default")),
        ("path=nowhere", ("prompts.source.path: expected owner/name", "{kind: file, path: n")),
        ("columns.prompt=text", ("row 1: expected a column 'text', came id, instruction, lang")),
    ):  # fmt: skip
        out = tmp_path / "run"
        code, line = call("run", str(recipe), "--out", str(out), f"prompts.source.{setting}")
        assert code == 2, line
        assert line.strip().count("\n") == 0, line
        assert all(each in line for each in ([words] if isinstance(words, str) else words)), line
        assert not (out / "round-0/prompts/part-00000.parquet").exists()
        shutil.rmtree(out, ignore_errors=True)


def test_a_set_of_the_hub_is_inspected_and_trained_on(call, tmp_path):
    rows = [{"prompt": f"{i}?", "chosen": str(i), "rejected": "no", "lang": "en"} for i in range(4)]
    files = {"README.md": b"# A set\n", "data/train-0.parquet": parquet(rows)}
    commit = call.hub.commit("datasets/someone/pairs", files)
    code, said = call("inspect", "someone/pairs")
    assert code == 0, said
    assert f"source     someone/pairs@{commit[:12]} ({commit[:12]}), 4 rows" in said
    assert "form       preference 4" in said
    command = ("train", "dpo", "someone/pairs", "--model", "lab", "--out", str(tmp_path / "out"))
    code, said = call(*command, "--check")
    assert code == 0, said
    assert "en       chosen" in said
    assert not (tmp_path / "out").exists()
    code, said = call(*command)
    assert code == 0, said
    pins = {"someone/pairs@main": commit}
    assert json.loads((tmp_path / "out/hub.json").read_text()) == pins
    rows[0]["chosen"] = "other"
    call.hub.commit("datasets/someone/pairs", {"data/train-0.parquet": parquet(rows)})
    code, said = call(*command)
    assert code == 0, said
    assert json.loads((tmp_path / "out/hub.json").read_text()) == pins, "that of the first call"


def test_own_instructions_run_on_the_set_that_they_name(call, tmp_path):
    rows = [
        {"instruction": text, "context": "", "response": "Hello there.", "category": "open_qa"}
        for text in ("Say hello.", "Name an apple.", "How many apples?", "Add 2 and 3.")
    ]
    files = {"README.md": b"# Dolly\n", "data/train-0.parquet": parquet(rows)}
    call.hub.commit("datasets/databricks/databricks-dolly-15k", files)
    out = tmp_path / "run"
    words = ("prompts.num_families=4", "families_per_shard=4", "route.num_development_families=2")
    few = ("languages=[en, es]", "prompts.source.revision=main", "train=null", *words)
    said = run(call, "own-instructions", out, *few)
    assert "read 4 rows as prompt-completion, Alpaca" in said
    assert (out / "round-0/clean/done.json").exists()


def test_files_of_a_set_are_read_as_the_shipped_recipe_reads_sharegpt(call, recipe, tmp_path):
    turns = [{"from": "human", "value": "Hello?"}, {"from": "gpt", "value": "Hi."}]
    rows = [
        {"id": "a_0", "conversations": turns},
        {"id": "b_0", "conversations": turns[1:]},
        {"id": "c_0", "conversations": []},
        {"id": "d_0", "conversations": [{"from": "human", "value": "And you?", "markdown": None}]},
    ]
    files = {"wanted.json": json.dumps(rows).encode(), "other.json": b'[{"x": 1}]'}
    call.hub.commit("datasets/someone/sharegpt", files)
    settings = ("columns.prompt=conversations.0.value", "where={conversations.0.from: [human]}")
    asked = ("files=wanted.json", "language=en", "skip_refused=true", *settings)
    code, said = call("inspect", "someone/sharegpt", *asked)
    assert code == 0, said
    assert "makes      2 prompts, 0 demonstrations, 0 preferences" in said
    assert "1        no column conversations.0.from: someone/sharegpt@" in said
    source = ("path=someone/sharegpt", *asked)
    words = ("languages=[en]", "train=null", *(f"prompts.source.{each}" for each in source))
    said = run(call, recipe, tmp_path / "run", *words, "prompts.source.family=[]")
    assert texts(tmp_path / "run") == {"Hello?", "And you?"}
