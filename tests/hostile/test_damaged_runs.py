"""A file of a run that is missing, damaged or replaced is named, with a way out that works."""

import json
import re
import shutil
from pathlib import Path

import pytest
from tiny_run import contents, tiny_overrides

STAGE = "round-0/pair"
SHARD = "part-00001.parquet"


@pytest.fixture
def run(finished_run, tmp_path):
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture
def repeat(run, tiny_policy, isoglot):
    """Exit code and error of the command of the run, which has no model to load."""

    def call():
        code, _, error = isoglot("run", "lidr-lab", "--out", run, *tiny_overrides(tiny_policy))
        return code, error

    return call


def remove(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def change(path):
    path.write_bytes(path.read_bytes()[::-1])


def replace(path):
    shutil.copy(path.with_name("part-00000.parquet"), path)


def follow(error, run):
    """Delete what a line says to delete: a path, or the file that it is about."""
    about = Path(re.findall(rf"({run}\S*[^\s,:])", error)[0])
    named = re.findall(
        rf"delete (?:this one and )?(it|that file|the folder|{run}\S*[^\s,:])", error
    )[-1]
    meant = {"it": about, "that file": about, "the folder": about.parent}
    path = meant.get(named, Path(named))
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("damage", [remove, truncate, change, replace])
def test_a_shard_that_is_not_what_was_written_is_named_before_it_is_read(
    damage, run, finished_run, repeat
):
    shutil.rmtree(run / "round-0/filter")
    damage(run / STAGE / SHARD)
    before = contents(run)
    code, error = repeat()
    assert (code, error.count("\n")) == (2, 1)
    assert str(run / STAGE / SHARD) in error
    assert contents(run) == before
    (run / STAGE / SHARD).unlink(missing_ok=True)
    follow(error, run)
    assert repeat()[0] == 0
    for name in (f"{STAGE}/{SHARD}", f"round-0/filter/{SHARD}"):
        assert (run / name).read_bytes() == (finished_run / name).read_bytes()


def test_a_finished_run_tells_of_a_shard_that_is_gone_or_added(run, repeat, isoglot):
    added = run / STAGE / "part-00009.parquet"
    shutil.copy(run / STAGE / SHARD, added)
    assert f"{added} was not written by the stage" in repeat()[1]
    added.unlink()
    (run / "round-0/filter" / SHARD).unlink()
    assert f"round-0/filter/{SHARD} is missing: put it back, or delete" in repeat()[1]
    out = run.parent / "set"
    _, _, error = isoglot("export", run, out, "--as", "preferences", "--licence", "mit")
    assert f"round-0/filter/{SHARD} is missing" in error
    pairs = run / "round-0/filter" / "part-00000.parquet"
    _, _, error = isoglot("train", "dpo", pairs, "--model", "lab", "--out", out)
    assert f"round-0/filter/{SHARD} is missing" in error
    assert not out.exists()


DOCUMENTS = (
    "run.json",
    "summary.json",
    f"{STAGE}/done.json",
    f"{STAGE}/stage.json",
    "round-0/train/train.json",
    "round-0/evaluate/lab_math/results.json",
)


@pytest.mark.parametrize("damage", ['{"', "[]"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_damaged_document_is_made_again_or_has_a_way_out(name, damage, run, repeat):
    whole = json.loads((run / name).read_text())
    (run / name).write_text(damage)
    code, error = repeat()
    if code == 0:
        return
    assert (code, error.count("\n")) == (2, 1), error
    assert str(run / name) in error
    if "round-0/train" in name:
        return  # its way out is to train again
    follow(error, run)
    assert repeat()[0] == 0
    assert json.loads((run / name).read_text()).keys() == whole.keys()
