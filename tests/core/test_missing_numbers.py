"""A number may be written in any way of its language, and another number is another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.languages import LANGUAGES
from isoglot.core.missing_numbers import missing_numbers
from isoglot.core.number_words import number_words


def missing(english, text, tag):
    return missing_numbers(english, "en", text, tag)


def with_compact_forms():
    from babel import Locale, UnknownLocaleError

    for tag in LANGUAGES:
        try:
            locale = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        # Babel formats `milioni 0` wrongly, with a zero behind the number.
        if (
            tag != "sw"
            and number_words(tag).magnitudes.keys() > number_words("en").magnitudes.keys()
        ):
            yield tag, locale


@pytest.mark.parametrize("number", [3000, 300_000, 3_000_000, 40_000_000, 2_000_000_000])
def test_the_compact_numbers_of_cldr_are_the_number_and_no_other(number):
    from babel.numbers import format_compact_decimal

    lost, not_lost, tags = [], [], list(with_compact_forms())
    for tag, locale in tags:
        text = format_compact_decimal(number, format_type="long", locale=locale)
        if missing(f"It has {number:,} trees.", text, tag):
            lost.append((tag, text))
        if not missing(f"It has {7 * number:,} trees.", text, tag):
            not_lost.append((tag, text))
    assert len(tags) > 80
    assert lost == []
    assert not_lost == []


@pytest.mark.parametrize(
    ("english", "text", "tag"),
    [
        ("5,000,000 people", "5 milioanelor de oameni", "ro"),
        ("5,000,000 people", "5 miljoonan ihmisen", "fi"),
        ("5,000,000 people", "5 मिलियन लोग", "hi"),
        ("5,000,000 people", "5 milyon moun", "ht"),
        ("5,000,000 people", "milionu 5 da mutane", "yo"),
        ("350 million won", "3억 5000만 원", "ko"),
        ("350 million yen", "3億5000万円", "ja"),
        ("1.2 million", "120万", "ja"),
        ("1,234,567.5", "12,34,567.5", "hi"),
        ("1,234.5", "1.234,5", "de"),
        ("1,234.5", "۱٬۲۳۴٫۵", "fa"),
        ("in 1998", "၁၉၉၈ ခုနှစ်တွင်", "my"),
        ("in 1998", "พ.ศ. 2541", "th"),
        ("in 1998", "民國87年", "zh-Hant"),
        ("the 19th century", "el siglo XIX", "es"),
        ("in the 17th century", "1600-luvulla", "fi"),
        ("the 1980s", "die 80er Jahre", "de"),
        ("the season of 1995-96", "1995/1996", "de"),
        ("at 5:30 p.m.", "um 17:30 Uhr", "de"),
        ("at 5:30 p.m.", "17時30分", "ja"),
        ("at 9 a.m., at 9:15", "saa 3 asubuhi, saa 3:15", "sw"),
        ("at 4.40 am", "saat 04:40'ta", "tr"),
        ("25%", "٪٢٥", "ar"),
        ("15 people", "十五人", "zh-Hans"),
        ("3½ hours", "3 1/2 Stunden", "de"),
        ("call 555-1234", "555 1234", "es"),
    ],
)
def test_ways_to_write_a_number(english, text, tag):
    assert missing(english, text, tag) == []
    assert not [n for n in missing_numbers(text, tag, english, "en") if len(n.strip("0")) >= 3]


@pytest.mark.parametrize(
    ("english", "text", "tag"),
    [
        ("3,000,000 trees", "5 Millionen Bäume", "de"),
        ("3,000,000 trees", "3 Tausend Bäume", "de"),
        ("3,000,000 trees", "3.000 Bäume", "de"),
        ("4,000 pages", "400 páginas", "es"),
        ("300,000 trees", "30 लाख पेड़", "hi"),
        ("300,000 trees", "300万本", "ja"),
        ("in 1998", "в 1989 году", "ru"),
        ("12 years", "15 Jahre", "de"),
        ("1.5 metres", "2,5 Meter", "de"),
        ("the 19th century", "el siglo XVI", "es"),
    ],
)
def test_another_number_is_missing(english, text, tag):
    assert missing(english, text, tag)


@settings(deadline=None)  # the words of a language are read once
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(sorted(LANGUAGES)))
def test_the_same_digits_are_the_same_number(a, b, tag):
    text = f"{a} | {b}"
    assert missing(text, text, tag) == []
    assert missing(text, "", tag) == [str(a), str(b)]


def test_a_month_may_be_a_number():
    assert missing_numbers("5月3日", "ja", "On May 3", "en") == []
    assert missing("On 3 December", "vào ngày 3 tháng 12", "vi") == []
    assert missing_numbers("ngày 3 tháng 12", "vi", "On 3 December", "en") == []
