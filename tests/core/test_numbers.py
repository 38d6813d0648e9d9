"""A number is read as it was written, in every script; where it may be two, it is neither."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.core.numbers import last_number, numbers_in, with_plain_numbers

ZEROS = "0٠۰०০௦౦๐０"
decimals = st.decimals(-(10**9), 10**9, places=2)
HAN = "〇一二三四五六七八九"


def in_digits_of(zero: str, text: str) -> str:
    return "".join(chr(ord(zero) + int(c)) if c in "0123456789" else c for c in text)


def values(text: str, tag: str = "en") -> list[tuple[Fraction, ...]]:
    return [number.values for number in numbers_in(with_plain_numbers(text), tag)]


def value(text: str, tag: str = "en") -> Fraction | None:
    number = last_number(text, tag)
    return number.values[0] if number and len(number.values) == 1 else None


def in_han(number: int) -> str:
    """Write a whole number below 10**8 in Chinese numerals."""
    if number >= 10**4:
        rest = number % 10**4
        zero = "零" if 0 < rest < 1000 else ""
        return in_han(number // 10**4) + "万" + zero + (in_han(rest) if rest else "")
    written, zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            written += ("零" if zero and written else "") + HAN[digit] + name
        zero = digit == 0
    return written


@settings(deadline=None)
@given(decimals, st.sampled_from(ZEROS), st.sampled_from([",.", ".,", "\u202f,", " .", "’.", "'."]))
def test_a_decimal_is_read_as_it_was_written(number, zero, separators):
    group, point = separators
    written = f"{number:,.2f}".replace(",", "G").replace(".", point).replace("G", group)
    assert value(f"7 = {in_digits_of(zero, written)}.") == Fraction(number)


@settings(deadline=None)
@given(st.integers(1, 10**8 - 1))
def test_han_numerals_are_read_as_they_were_written(number):
    for tag in ("zh-Hans", "ja"):
        assert value(f"答案是{in_han(number)}。", tag) == number


@settings(deadline=None)
@given(st.integers(1, 9999), st.integers(0, 9999), st.sampled_from("万萬"))
def test_digits_and_myriads_mix(high, low, myriad):
    written = f"{high}{myriad}{low or ''}円"
    assert value(written, "ja") == high * 10**4 + low
    assert value(f"{high / 10}億", "ja") == Fraction(high, 10) * 10**8


@settings(deadline=None)
@given(st.integers(-99, 99), st.integers(1, 99), st.sampled_from(["{}/{}", r"\frac{{{}}}{{{}}}"]))
def test_fractions_are_read_exactly(top, bottom, form):
    assert value("x = " + form.format(top, bottom)) == Fraction(top, bottom)
    if 0 < top < bottom:
        assert value("x = 3 " + form.format(top, bottom)) == 3 + Fraction(top, bottom)


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(["en", "zh-Hans", "sw", "xx"]))
def test_any_text_is_read(text, tag):
    body = with_plain_numbers(text)
    for number in numbers_in(body, tag):
        assert 0 <= number.start < number.end <= len(body)


@pytest.mark.parametrize(
    ("tag", "text", "number"),
    [
        ("en", "1,234.5", "1234.5"),
        ("en", "1.234,5", "1234.5"),
        ("en", "1.234.567", "1234567"),
        ("en", "12,34,567.5", "1234567.5"),
        ("en", "0,125", "0.125"),
        ("en", "1234.567", "1234.567"),
        ("hi", "१२,३४५ रुपये", "12345"),
        ("ar", "١٬٢٣٤٫٥", "1234.5"),
        ("zh-Hans", "答案是-5。", "-5"),
        ("de", "Antwort: −5", "-5"),
        ("en", "COVID-19", "19"),
        ("he", "ב-5", "5"),
        ("en", "3,4,5,6", "6"),
        ("en", "first 7, then 18.00", "18"),
        ("en", "5 + 3 = 8", "8"),
        ("en", "x² und ½, drei", "1/2"),
        ("en", "3½", "7/2"),
        ("en", "3 and 1/2", "7/2"),
        ("fr", "2 et demi", "5/2"),
        ("zh-Hans", "三分之一", "1/3"),
        ("ja", "3分の1", "1/3"),
        ("zh-Hans", "百分之二十五", "25"),
        ("zh-Hans", "三点五", "7/2"),
        ("zh-Hans", "两千五", "2500"),
        ("zh-Hans", "叁佰陆拾", "360"),
        ("zh-Hans", "1.5万亿", "1500000000000"),
        ("ko", "3만 5천원", "35000"),
        ("ko", "5조각", "5"),
        ("zh-Hans", "3千克", "3"),
        ("en", "5²", "25"),
        ("en", "10^3", "1000"),
        ("en", "1.5 × 10^4", "15000"),
        ("en", r"1{,}250", "1250"),
        ("en", r"1\,250", "1250"),
        ("en", "–$4", "-4"),
        ("en", "minus 7", "-7"),
        ("en", "10 minus 5", "5"),
        ("ja", "マイナス3", "-3"),
        ("es", "5 mil millones", "5000000000"),
        ("sw", "milioni 5", "5000000"),
        ("en", "2 lakh 50 thousand", "250000"),
        ("te", "2 లక్షలు", "200000"),
        ("de", "2 Billionen", "2000000000000"),
    ],
)
def test_gold(tag, text, number):
    assert value(text, tag) == Fraction(number)


@pytest.mark.parametrize(
    "text",
    [
        *("10:30", "2 hours 30 minutes", "5 ft 3 in", "20.11.2026", "1/2/2026", "2026-11-20"),
        *("10 h 30", r"\sqrt{16}", "3π", "x^2", "9^9^9", "2^999999999", "1.2.3"),
        *("2小时30分钟", "1時間30分"),
    ],
)
def test_what_is_no_plain_number_has_no_value(text):
    assert values(text, "zh-Hans" if "小" in text else "ja" if "時" in text else "en") == [()]


@pytest.mark.parametrize(
    ("text", "open_"), [("3-5", "3"), ("3–5", "5"), ("5 + 3", "8"), ("5 - 3", "2")]
)
def test_what_may_be_several_numbers_is_surely_none_of_them(text, open_):
    number = last_number(text)
    assert number.equals(Fraction(open_)) is None
    assert number.equals(Fraction(77)) is False


def test_a_group_of_three_digits_is_a_fraction_where_one_is_expected():
    number = last_number("1.125")
    assert number.equals(Fraction(1125))
    assert number.equals(Fraction("1.125"))
    assert number.equals(Fraction(1)) is False


def test_a_text_without_a_number_has_none():
    assert last_number("x, drei") is None
