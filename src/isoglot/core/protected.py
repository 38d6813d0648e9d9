"""Stretches that a translation must keep: code, addresses, placeholders, tags, formulas."""

import re
from collections.abc import Sequence

# Scripts without blanks and their punctuation: an address ends where they begin.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"
_ADDRESS_END = r"(?<![.,;:!?'\"»”’)\]])"

FENCE = re.compile(
    r"^[ \t]*(```|~~~)[^\n]*(?:\n.*?^[ \t]*\1[ \t]*\r?$|.*\Z)", re.MULTILINE | re.DOTALL
)
"""A block of code; one that is never closed goes to the end of the text."""

SPAN = re.compile(
    rf"""
      ``[^\r\n]+?`` | `[^`\r\n]+`                                    # inline code
    | \$\$[^\r\n]+?\$\$ | \\\([^\r\n]+?\\\) | \\\[[^\r\n]+?\\\]      # formulas
    | (?:https?|ftp)://[^\s<>"`{_UNSPACED}]+{_ADDRESS_END}
    | \bwww\.[^\s<>"`{_UNSPACED}]+{_ADDRESS_END}
    | (?<![\w.+-])[A-Za-z0-9][\w.+-]*@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{{2,}}
    | \$?\{{\{{[^{{}}\r\n]{{0,80}}\}}\}} | \$?\{{[^{{}}\r\n]{{0,80}}\}}  # {{name}}, ${{name}}
    | (?<![\w%])%(?:\(\w+\)|\d+\$)?[-+0\#]*\d*(?:\.\d+)?[sdifgxXr](?!\w)
    | </?[A-Za-z][\w:.-]*(?:[ \t][^<>\r\n]*)?/?> | <!--[^\r\n]*?-->
    | [\[［【][ ]*\d+[ ]*[\]］】]                                      # a reference, and so a mask
    """,
    re.VERBOSE | re.ASCII,
)
"""A stretch inside a line."""

_MASK = re.compile(r"[\[［【]\s*(\d+)\s*[\]］】]")


def protected(text: str) -> list[str]:
    """List the stretches of a text that a translation must keep, in their order."""
    found: list[str] = []
    end = 0
    for fence in FENCE.finditer(text):
        found += SPAN.findall(text, end, fence.start())
        found.append(fence[0])
        end = fence.end()
    return found + SPAN.findall(text, end)


def mask(text: str) -> tuple[str, list[str]]:
    """Replace the stretches inside lines by `[0]`, `[1]` …; return the text and the stretches.

    A reference such as `[3]` in the text is masked too, so that no mask can be mistaken for one.
    """
    kept: list[str] = []

    def number(span: re.Match[str]) -> str:
        kept.append(span[0])
        return f"[{len(kept) - 1}]"

    return SPAN.sub(number, text), kept


def unmask(text: str, kept: Sequence[str]) -> str | None:
    """Put the stretches back in place of their masks; None if one was lost, doubled or invented.

    A mask may have blanks, brackets of another width and the digits of another script.
    """
    numbers = [int(found[1]) for found in _MASK.finditer(text)]
    if sorted(numbers) != list(range(len(kept))):
        return None
    return _MASK.sub(lambda found: kept[int(found[1])], text)
