r"""LaTeX in an answer: the box around its result, its last formula, and all of it as plain text."""

import re

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?:\{|(?P<bare>\d+))")
_FORMULA = re.compile(
    r"\$\$(?P<display>[^$]+)\$\$ | (?<![\\\d])\$(?!\s)(?P<inline>[^$\n]+)(?<![\\\s])\$(?!\d)"
    r"| \\\[(?P<bracket>.+?)\\\] | \\\((?P<parenthesis>.+?)\\\)",
    re.VERBOSE | re.DOTALL,
)

_WHOLE_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")


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


BOX_START, BOX_END = "\ue000", "\ue001"
"""Characters of no script that stand for the braces of a box in `plain_latex`."""

_FRACTION = re.compile(
    r"(?P<whole>\d ?)?\\[dtc]?frac\s*(?:\{(?P<top>[^{}]*)\}|(?P<over>\d))"
    r"\s*(?:\{(?P<bottom>[^{}]*)\}|(?P<under>\d))"
)
_AMOUNT = re.compile(r"\s*-?[\d.,]+\s*")
_WRAPPER = re.compile(
    r"\\(?:text\w*|math\w+|mbox|operatorname|emph|underline|boldsymbol|bm)\s*\{([^{}]*)\}"
)
_PLAIN = (
    (re.compile(r"(?<=\d)(?:\{,\}|\\[,!;:])(?=\d{3})"), ","),
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?"), "°"),
    (re.compile(r"\^\s*\{([^{}]*)\}"), r"^(\1)"),
    (re.compile(r"\\(?:times|cdot|ast)(?![A-Za-z])"), "×"),
    (re.compile(r"\\div(?![A-Za-z])"), "÷"),
    (re.compile(r"\\([$%&#_])"), r"\1"),
    (
        re.compile(
            r"\\(?:approx|simeq|sim|left|right|q?quad|displaystyle|\w*arrow|implies|therefore"
            r"|bf|rm|it|large|Large|to)(?![A-Za-z])|\\[\s,!;:()\[\]\\]|[{}~]"
        ),
        " ",
    ),
)


def plain_latex(text: str) -> str:
    r"""Return a text with its LaTeX in plain characters: `\dfrac{1}{2}` is `1/2`, `\times` is `×`.

    A box `\boxed{…}` becomes `BOX_START`…`BOX_END`. Functions such as `\sqrt` stay.
    """
    if "\\" not in text and "{" not in text:
        return text
    text = _with_marked_boxes(text)
    before = ""
    while before != text:  # from the innermost braces outwards
        before = text
        text = _WRAPPER.sub(lambda found: _set_apart(found[1]), text)
        text = _FRACTION.sub(_written_with_slash, text)
    for pattern, instead in _PLAIN:
        text = pattern.sub(instead, text)
    return text


def _with_marked_boxes(text: str) -> str:
    parts, position = [], 0
    for box in _BOX.finditer(text):
        if box.start() < position:  # a box in a box
            continue
        inside = box["bare"] or text[box.end() : closing_brace(text, box.end())]
        parts += [text[position : box.start()], BOX_START, inside, BOX_END]
        position = box.end() if box["bare"] else closing_brace(text, box.end()) + 1
    return "".join([*parts, text[position:]])


def _set_apart(inside: str) -> str:
    return inside if re.fullmatch(r"[\d.,%$]+", inside) else f" {inside} "


def _written_with_slash(fraction: re.Match[str]) -> str:
    top, bottom = fraction["top"] or fraction["over"], fraction["bottom"] or fraction["under"]
    whole = f"{fraction['whole'].strip()} " if fraction["whole"] else ""
    is_simple = _AMOUNT.fullmatch(top) and _AMOUNT.fullmatch(bottom)
    return f"{whole}{top.strip()}/{bottom.strip()}" if is_simple else f"{whole}({top})/({bottom})"


def without_formulas(text: str) -> str:
    r"""Remove the formulas between `$`, `$$`, `\(…\)` and `\[…\]`, and the boxes."""
    return _WHOLE_BOX.sub("", _FORMULA.sub("", text))
