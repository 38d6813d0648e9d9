"""Compare pairs of LaTeX from standard input, one JSON list a line, and answer true, false or null.

    python -m isoglot.evals.latex_process

Model output is untrusted: an audit hook lets no text be evaluated but the numerals that SymPy
evaluates to make numbers, memory has a limit, and a watchdog ends the process when one pair takes
longer than `MAX_SECONDS`.
"""

import faulthandler
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

MAX_SECONDS = 5.0
"""Time for one pair, the start of the process not counted."""

_MAX_MEMORY_BYTES = 4 << 30
_NUMERAL = re.compile(rb"from sympy import \*|Integer \(\d+ \)|Float \('[\d.eE+-]+' \)")
_FORBIDDEN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect")


def _serve() -> None:
    """Answer until standard input ends."""
    with suppress(ImportError, ValueError, OSError):  # where there is no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    logging.disable()
    compare = _load()
    sys.addaudithook(_forbid)
    with open(os.devnull, "w") as nowhere:
        for line in sys.stdin:
            faulthandler.dump_traceback_later(MAX_SECONDS, exit=True, file=nowhere)
            try:
                is_equal = compare(*json.loads(line))
            except Exception:  # noqa: BLE001 - SymPy raises anything
                is_equal = None
            faulthandler.cancel_dump_traceback_later()
            print(json.dumps(is_equal), flush=True)


def _load() -> Callable[[str, str], bool]:
    """Import Math-Verify, and what SymPy imports late."""
    import sympy.integrals.manualintegrate  # noqa: F401
    from math_verify import LatexExtractionConfig, parse, verify

    # Only LaTeX, read by a grammar: Math-Verify's other configuration evaluates with `parse_expr`.
    config = [LatexExtractionConfig()]

    def parsed(latex: str) -> list[Any]:
        return parse(f"${latex}$", config, parsing_timeout=None)

    def compare(gold: str, answer: str) -> bool:
        return verify(parsed(gold), parsed(answer), timeout_seconds=None)

    compare(r"\sqrt{x^2+2x+1}", r"x+1")
    compare(r"(-\infty,2)\cup[3,4)", r"x<2")
    return compare


def _forbid(event: str, args: tuple[Any, ...]) -> None:
    """Refuse to compile a text that is from no file and no numeral, and to leave this process."""
    is_text = event == "compile" and args[1] in (None, "<string>")
    if event in _FORBIDDEN or (is_text and not _NUMERAL.fullmatch(args[0] or b"")):
        raise PermissionError(f"{event} is not needed to compare two formulas")


if __name__ == "__main__":
    _serve()
