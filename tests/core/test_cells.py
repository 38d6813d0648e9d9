"""Cells as texts and ids: a number keeps its value, and nothing else becomes a text."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.cells import cell_id, cell_text, is_missing
from isoglot.core.errors import RefusedRow

NO_TEXT = [
    None,
    math.nan,
    math.inf,
    True,
    False,
    {"role": "x"},
    ["x"],
    b"x",
    2.0**53,
    Decimal("NaN"),
]


@pytest.mark.parametrize("value", NO_TEXT, ids=repr)
def test_what_is_no_text_is_refused(value):
    for read in (cell_text, cell_id):
        with pytest.raises(RefusedRow, match="expected text in column 'answer', came "):
            read(value, "answer")


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_a_whole_number_has_one_id(number):
    forms = [number, float(number), str(number), f"{number}.0", Decimal(number)]
    assert {cell_id(form, "id") for form in forms} == {str(number)}


@given(st.text(min_size=1).filter(str.strip))
def test_a_text_stays(text):
    assert cell_text(text, "answer") == text
    if not text.endswith(".0"):
        assert cell_id(text, "id") == text


def test_an_empty_id_is_refused_and_other_numbers_stay():
    for empty in ("", " \n"):
        with pytest.raises(RefusedRow, match="expected an id in column 'id', came an empty cell"):
            cell_id(empty, "id")
    assert [cell_id(each, "id") for each in (1.5, "007.0", "1e6", 2**60)] == [
        *("1.5", "007.0", "1e6", str(2**60))
    ]
    assert [is_missing(each) for each in (None, math.nan, 0, "", "nan")] == [
        True,
        True,
        *[False] * 3,
    ]
