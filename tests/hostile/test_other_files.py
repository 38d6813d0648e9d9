"""A folder with files of somebody else, or in use, is refused by every verb and left as it was."""

import json
import subprocess
import sys

import pytest
from tiny_run import contents

from isoglot.core.store import write_json

ROWS = [{"prompt": f"How many? ({i})", "completion": "Two.", "language": "en"} for i in range(4)]
PAIRS = [
    {"prompt": row["prompt"], "chosen": "Two.", "rejected": "No.", "language": "en"} for row in ROWS
]
RANKED = [
    {"prompt": row["prompt"], "completions": ["Two apples.", "None at all."], "ranks": [1, 2]}
    for row in ROWS
]
ANSWERS = [{"prompt_id": f"{i}", **row} for i, row in enumerate(ROWS)]
OF_OTHERS = (
    "checkpoints/checkpoint-5/model.safetensors",
    "cache/index",
    "best/7.safetensors",
    "start/model.safetensors",
    "dropped/part-00000.parquet",
    "prompts/part-00000.parquet",
    "preferences/part-00000.parquet",
    "part-00000.parquet",
    "report.html",
    "policy.tmp/weights",
)
"""Names that a verb of ours writes or removes too."""

VERBS = {
    "train sft": "train sft rows.jsonl --model lab --out OUT",
    "train dpo": "train dpo pairs.jsonl --model lab --out OUT",
    "train rloo": "train rloo rows.jsonl --model lab --reward length --out OUT",
    "train reward": "train reward pairs.jsonl --model lab --out OUT",
    "import-rankings": "import-rankings ranked.jsonl --out OUT",
    "judge": "judge answers.jsonl answers.jsonl --judge scorer:length --out OUT",
    "rate": "judge answers.jsonl --judge openai:none --out OUT",
    "rewards": "rewards length --on pairs.jsonl --out OUT",
    "evaluate": "evaluate lab --tasks lab_math --limit 1 --out OUT",
    "run": "run lidr-lab --out OUT",
    "demo": "demo --quick --out OUT",
    "study": "study rlhf-lab --out OUT",
    "compare": "compare run run --out OUT",
    "export": "export run OUT --as preferences --licence mit",
    "push": "push run --what results --licence mit --dry-run OUT",
    "lab build": "lab build policy --out OUT",
}


WRITTEN_IN_ONE_GO = ("import-rankings", "export", "push", "lab build")
HOLDER = """
import sys
from pathlib import Path
from isoglot.execute.folder import owned_folder

with owned_folder(Path(sys.argv[1]), "run"), owned_folder(Path(sys.argv[2]), "run"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with inputs for every verb."""
    folder = tmp_path_factory.mktemp("desk")
    for name, rows in {"rows": ROWS, "pairs": PAIRS, "ranked": RANKED, "answers": ANSWERS}.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    write_json(folder / "run/run.json", {"recipe": {"name": "mine"}, "versions": {}})
    return folder


def of_somebody(folder):
    for name in OF_OTHERS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"precious {name}", encoding="utf-8")
    return contents(folder)


@pytest.mark.parametrize("verb", VERBS)
def test_other_peoples_files_are_refused_and_kept(verb, desk, isoglot, tmp_path, monkeypatch):
    monkeypatch.chdir(desk)
    out = tmp_path / "thesis"
    before = of_somebody(out)
    code, _, error = isoglot(*VERBS[verb].replace("OUT", str(out)).split())
    assert (code, error.count("\n")) == (2, 1), error
    assert str(out) in error
    assert contents(out) == before


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A process, and what it holds: a folder that grows, and one that is written in one go."""
    grows, whole = (tmp_path_factory.mktemp("busy") / name for name in ("grows", "whole"))
    command = [sys.executable, "-c", HOLDER, grows, whole.with_name(".whole.tmp")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process, grows, whole
        process.kill()


@pytest.mark.parametrize("verb", VERBS)
def test_a_folder_in_use_is_refused_by_the_process_that_holds_it(
    verb, desk, busy, isoglot, monkeypatch
):
    monkeypatch.chdir(desk)
    holder, *both = busy
    out = both[verb in WRITTEN_IN_ONE_GO]
    before = contents(out.parent)
    code, _, error = isoglot(*VERBS[verb].replace("OUT", str(out)).split())
    assert (code, error.count("\n")) == (2, 1), error
    assert f"{out} is in use by process {holder.pid} on" in error
    assert contents(out.parent) == before


def test_an_import_replaces_an_import_and_nothing_else(desk, isoglot, tmp_path, monkeypatch):
    monkeypatch.chdir(desk)
    out = tmp_path / "human"
    import_again = "import-rankings", "ranked.jsonl", "--out", out, "--seed"
    for seed in (1, 2):
        assert isoglot(*import_again, seed)[0] == 0
    (out / "notes.txt").write_text("mine")
    assert "with notes.txt: give a new" in isoglot(*import_again, 3)[2]
    (out / "notes.txt").unlink()
    (out / "part-00000.parquet").write_text("my own pairs")
    assert "part-00000.parquet is another file than" in isoglot(*import_again, 3)[2]


def test_a_verb_works_in_an_empty_folder_where_it_stands(desk, isoglot, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isoglot("import-rankings", desk / "ranked.jsonl", "--out", ".")[0] == 0
    assert {"part-00000.parquet", "done.json"} < contents(tmp_path).keys()
