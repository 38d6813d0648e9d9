"""Stages that siblings share: made once, taken whole, and changed by nobody."""

import json

import pytest

from isoglot.execute.ledger import Ledger
from isoglot.execute.siblings import Siblings

SETTINGS = {"temperature": 0}


@pytest.fixture
def ledger(tmp_path):
    def of(run: str, redo: bool = False) -> Ledger:
        return Ledger(tmp_path / run, {}, redo=redo, siblings=Siblings(tmp_path, ("a", "b", "c")))

    return of


def making(calls: list, text: str = "one"):
    def make(folder):
        calls.append(folder)
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "rows").write_text(text)
        return {"rows": 3}

    return make


def test_a_stage_is_made_once_and_taken_by_the_others(ledger, tmp_path):
    calls: list = []
    made = [ledger(run).once("round-0/stage", SETTINGS, making(calls)) for run in "abc"]
    assert calls == [tmp_path / "a/round-0/stage"]
    for run, done in zip("abc", made, strict=True):
        assert (done.folder / "deep/rows").read_text() == "one"
        assert done.counts == {"rows": 3}
        content = json.loads((tmp_path / run / "round-0/stage/done.json").read_text())
        assert content.get("taken_from") == (None if run == "a" else "a")
    assert (made[1].folder / "deep/rows").stat().st_ino == (
        made[0].folder / "deep/rows"
    ).stat().st_ino
    assert not list(tmp_path.rglob("*.tmp"))
    ledger("b").once("round-0/stage", SETTINGS, making(calls))
    assert len(calls) == 1


@pytest.mark.parametrize("difference", ["settings", "name"])
def test_another_stage_is_not_taken(ledger, difference):
    calls: list = []
    ledger("a").once("round-0/stage", SETTINGS, making(calls))
    name = "round-1/stage" if difference == "name" else "round-0/stage"
    settings = {"temperature": 1} if difference == "settings" else SETTINGS
    ledger("b").once(name, settings, making(calls))
    assert len(calls) == 2


def test_a_stage_that_a_sibling_has_not_finished_is_not_taken(ledger):
    calls: list = []

    def dies(folder):
        making(calls)(folder)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        ledger("a").once("stage", SETTINGS, dies)
    done = ledger("b").once("stage", SETTINGS, making(calls))
    assert len(calls) == 2
    ledger("a").once("stage", SETTINGS, making(calls))
    assert len(calls) == 2, "what was half made gives way to what a sibling finished"
    assert done.counts == {"rows": 3}


def test_what_one_run_makes_again_stays_as_it_was_in_the_other(ledger, tmp_path):
    calls: list = []
    ledger("a").once("stage", SETTINGS, making(calls))
    ledger("b").once("stage", SETTINGS, making(calls))
    with pytest.raises(ValueError, match=r"temperature = 0 \(now 2\).*--redo"):
        ledger("b").once("stage", {"temperature": 2}, making(calls, "two"))
    ledger("b", redo=True).once("stage", {"temperature": 2}, making(calls, "two"))
    assert (tmp_path / "a/stage/deep/rows").read_text() == "one"
    assert (tmp_path / "b/stage/deep/rows").read_text() == "two"
