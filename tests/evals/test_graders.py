"""Gold scores 1, a wrong answer 0, and what lies between is what the docstring says."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isoglot.evals.graders import GRADERS, grade_last_number, grade_listed_items, grade_sequence

COLOURS = json.dumps(
    {"count": 3, "items": [["red", "crimson"], ["dark red"], ["blue"], ["green"], ["sky blue"]]}
)


@pytest.mark.parametrize(
    ("text", "gold", "value"),
    [
        ("3 + 4 = 7. The answer is 7.", "7", 1.0),
        ("The answer is 7.0", "7", 1.0),
        ("7, no: 8", "7", 0.0),
        ("I do not know", "7", 0.0),
        ("", "7", 0.0),
        ("उत्तर १२ है", "12", 1.0),
        ("The answer is 17", "7", 0.0),
        ("He has three left. The answer is twelve.", "12", None),
        ("Sie hat zweihundertfünf Euro", "205", None),
        ("উত্তর একুশ।", "21", None),
        ("ปลาสองร้อยตัว", "7", None),
        ("Three of them came. I do not know", "7", 0.0),
        ("It depends on her", "10", 0.0),  # ten in Turkish
        ("twelve, or 12", "12", 1.0),
    ],
)
def test_last_number(text, gold, value):
    assert grade_last_number(text, gold) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("red, blue, green", 1.0),
        ("Three colours are:\n1. Crimson\n2. Blue\n3. Green.", 1.0),
        ("Blue, green and dark red", 1.0),
        ("red, crimson, blue", 2 / 3),
        ("red, red, red", 1 / 3),
        ("red, blue, green, dark red", 2 / 3),
        ("red, blue, green, banana", 2 / 3),
        ("banana, apple, pear", 0.0),
        ("red, apple, pear, plum", 0.0),
        ("hundred, bluebird, evergreen", 0.0),
        ("", 0.0),
    ],
)
def test_listed_items(text, value):
    assert grade_listed_items(text, COLOURS) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("红色、蓝色", 1.0), ("颜色\uff1a蓝色\uff0c红色。", 1.0), ("红色、红色", 0.5), ("是的", 0.0)],
)
def test_listed_items_without_spaces(text, value):
    gold = json.dumps({"count": 2, "items": [["红色"], ["蓝色"]]})
    assert grade_listed_items(text, gold) == value


def test_the_longest_item_is_meant():
    gold = json.dumps({"count": 2, "items": [["rose"], ["rose gold"]]})
    assert grade_listed_items("rose gold, rose gold", gold) == 0.5
    assert grade_listed_items("rose gold, rose", gold) == 1.0


def test_vowel_signs_are_part_of_a_word():
    gold = json.dumps({"count": 1, "items": [["क"]]})
    assert grade_listed_items("की", gold) == 0.0
    assert grade_listed_items("क", gold) == 1.0


@pytest.mark.parametrize(
    ("text", "gold", "value"),
    [
        ("4, 5, 6, 7", "4, 5, 6, 7", 1.0),
        ("The numbers are 4, 5, 6 and 7.", "4, 5, 6, 7", 1.0),
        ("४, ५, ६, ७", "4, 5, 6, 7", 1.0),
        ("4, 5, 7, 6", "4, 5, 6, 7", 0.5),
        ("4, 5, 6, 7, 8", "4, 5, 6, 7", 0.8),
        ("4, 5", "4, 5, 6, 7", 0.5),
        ("7, 6, 5, 4", "4, 5, 6, 7", 0.0),
        ("", "4, 5, 6, 7", 0.0),
        ("Days: Monday, Tuesday.", "monday, tuesday", 1.0),
        ("Tuesday, Monday", "monday, tuesday", 0.0),
        ("月曜日、火曜日", "月曜日, 火曜日", 1.0),
    ],
)
def test_sequence(text, gold, value):
    assert grade_sequence(text, gold) == value


@given(st.lists(st.integers(-999, 999), min_size=1, max_size=8))
def test_gold_numbers_score_one(numbers):
    gold = ", ".join(map(str, numbers))
    assert grade_sequence(gold, gold) == 1.0
    assert grade_last_number(gold, str(numbers[-1])) == 1.0
    assert grade_sequence(gold, ", ".join(map(str, [numbers[0] + 1, *numbers[1:]]))) == 0.0


@given(st.permutations(["red", "blue", "green", "dark red", "banana"]), st.integers(0, 5))
def test_listed_items_ignore_the_order(names, num):
    forth, back = names[:num], names[:num][::-1]
    value = grade_listed_items(", ".join(forth), COLOURS)
    assert value == grade_listed_items("\n".join(back), COLOURS)
    assert 0 <= value <= 1
    assert (value == 1.0) == (num == 3 and "banana" not in forth)


@given(st.text())
@example("0²")
def test_a_grade_is_between_0_and_1_or_none(text):
    for name, gold in (("last_number", "7"), ("listed_items", COLOURS), ("sequence", "4, 5")):
        grade = GRADERS[name](text, gold)
        assert grade is None or 0 <= grade <= 1


@pytest.mark.parametrize(
    ("name", "gold"),
    [
        ("last_number", "seven"),
        ("listed_items", "red, blue"),
        ("listed_items", '{"count": 3}'),
        ("listed_items", '{"count": 3, "items": [["red"]]}'),
        ("listed_items", "[]"),
        ("sequence", " , "),
    ],
)
def test_an_unreadable_gold_is_an_error(name, gold):
    with pytest.raises(ValueError, match=r"^gold .*expected"):
        GRADERS[name]("7", gold)
