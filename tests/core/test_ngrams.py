"""Character n-grams: what does not count in a text, and how much does in which script."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoglot.core.ngrams import bare, gram_chars, jaccard, ngrams


def read(text: str) -> str:
    return "".join(map(chr, bare(text)))


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("Don’t stop — “now”!", "dontstopnow"),
        ("Straße ﬁn ΣΊΣΥΦΟΣ", "strassefinσίσυφοσ"),
        ("İstanbul IŞIK ışık", "istanbulişikişik"),
        ("हिन्दी, किताब।", "हिन्दीकिताब"),
        ("ａｂｃ　１２３、「東京」。", "abc123東京"),
        ("می\u200cخواهم؟", "میخواهم"),
        ("3 + 4 = 7", "3+4=7"),
        ("𠀀\U0002ebf0!", "𠀀\U0002ebf0"),
        ("\ud800 a", "\ud800a"),
        ("…!?", ""),
    ],
)
def test_looks_do_not_count(text: str, stays: str) -> None:
    assert read(text) == stays


def test_a_dense_script_has_shorter_ngrams() -> None:
    assert [gram_chars(tag) for tag in ("zh-Hans", "ja", "ko", "th", "am")] == [3] * 5
    assert [gram_chars(tag) for tag in ("en", "ru", "ar", "hi", "no such tag")] == [5] * 5


def test_there_are_as_many_as_distinct_stretches() -> None:
    assert len(ngrams("abcdefg", 5)) == 3
    assert len(ngrams("aaaaaaaa", 5)) == 1
    assert len(ngrams("ab", 5)) == 1
    assert len(ngrams("…", 5)) == 0


@given(st.text(), st.text(), st.sampled_from([3, 5]))
def test_equal_texts_are_alike_and_likeness_has_no_side(a: str, b: str, num: int) -> None:
    first, second = ngrams(a, num), ngrams(b, num)
    assert np.array_equal(first, np.unique(first))
    assert jaccard(first, first) == 1
    assert jaccard(first, second) == jaccard(second, first)
    exact = {read(a)[i : i + num] for i in range(max(1, len(bare(a)) - num + 1))} - {""}
    assert len(first) == len(exact)
