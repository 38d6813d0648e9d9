"""The day that a run keeps, whenever it is resumed."""

import json
from datetime import date

import pytest

from isoglot.core.day import VARIABLE, day, day_kept
from isoglot.core.errors import InputError


def test_the_day_of_a_record_is_kept_and_given_back(tmp_path, monkeypatch):
    record, other = tmp_path / "run.json", tmp_path / "other.json"
    monkeypatch.delenv(VARIABLE, raising=False)
    with day_kept(record) as kept:
        assert kept == str(date.today())
    record.write_text(json.dumps({"day": "2026-02-28"}))
    other.write_text(json.dumps({"recipe": {}}))
    with day_kept(other, record) as kept:
        assert (kept, day()) == ("2026-02-28", date(2026, 2, 28))
        with day_kept(other):
            assert day() == date(2026, 2, 28), "a run of a study has the day of the study"
    assert day() == date.today()


def test_a_day_of_the_user_that_is_none_is_one_line(monkeypatch):
    monkeypatch.setenv(VARIABLE, "tomorrow")
    with pytest.raises(InputError, match=f"expected {VARIABLE} as YYYY-MM-DD, got 'tomorrow'"):
        day()
