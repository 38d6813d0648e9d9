r"""A mathematical answer in LaTeX against a gold: fractions, roots, intervals, tuples, matrices.

Math-Verify (Apache-2.0), which parses LaTeX by a grammar, compares the two as SymPy expressions. It
does so in a process of its own (`latex_process`), because a model may write a power or an integral
that never ends, and no thread can be stopped: the process ends itself after some seconds.
"""

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from threading import Lock

from isoglot.core.errors import InputError, require
from isoglot.core.latex import last_box, last_formula
from isoglot.core.text import digits_to_ascii, normalise

_MAX_ANSWER_CHARS = 2000


def grade_latex(text: str, gold: str) -> float | None:
    r"""Return 1.0 if the answer of a text is equal to the gold as mathematics, 0.0 if it is not.

    The answer is the contents of the last `\boxed{…}`, or else the last formula, or else the last
    line. The gold is LaTeX with or without `$` or a box. None where the comparison fails, or takes
    too long.

    Raises:
        InputError: the gold is empty, or Math-Verify is not installed.
    """
    expected = _answer(gold)
    if not expected:
        raise InputError(f"gold {gold!r:.60}: expected LaTeX or a number, came nothing; mend it")
    answer = _answer(text)
    if not answer or len(answer) > _MAX_ANSWER_CHARS:
        return 0.0
    return 1.0 if answer == expected else _comparer(os.getpid()).compare(expected, answer)


def _answer(text: str) -> str:
    """Return the part of a text to compare, without the `$` around it and in ASCII digits."""
    found = last_box(text) or last_formula(text) or next(iter(text.strip().splitlines()[::-1]), "")
    return normalise(digits_to_ascii(found)).strip("$ ").removesuffix(".")


class _Comparer:
    """A process that compares pairs of LaTeX one by one, and is replaced when it has ended."""

    def __init__(self) -> None:
        require("evaluate", "the grader latex")
        self._lock = Lock()
        self._process: subprocess.Popen[str] | None = None
        atexit.register(self._end)

    def compare(self, gold: str, answer: str) -> float | None:
        """Return 1.0 or 0.0, or None if this pair was too much for the process."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps([gold, answer]) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                self._end()
                return None
            is_equal = json.loads(line)
            return None if is_equal is None else float(is_equal)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "isoglot.evals.latex_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@cache
def _comparer(_process_id: int) -> _Comparer:
    """Return the comparer of this process; a fork must not read the answers to its parent."""
    return _Comparer()
