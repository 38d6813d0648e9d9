r"""LaTeX in an answer: the box around its result, its last formula, and both as plain text."""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?:\{|(?=\d)(?P<bare>\d+))")
_FORMULA = re.compile(
    r"\$\$(?P<display>[^$]+)\$\$ | (?<![\\\d])\$(?!\s)(?P<inline>[^$\n]+)(?<![\\\s])\$(?!\d)"
    r"| \\\[(?P<bracket>.+?)\\\] | \\\((?P<parenthesis>.+?)\\\)",
    re.VERBOSE | re.DOTALL,
)


def last_box(text: str) -> str | None:
    r"""Return the contents of the last `\boxed{…}`, braces inside it included; None without one.

    A box that is never closed, as in an answer that was cut off, ends with its line.
    """
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return None
    box = boxes[-1]
    return box["bare"] or text[box.end() : closing_brace(text, box.end())]


def closing_brace(text: str, start: int) -> int:
    r"""Return the place of the brace that closes a group whose contents begin at `start`.

    Without one it is the end of the line. An escaped brace (`\{`) is a character like another.
    """
    depth = 1
    for brace in re.finditer(r"\\.|[{}]", text[start:], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return start + brace.start()
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def last_formula(text: str) -> str | None:
    r"""Return the last formula between `$…$`, `$$…$$`, `\(…\)` or `\[…\]`; None without one."""
    found = list(_FORMULA.finditer(text))
    return next(filter(None, found[-1].groups())).strip() if found else None
