"""Words and scripts of texts, in whatever form they are typed."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.languages import LANGUAGES
from isoglot.models.language.naive_bayes import load_word_counts
from isoglot.models.language.scripts import (
    dominant_scripts,
    extract_words,
    is_in_script,
    script_of,
    script_runs,
)

any_text = st.text() | st.text(alphabet="abcdeéñßåабвг中文かな 0123'-.\n`\\<>@\ud800")


def dominant_script(text):
    return dominant_scripts([text])[0]


def test_scripts():
    assert dominant_script("Hello world") == "Latn"
    assert dominant_script("Привет, мир") == "Cyrl"
    assert dominant_script("안녕하세요") == "Hang"
    assert dominant_script("ab привет") == "Cyrl"
    assert dominant_script("abcd абвг") is None
    assert dominant_script("123") is None


@settings(deadline=None)
@given(st.lists(any_text, max_size=6))
def test_the_script_of_a_text_does_not_depend_on_the_others(texts):
    assert dominant_scripts(texts) == [dominant_script(text) for text in texts]


@pytest.mark.parametrize("row", LANGUAGES.values(), ids=lambda row: row.tag)
def test_the_own_name_of_a_language_is_in_its_script(row):
    script = {"Hans": "Hani", "Hant": "Hani"}.get(row.script, row.script)
    if script != "Jpan":
        assert all(is_in_script(word, script) for word in extract_words(row.own_name).split())


@settings(deadline=None)
@given(st.sampled_from([row.own_name for row in LANGUAGES.values()]) | st.text(), st.text())
def test_twins_have_the_same_words(name, other):
    text = f"{name} {other}"
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        twin = unicodedata.normalize(form, text)
        if "²" not in text:
            assert extract_words(twin) == extract_words(text)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("पहले app करें।", [("Deva", "पहले"), ("Latn", "app"), ("Deva", "करें")]),
        ("ให้ install", [("Thai", "ให้"), ("Latn", "install")]),
        ("猫はCatです", [("Hani", "猫"), ("Kana", "は"), ("Latn", "Cat"), ("Kana", "です")]),
        ("k\u1ecd\u0301 \uff46\uff4f\uff4f", [("Latn", "k\u1ecd\u0301"), ("Latn", "foo")]),
        ("பொருள்", [("Taml", "பொருள்")]),
        ("12 + 3", []),
    ],
)
def test_runs_hold_the_marks_of_their_letters(text, runs):
    assert script_runs(extract_words(text)) == runs


def test_every_mark_of_a_script_counts_as_a_letter_of_it():
    assert {script_of(mark) for mark in "\u093e\u09cb\u0bc6\u0e49\u0eb1\u103b\u17c4\u064b"} == {
        *("Deva", "Beng", "Taml", "Thai", "Laoo", "Mymr", "Khmr", "Arab")
    }
    assert script_of("\u0301") == script_of("-") == ""


def test_counted_words_are_words():
    counted = load_word_counts()
    romanised = {tag for tag in counted if "-Latn" in tag and tag.split("-")[0] in LANGUAGES}
    assert set(counted) - romanised - {"zh-Latn", "zh-Latn-pinyin"} <= set(LANGUAGES)
    for tag, counts in counted.items():
        assert len(counts) >= 20
        assert min(counts.values()) > 0
        assert all(word == extract_words(word) for word in list(counts)[:50]), tag
