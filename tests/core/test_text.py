"""Laws and gold rows of the small text functions, in many scripts."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.ngrams import ngrams
from isoglot.core.records import content_id
from isoglot.core.text import (
    digits_to_ascii,
    folded,
    has_repetition,
    length_chars,
    normalise,
    same_text,
)

ZEROS = "0٠۰०০௦౦๐０"


def in_digits_of(zero: str, text: str) -> str:
    return "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in text)


@given(st.text(), st.sampled_from(["NFC", "NFD"]))
def test_twins_have_one_folded_form(text, form):
    assert folded(unicodedata.normalize(form, text)) == folded(text)
    assert folded(folded(text)) == folded(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("\u1eb9\u0300k\u1ecd\u0301", "ẹ̀kọ́"),  # Yoruba has letters without a composed form
        ("\u09af\u09bc", "\u09df"),  # Bengali YYA: the composed form is excluded from NFC
        ("\u0958ानून", "क\u093cानून"),
        ("ＡＢＣ　１２", "ABC 12"),
        ("ﺍﻟﺴﻼﻡ", "السلام"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("ﬁx Donau\u00addampf", "fix Donaudampf"),
        ("می\u200cخواهم", "میخواهم"),
        ("\u200fשלום\ufeff", "שלום"),
        ("\u1112\u1161\u11ab", "한"),
        ("𝐇𝐞𝐥𝐥𝐨", "Hello"),
        ("1ª", "1a"),
        ("น\u0e49\u0e4d\u0e32", "น้ำ"),
    ],
)
def test_texts_that_read_alike_have_one_folded_form(text, same):
    assert folded(text) == folded(same)


@pytest.mark.parametrize(
    ("text", "other"), [("10²", "102"), ("3½", "31/2"), ("H₂O", "H2O"), ("①②", "12")]
)
def test_folding_keeps_what_changes_a_number(text, other):
    assert folded(text) != folded(other)
    assert folded(text) == text


@given(st.text())
def test_normalise_twice_is_normalise_once(text):
    once = normalise(text)
    assert normalise(once) == once
    assert once.split() == once.split(" ") or once == ""


@given(st.text())
def test_decomposed_text_has_the_same_length(text):
    assert length_chars(unicodedata.normalize("NFD", text)) == length_chars(text)


@given(st.integers(0, 10**12), st.sampled_from(ZEROS))
def test_digits_of_every_script_become_ascii(number, zero):
    assert digits_to_ascii(in_digits_of(zero, f"({number})")) == f"({number})"


@given(st.text())
def test_digits_to_ascii_leaves_no_other_digit(text):
    assert all(c in "0123456789" for c in digits_to_ascii(text) if c.isdecimal())


def test_line_repeats_from_five_copies_on():
    line = "Tom has three apples.\n"
    assert has_repetition(line * 5 + "So the answer is 3.")
    assert not has_repetition(line * 4 + "So the answer is 3.")


def test_line_without_letters_may_repeat():
    assert not has_repetition("a = {\n}\nb = {\n}\nc = {\n}\nd = {\n}\ne = {\n}\nend")
    assert not has_repetition("| name | age |\n" + "-" * 60)


@pytest.mark.parametrize(
    "unit", ["so und so weiter ", "好的", "ไป", "नमस्ते दुनिया। ", "7", "a, b, c\n"]
)
@pytest.mark.parametrize("cut", [0, 1])
def test_text_that_ends_in_a_loop_is_seen(unit, cut):
    loop = unit * 40
    assert has_repetition("It begins well: " + loop[: len(loop) - cut])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no no no no no!",
        "hahahahahaha",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20",
        "Sie kauft 3 Äpfel und 4 Birnen. Zusammen sind es 3 + 4 = 7. Die Antwort ist 7.",
        "她买了三个苹果和四个梨。一共是七个。答案是七。",
    ],
)
def test_ordinary_text_is_no_repetition(text):
    assert not has_repetition(text)


@given(st.text(min_size=1, max_size=20), st.text(max_size=30))
def test_any_worded_stretch_looped_long_enough_is_seen(unit, beginning):
    unit = normalise(unit) + "x"
    assert has_repetition(beginning + unit * 40)


@settings(deadline=None)  # the first text waits for the tables of characters
@given(st.text())
def test_the_forms_of_a_text_are_one_text(text):
    twins = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert all(same_text(text, twin) for twin in [*twins, folded(text), f" {text}\n"])
    assert len({content_id("sw", twin) for twin in [text, *twins, folded(text)]}) == 1
    assert len({ngrams(twin, 3).tobytes() for twin in [text, *twins, folded(text)]}) == 1
    assert not same_text(text, text + "x")


def test_ids_of_composed_texts_are_those_of_before():
    assert content_id("sw", "Habari?") == "fb2ab2ac1b113bd7"
