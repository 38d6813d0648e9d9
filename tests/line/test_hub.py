"""Rows of the hub by pinned commit, from a hub on loopback that a child process asks."""

import json
from pathlib import Path

import pytest
from hub_caller import card, parquet

from isoglot.core.records import Choice, Prompt
from isoglot.core.store import read_shard, shard_paths
from isoglot.lab.shipped import POLICY

pytestmark = pytest.mark.slow

XCOPA, PAWS_X, MGSM = (
    "datasets/cambridgeltl/xcopa",
    "datasets/google-research-datasets/paws-x",
    "datasets/juletxara/mgsm",
)


def causes(premise):
    one = {"choice1": "Barabara ililowa.", "choice2": "Jua liliwaka.", "question": "effect"}
    rows = [{"premise": f"{premise} {i}.", **one, "label": 0, "idx": i} for i in range(3)]
    return {"README.md": card("sw"), **{
        f"sw/{split}-00000-of-00001.parquet": parquet(rows) for split in ("validation", "test")
    }}  # fmt: skip


def paraphrases(sentence):
    rows = [f"{i}\t{sentence} {i}.\tEs regnet {i}.\t{i % 2}" for i in range(3)]
    table = "\n".join(["id\tsentence1\tsentence2\tlabel", *rows]) + "\n"
    names = [f"de/{split}_2k.tsv" for split in ("validation", "test")]
    return {
        "README.md": card("de", name="{tag}/{split}_2k.tsv"),
        **dict.fromkeys(names, table.encode()),
    }


@pytest.fixture
def hub(call):
    return call.hub


def texts(folder: Path) -> str:
    return " ".join(
        prompt.text
        for shard in shard_paths(folder / "prompts")
        for prompt in read_shard(shard, Prompt)
    )


def weights(folder: Path) -> list:
    return [
        choice.log_probability
        for shard in shard_paths(folder / "choices")
        for choice in read_shard(shard, Choice)
    ]


def facts(folder: Path) -> dict:
    return json.loads((folder / "questions.json").read_text())


def test_a_pinned_commit_is_read_wherever_the_branch_moves(hub, call, tmp_path):
    old = {"xcopa": hub.commit(XCOPA, causes("Mvua ilinyesha"))}
    old["paws_x"] = hub.commit(PAWS_X, paraphrases("Es nieselt"))
    words = ("--tasks", "xcopa,paws_x", "--languages", "sw,de")
    pins = [word for task, made in old.items() for word in ("--revision", f"{task}={made}")]
    before = call.evaluate(tmp_path / "before", *words, *pins)
    new = {"xcopa": hub.commit(XCOPA, causes("Upepo ulivuma"))}
    new["paws_x"] = hub.commit(PAWS_X, paraphrases("Es schneit"))
    after = call.evaluate(tmp_path / "after", *words, *pins)
    moved = call.evaluate(tmp_path / "moved", *words)
    for name, in_old, in_new in (("xcopa", "Mvua", "Upepo"), ("paws_x", "nieselt", "schneit")):
        assert facts(before / name)["hub_revisions"] == [old[name]]
        assert facts(after / name) == facts(before / name)
        assert facts(moved / name)["hub_revisions"] == [new[name]]
        assert facts(moved / name)["content"] != facts(before / name)["content"]
        assert in_old in texts(after / name)
        assert in_new not in texts(after / name)
        assert in_new in texts(moved / name)
        assert weights(before / name) == weights(after / name) != weights(moved / name)
    for row in json.loads((after / "results.json").read_text())["results"]:
        assert f"|hub:{old[row['task']][:12]}|" in row["signature"]


def test_a_set_with_a_script_is_read_from_the_parquet_that_the_hub_makes(hub, call, tmp_path):
    """`datasets` runs no scripts; a pin is a commit of the converted branch."""
    hub.commit(MGSM, {"mgsm.py": b"raise SystemExit\n", "README.md": b"# A set\n"})
    row = {"question": "Tano na mbili ni ngapi?", "answer": None, "answer_number": 7}
    made = hub.commit(MGSM, {"sw/test/0000.parquet": parquet([row])}, "refs/convert/parquet")
    words = ("--tasks", "mgsm", "--languages", "sw", "--max-new-tokens", "2")
    for out, pin in (("newest", ()), ("pinned", ("--revision", f"mgsm={made}"))):
        folder = call.evaluate(tmp_path / out, *words, *pin) / "mgsm"
        assert facts(folder)["hub_revisions"] == [made]
        assert "Tano na mbili" in texts(folder)


def test_a_model_and_rows_of_a_branch(hub, call, tmp_path):
    files = {path.name: path.read_bytes() for path in POLICY.iterdir() if path.is_file()}
    model = hub.commit("someone/policy", files)
    hub.commit("someone/policy", {"config.json": b"{}"})
    made = hub.commit(XCOPA, causes("Mvua ilinyesha"), branch="next")
    hub.commit(XCOPA, causes("Upepo ulivuma"))
    words = ("--tasks", "xcopa", "--languages", "sw", "--revision", "xcopa=next")
    there = call.evaluate(tmp_path / "there", *words, model=f"someone/policy@{model}")
    here = call.evaluate(tmp_path / "here", *words)
    assert facts(here / "xcopa")["hub_revisions"] == [made]
    assert "Mvua" in texts(here / "xcopa")
    assert weights(there / "xcopa") == weights(here / "xcopa")
    results = json.loads((there / "results.json").read_text())
    assert results["model"] == f"someone/policy@{model[:12]}"


def test_what_is_not_to_be_had_says_how_to_get_it(hub, call):
    kept_back = hub.commit(PAWS_X, paraphrases("Es friert"))  # others are in the cache
    hub.gated.add(PAWS_X)
    made = hub.commit(MGSM, {"README.md": b"# A set\n"})
    broken = {"README.md": card("en"), "en/validation-0.parquet": b"", "en/test-0.parquet": b"PAR1"}
    hub.commit("datasets/Muennighoff/xwinograd", broken)
    nowhere = "0" * 40
    for (task, tag, *more), said in (
        (("belebele", "sw"), ("facebook/belebele", "get Belebele.zip")),
        (("paws_x", "de"), ("google-research-datasets/paws-x", kept_back, "get x-final.tar.gz")),
        (("mgsm", "sw", "--revision", f"mgsm={nowhere}"), (nowhere, "juletxara/mgsm")),
        (("xwinograd", "en"), ("Muennighoff/xwinograd", "get the folder")),
        (("mgsm", "sw", "--revision", made), ("TASK=COMMIT",)),
        (("mgsm", "sw", "--revision", f"xcopa={made}"), ("xcopa", "mgsm")),
        (("mgsm", "sw", "--revision", f"mgsm={made}", "--data", "."), ("--data",)),
    ):
        code, line = call("evaluate", "lab", "--tasks", task, "--languages", tag, *more)
        assert code == 2, line
        assert line.strip().count("\n") == 0
        assert all(each in line for each in said), line
