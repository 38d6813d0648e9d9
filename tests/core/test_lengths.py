"""Lengths of good translations are expected in every script, with a row of the table or without."""

import math
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import published_rows

from isoglot.core.errors import InputError
from isoglot.core.languages import LANGUAGES
from isoglot.core.lengths import (
    LengthFigures,
    estimated_figures,
    length_deviations,
    length_figures,
)
from isoglot.core.text import length_chars
from isoglot.data.artefacts import ArtefactConfig

LIMIT = ArtefactConfig().max_length_deviation
ENGLISH = length_figures("en")


def deviation(num_source, num_target, target="de"):
    return length_deviations([(num_source, num_target)], ENGLISH, length_figures(target))[0]


def share_faulty(sizes, figures, *, alone):
    """Return the share called faulty, each `alone` or beside the others."""
    groups = [[each] for each in sizes] if alone else [sizes]
    found = [v for group in groups for v in length_deviations(group, ENGLISH, figures)]
    return sum(abs(value) > LIMIT for value in found) / len(found)


@pytest.fixture(scope="module")
def passages():
    """Characters of three English sentences and of their translation, by language."""
    of_flores = {row.flores: row.tag for row in LANGUAGES.values()}
    texts = defaultdict(dict)
    for row in published_rows("sib200/sib200_dev.jsonl.gz", whole=True):
        texts[of_flores[row["lang"]]][row["index_id"]] = length_chars(row["text"])
    english = texts.pop("en")
    found = {}
    for tag, sizes in texts.items():
        keys = sorted(sizes.keys() & english.keys())
        triples = [keys[k : k + 3] for k in range(0, len(keys) - 2, 3)]
        found[tag] = [
            (sum(english[i] for i in three) + 2, sum(sizes[i] for i in three) + 2)
            for three in triples
        ]
    return found


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("kept", ["row", "script", "nothing"])
def test_professional_passages_pass_in_every_script(passages, kept, alone):
    shares = defaultdict(list)
    for tag, sizes in passages.items():
        script = LANGUAGES[tag].script
        figures = {
            "row": length_figures(tag),
            "script": estimated_figures(script, without=tag),
            "nothing": estimated_figures("Zzzz"),
        }[kept]
        shares[script].append(share_faulty(sizes, figures, alone=alone))
    means = {script: sum(found) / len(found) for script, found in shares.items()}
    assert len(means) >= 20
    assert {script: mean for script, mean in means.items() if mean > 0.05} == {}


@pytest.mark.parametrize("change", [1 / 2, 1 / 3, 2, 3, 4])
def test_half_a_text_and_twice_a_text_are_seen(passages, change):
    seen, seen_without_row = [], []
    for tag, sizes in passages.items():
        for k in range(0, len(sizes), 11):
            one = [(a, round(b * change)) if i == k else (a, b) for i, (a, b) in enumerate(sizes)]
            found = length_deviations(one, ENGLISH, length_figures(tag))
            seen.append(abs(found[k]) > LIMIT)
            found = length_deviations(one, ENGLISH, estimated_figures("Zzzz"))
            seen_without_row.append(abs(found[k]) > LIMIT)
    assert sum(seen) / len(seen) > 0.95
    assert sum(seen_without_row) / len(seen_without_row) > 0.95


def test_where_all_translations_are_halved_the_table_is_right(passages):
    for tag in ("de", "ru", "hi", "sw"):
        halves = [(a, b // 2) for a, b in passages[tag]]
        assert share_faulty(halves, length_figures(tag), alone=False) > 0.9


def test_scripts_without_vowels_and_of_syllables_are_shorter():
    by_ratio = sorted(("en", "ko", "he", "ja", "zh-Hans"), key=lambda tag: length_figures(tag)[0])
    assert by_ratio == ["zh-Hans", "ja", "ko", "he", "en"]


def test_every_language_has_figures_and_a_guess_is_wider_than_a_row():
    rows = {tag: length_figures(tag) for tag in LANGUAGES if tag != "en"}
    assert all(0.05 <= row.uncertainty < 0.2 and row.spread > 0.05 for row in rows.values())
    of_script = [estimated_figures(LANGUAGES[tag].script, without=tag) for tag in rows]
    of_none = estimated_figures("Zzzz")
    pairs = zip(rows.values(), of_script, strict=True)
    assert all(row.uncertainty <= guess.uncertainty <= of_none.uncertainty for row, guess in pairs)
    with pytest.raises(InputError, match="unknown language 'qqq'"):
        length_figures("qqq")


# English itself has no spread: its texts are what the others are compared with.
@given(st.integers(20, 2000), st.integers(2, 5), st.sampled_from(sorted(LANGUAGES.keys() - {"en"})))
def test_a_ratio_says_more_of_a_long_text_than_of_a_short_one(num_chars, times, tag):
    expected = math.exp(length_figures(tag).log_ratio)
    short, long = num_chars, num_chars * times
    deviations = [deviation(n, n * expected * 2, tag) for n in (short, long)]
    assert 0 < deviations[0] < deviations[1]


@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from(["ko", "zh-Hans", "ar", "fi"]))
def test_longer_is_more_and_the_way_back_is_alike(num_source, num_target, tag):
    assert deviation(num_source, num_target + 1, tag) > deviation(num_source, num_target, tag)
    sizes = (100, round(100 * math.exp(length_figures(tag).log_ratio) * 1.5))
    back = length_deviations([sizes[::-1]], length_figures(tag), ENGLISH)[0]
    assert back == pytest.approx(-deviation(*sizes, tag), rel=0.25)


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(1, 900)), max_size=30))
def test_the_order_of_translations_does_not_matter(sizes):
    figures = LengthFigures(-0.2, 0.3, 0.2)
    there = length_deviations(sizes, ENGLISH, figures)
    assert length_deviations(sizes[::-1], ENGLISH, figures)[::-1] == pytest.approx(there)
