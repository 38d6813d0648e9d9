"""Token sequences that begin alike, laid out so that what they share is computed once.

Sequences are sorted, and neighbours that begin alike are laid into one row as a tree: in the
attention mask a token sees the tokens on its own branch only. Where they are too many for a row,
as all the questions after the same worked examples, the rows make a run: the first one leaves the
keys and values of the beginning that all of them share, and the others begin after it.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

NO_END = 2**31
"""Of a token whose branch goes on to the end of its row."""


class TokenSequence(NamedTuple):
    """A prompt with one of its continuations."""

    place: int
    choice: int
    ids: list[int]
    start: int
    """Where the continuation begins."""

    @property
    def continuation(self) -> list[int]:
        """The tokens that are foretold."""
        return self.ids[self.start :]

    @property
    def num_read(self) -> int:
        """Nothing follows the last token: it is foretold but never read."""
        return len(self.ids) - 1


class Row:
    """Token sequences laid out as a tree, depth first: a branch begins where its sequence leaves
    the one before. A row of one branch is a chain."""

    def __init__(self, known: Sequence[int] = ()) -> None:
        """`known` are the tokens at the beginning of all, computed in the row before."""
        self.num_known = len(known)
        self.ids = list(known)
        self.depths = list(range(len(known)))
        self.ends = [NO_END] * len(known)
        """Of each token: the place from which on no token follows it on its branch."""
        self.scored: list[tuple[TokenSequence, list[int]]] = []
        """Sequences, and the places whose logits foretell their continuations."""
        self.num_scored = 0
        self.branch = list(range(len(known)))
        self.longest = 0

    @property
    def is_chain(self) -> bool:
        """Whether each token sees all tokens before it."""
        return len(self.ids) == self.longest

    def add(self, sequence: TokenSequence, shared: int) -> None:
        """Add a sequence that has its first `shared` tokens in common with the one before."""
        new, length = sequence.ids[shared:-1], len(self.ids)
        self.ids += new
        self.depths += range(shared, shared + len(new))
        for place in self.branch[shared:]:
            self.ends[place] = length
        self.branch[shared:] = range(length, len(self.ids))
        self.ends += [NO_END] * len(new)
        self.longest = max(self.longest, len(self.branch))
        self.scored.append((sequence, self.branch[sequence.start - 1 :]))
        self.num_scored += len(sequence.ids) - sequence.start


def runs_of(
    sequences: Sequence[TokenSequence], shared_length: int, limit: int, small_row: int
) -> list[list[Row]]:
    """Runs of rows, most of them of one row.

    A row computes at most `limit` tokens, unless one sequence alone is longer; sequences of more
    than `shared_length` tokens share nothing. In a row of up to `small_row` tokens attention costs
    little beside everything else: longer ones are made where the shared beginning is long, too.
    """
    return [
        run
        for group in _groups(sequences, shared_length)
        for run in _laid_out(group, limit, small_row)
    ]


def _groups(
    sequences: Sequence[TokenSequence], shared_length: int
) -> Iterator[list[tuple[TokenSequence, int]]]:
    """Neighbours in order that begin alike, each with how much it shares with the one before.

    A sequence brings fewer tokens than it shares, but for the choices of one prompt, and leaves the
    others at least half of the beginning that they have in common.
    """
    ordered = sorted(sequences, key=lambda sequence: sequence.ids)
    if not ordered:
        return
    group, beginning = [(ordered[0], 0)], ordered[0].num_read
    for before, sequence in pairwise(ordered):
        shared = 0
        if max(before.num_read, sequence.num_read) <= shared_length:
            shared = _num_shared(before, sequence)
        pays = 2 * shared >= max(sequence.num_read, beginning)
        if shared and (pays or sequence.place == before.place):
            group.append((sequence, shared))
            beginning = min(beginning, shared)
        else:
            yield group
            group, beginning = [(sequence, 0)], sequence.num_read
    yield group


def _laid_out(
    group: Sequence[tuple[TokenSequence, int]], limit: int, small_row: int
) -> list[list[Row]]:
    """One run of rows; or runs of one row each, where the common beginning is too short to be
    worth a pass of its own for each row."""
    # The last token of a prompt foretells the first of its continuations: each row reads it itself.
    common = min(
        min((shared for _, shared in group[1:]), default=sys.maxsize),
        min(sequence.start for sequence, _ in group) - 1,
    )
    known = group[0][0].ids[:common] if 4 * common >= small_row else []
    rows = [Row()]
    for sequence, shared in group:
        row = rows[-1]
        new = sequence.num_read - shared
        full = len(row.ids) + new > common + max(small_row, common)
        over = len(row.ids) - row.num_known + new > limit
        if row.scored and new and (full or over):
            rows.append(Row(known))
            shared = len(known)
        rows[-1].add(sequence, shared)
    return [rows] if known else [[row] for row in rows]


def _num_shared(first: TokenSequence, second: TokenSequence) -> int:
    """How many tokens both begin with, their last ones aside."""
    end = min(first.num_read, second.num_read)
    return next((i for i in range(end) if first.ids[i] != second.ids[i]), end)
