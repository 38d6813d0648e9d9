"""What a run has made: stages and small results, each made once."""

import json

import pytest

from isoglot.core.errors import InputError
from isoglot.execute.ledger import Ledger, make_once, read_made, refuse_changes, write_made


@pytest.fixture
def calls():
    return []


@pytest.fixture
def make(calls):
    def make(folder=None):
        calls.append(folder)
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "rows").write_text("x")
        return {"rows": len(calls)}

    return make


def test_a_stage_is_made_once(tmp_path, make, calls):
    for _ in range(2):
        done = Ledger(tmp_path, {"a": 1}).once("round-0/pair", {"t": (1, 2)}, make)
        assert (done.folder, done.counts) == (tmp_path / "round-0/pair", {"rows": 1})
    assert len(calls) == 1
    assert json.loads((tmp_path / "run.json").read_text()) == {"a": 1}


def test_another_setting_is_refused_and_redone_when_asked_for(tmp_path, make, calls):
    Ledger(tmp_path, {}).once("pair", {"pair": {"n": 1, "same": 2}}, make)
    with pytest.raises(InputError, match=r"^pair was made with pair.n = 1 \(now 2\): .*--redo"):
        Ledger(tmp_path, {}).once("pair", {"pair": {"n": 2, "same": 2}}, make)
    assert len(calls) == 1
    done = Ledger(tmp_path, {}, redo=True).once("pair", {"pair": {"n": 2, "same": 2}}, make)
    assert done.counts == {"rows": 2}


def test_a_stage_that_was_begun_goes_on_and_a_damaged_record_says_what_to_delete(tmp_path, make):
    def killed(folder):
        make(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Ledger(tmp_path, {}).once("pair", {"n": 1}, killed)
    assert Ledger(tmp_path, {}, redo=True).once("pair", {"n": 1}, make).counts == {"rows": 2}
    (tmp_path / "pair/done.json").unlink()
    for damage in ("{", "[]", "{}"):
        (tmp_path / "pair/stage.json").write_text(damage)
        with pytest.raises(InputError, match=r"stage\.json.*: delete .*pair and run again"):
            Ledger(tmp_path, {}).once("pair", {"n": 1}, make)


def test_a_small_result_is_made_once(tmp_path, make, calls):
    path = tmp_path / "stage/routes.json"
    assert make_once(path, make) == make_once(path, make) == {"rows": 1}
    assert json.loads(path.read_text()) == {"rows": 1}
    path.write_text('{"rows')
    assert make_once(path, make) == {"rows": 2}
    assert len(calls) == 2


def test_a_small_result_is_made_again_from_something_else(tmp_path, make, calls):
    path = tmp_path / "pairs.json"
    for made_from in (["f", None], ["f", None], ("f", None)):
        assert make_once(path, make, made_from=made_from) == {"rows": 1}
    assert json.loads(path.read_text()) == {"made_from": ["f", None], "rows": 1}
    assert read_made(path, ["g", None]) is None
    assert read_made(path) is None
    assert make_once(path, make, made_from=["g", None]) == {"rows": 2}
    write_made(path, {"error": None}, made_from="h")
    assert read_made(path, "h") == {"error": None}
    assert len(calls) == 2


def test_an_error_while_making_leaves_nothing(tmp_path):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_once(tmp_path / "a.json", fail)
    assert list(tmp_path.iterdir()) == []


def test_changes_are_named_by_key():
    refuse_changes("it", {"a": 1}, {"a": 1}, mend="no")
    with pytest.raises(InputError, match=r"^it was made with a\.b = 1 \(now None\); c = 2 \(now"):
        refuse_changes("it", {"a": {"b": 1}, "c": 2}, {"a": {}, "c": [3]}, mend="delete it")
