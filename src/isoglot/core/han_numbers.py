"""Numbers in Han numerals, alone or mixed with digits: `三百六十`, `2.5万`, `3만 5천`."""

import re
import unicodedata
from fractions import Fraction
from functools import cache

_DIGITS = "〇零一二两兩三四五六七八九壹贰貳叁參参肆伍陆陸柒捌玖"
_UNITS = "十百千拾佰仟廿卅"
_MYRIADS = "万萬亿億兆"
HAN = _DIGITS + _UNITS + _MYRIADS
"""The numerals, for a class of a pattern."""

# Those without a numeric value in Unicode, or with another one.
_VALUES = {"两": 2, "参": 3, "叁": 3, "陆": 6, "亿": 10**8, "兆": 10**12}
_HANGUL = {"십": 10, "백": 100, "천": 1000, "만": 10**4, "억": 10**8, "조": 10**12}

_NUMBER = rf"(?:\d+(?:\.\d+)?|[{_DIGITS}]+)"
_TIMES = (  # 3千克 are 3 kilograms, 5조각 five pieces
    rf"(?:[{_UNITS}{_MYRIADS}](?![克米瓦卡赫帕焦])"
    r"|[십백천만억조](?![각건])|(?<=\d) [천만억조](?![가-힣]))"
)
_MORE = rf"(?:(?: (?=\d+[십백천만억]))?{_NUMBER}?{_TIMES})*(?:{_NUMBER}(?![\d.,]*\d))?"
_AFTER_DIGITS = re.compile(f" ?{_TIMES}{_MORE}")
_NUMERAL = re.compile(rf"(?:[{_DIGITS}]+|(?=[{_UNITS}])){_MORE}")
_PART = re.compile(rf"{_NUMBER}|{_TIMES}")
_POINT = re.compile(rf"[点點]([{_DIGITS}]+)")


def read_han(text: str, start: int, digits: Fraction | None = None) -> tuple[Fraction, int] | None:
    """Return the value and the end of the numeral at a place of a text; None without one.

    `digits` is the value of digits that end there, which the numeral then multiplies.
    """
    match = (_NUMERAL if digits is None else _AFTER_DIGITS).match(text, start)
    if not match or not match[0]:
        return None
    value = _value([part.strip() for part in _PART.findall(match[0])], digits)
    point = _POINT.match(text, match.end())
    if digits is None and point:
        return value + Fraction(f"0.{_positional(point[1])}"), point.end()
    return value, match.end()


def _value(parts: list[str], number: Fraction | None) -> Fraction:
    total = section = Fraction(0)
    for part in parts:
        if part[0] not in _UNITS + _MYRIADS and part not in _HANGUL:
            number = Fraction(_positional(part))
            continue
        unit = _numeric(part)
        if unit < 10**4:
            section += (1 if number is None or unit in (20, 30) else number) * unit
        elif number is None and not section:
            total *= unit  # 1.5万亿
        else:
            total, section = total + (section + (number or 0)) * unit, Fraction(0)
        number = None
    if number and len(parts) > 1 and len(parts[-1]) == 1 and parts[-1] in _DIGITS:
        number *= max(_numeric(parts[-2]) // 10, 1)  # 一百二 is 120
    return total + section + (number or 0)


def _positional(part: str) -> str:
    return "".join(str(_numeric(char)) if char in _DIGITS else char for char in part)


@cache
def _numeric(numeral: str) -> int:
    return _VALUES.get(numeral) or _HANGUL.get(numeral) or int(unicodedata.numeric(numeral))
