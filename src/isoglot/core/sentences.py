"""Sentences of a text in any language, also in those that write no blank between them."""

import re
from itertools import accumulate, pairwise

from isoglot.core.errors import InputError
from isoglot.core.languages import language

# Ends of sentences that sentencex 1.0 leaves alone.
_MORE_ENDS = re.compile(r"(?<=[។៕༎།])(?=[^\s។៕༎།])|(?<=[។៕༎།]\s)(?=\S)")
_WITHOUT_FULL_STOP = {"Thai", "Laoo"}
_CLAUSE_CHARS = 120
"""Thai and Lao end a sentence, and a clause, with a blank: a piece is at least this long there."""


def sentences(text: str, tag: str) -> list[str]:
    """Divide a text into sentences, each with the white space after it.

    Rules and abbreviations are those of sentencex. Thai and Lao do not mark the end of a sentence,
    and are divided into clauses of some length.

    Raises:
        InputError: an unknown language, or the package sentencex is missing.
    """
    row = language(tag)
    bounds = {0, len(text), *accumulate(map(len, _segment(row.tag.split("-")[0], text)))}
    bounds |= {end.start() for end in _MORE_ENDS.finditer(text)}
    if row.script in _WITHOUT_FULL_STOP:
        bounds |= _blanks_between_clauses(text)
    ends = sorted(bound for bound in bounds if bound <= len(text))
    return _joined_blanks([text[start:end] for start, end in pairwise(ends)])


def num_sentences(text: str, tag: str) -> int | None:
    """Count the sentences with a letter or digit; None if the language does not mark their ends."""
    if language(tag).script in _WITHOUT_FULL_STOP:
        return None
    lines = [line for line in text.splitlines() if line.strip()]
    return sum(any(map(str.isalnum, each)) for line in lines for each in sentences(line, tag))


def _segment(code: str, text: str) -> list[str]:
    try:
        from sentencex import segment
    except ImportError as error:
        raise InputError(
            "expected the package sentencex to split sentences, came none; pip install sentencex"
        ) from error
    pieces = list(segment(code, text))
    return pieces if "".join(pieces) == text else [text]


def _blanks_between_clauses(text: str) -> set[int]:
    bounds, start = set(), 0
    for blank in re.finditer(r"\s+", text):
        if blank.start() - start >= _CLAUSE_CHARS:
            start = blank.end()
            bounds.add(start)
    return bounds


def _joined_blanks(pieces: list[str]) -> list[str]:
    """Append a piece of nothing but white space to the sentence before it."""
    joined: list[str] = []
    for piece in pieces:
        if joined and not piece.strip():
            joined[-1] += piece
        elif piece:
            joined.append(piece)
    return joined
