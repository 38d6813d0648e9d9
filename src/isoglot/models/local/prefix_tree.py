"""Prefix trees of token sequences, in which a shared prefix is computed once.

Sequences are sorted, and neighbours with a common prefix are laid out in one row as a tree: in the
attention mask a token sees the tokens of its own branch only. If there are too many for one row, as
with all examples of a task after the same worked examples, the rows form a run: the first one
leaves the keys and values of the common prefix, and the others start after it.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

NO_END = 2**31
"""End of a branch that continues to the end of its row."""


class TokenSequence(NamedTuple):
    """A prompt with one of its continuations."""

    prompt: int
    choice: int
    ids: list[int]
    start: int
    """Position at which the continuation begins."""

    @property
    def continuation(self) -> list[int]:
        """The tokens to predict."""
        return self.ids[self.start :]

    @property
    def num_read(self) -> int:
        """Number of input tokens: the last token is predicted but never read."""
        return len(self.ids) - 1


class TreeRow:
    """Token sequences laid out as a tree, depth first: a branch begins where its sequence differs
    from the one before. A row of one branch is a chain."""

    def __init__(self, known: Sequence[int] = ()) -> None:
        """`known` is the common prefix, which was computed in the row before."""
        self.num_known = len(known)
        self.ids = list(known)
        self.depths = list(range(len(known)))
        self.ends = [NO_END] * len(known)
        """For each token, the position from which no token follows it on its branch."""
        self.scored: list[tuple[TokenSequence, list[int]]] = []
        """Sequences, with the positions whose logits predict their continuations."""
        self.num_scored = 0
        self.branch = list(range(len(known)))
        self.longest = 0

    @property
    def is_chain(self) -> bool:
        """True if each token sees all tokens before it."""
        return len(self.ids) == self.longest

    def add(self, sequence: TokenSequence, shared: int) -> None:
        """Add a sequence that shares its first `shared` tokens with the one before."""
        new, length = sequence.ids[shared:-1], len(self.ids)
        self.ids += new
        self.depths += range(shared, shared + len(new))
        for position in self.branch[shared:]:
            self.ends[position] = length
        self.branch[shared:] = range(length, len(self.ids))
        self.ends += [NO_END] * len(new)
        self.longest = max(self.longest, len(self.branch))
        self.scored.append((sequence, self.branch[sequence.start - 1 :]))
        self.num_scored += len(sequence.ids) - sequence.start


def lay_out(
    sequences: Sequence[TokenSequence], shared_length: int, limit: int, small_row: int
) -> list[list[TreeRow]]:
    """Lay out sequences in runs of rows; most runs are one row.

    A row computes at most `limit` tokens, unless a single sequence is longer; sequences of more
    than `shared_length` tokens share nothing. Up to `small_row` tokens the cost of attention is
    negligible; rows are longer only if the common prefix is long as well.
    """
    groups = _groups(sequences, shared_length)
    return [run for group in groups for run in _lay_out_group(group, limit, small_row)]


def _groups(
    sequences: Sequence[TokenSequence], shared_length: int
) -> Iterator[list[tuple[TokenSequence, int]]]:
    """Group sorted neighbours with a common prefix; each has its number of shared tokens.

    A sequence adds no more tokens than it shares and shortens the common prefix to no less than
    half, unless it is another choice of the same prompt.
    """
    ordered = sorted(sequences, key=lambda sequence: sequence.ids)
    if not ordered:
        return
    group, prefix = [(ordered[0], 0)], ordered[0].num_read
    for before, sequence in pairwise(ordered):
        shared = 0
        if max(before.num_read, sequence.num_read) <= shared_length:
            shared = _num_shared(before, sequence)
        pays = 2 * shared >= max(sequence.num_read, prefix)
        if shared and (pays or sequence.prompt == before.prompt):
            group.append((sequence, shared))
            prefix = min(prefix, shared)
        else:
            yield group
            group, prefix = [(sequence, 0)], sequence.num_read
    yield group


def _lay_out_group(
    group: Sequence[tuple[TokenSequence, int]], limit: int, small_row: int
) -> list[list[TreeRow]]:
    """Return one run of rows, or runs of one row each if the common prefix is too short to justify
    a forward pass for each row."""
    # The last token of a prompt predicts the first of its continuations: each row reads it itself.
    common = min(
        min((shared for _, shared in group[1:]), default=sys.maxsize),
        min(sequence.start for sequence, _ in group) - 1,
    )
    known = group[0][0].ids[:common] if 4 * common >= small_row else []
    rows = [TreeRow()]
    for sequence, shared in group:
        row = rows[-1]
        new = sequence.num_read - shared
        full = len(row.ids) + new > common + max(small_row, common)
        over = len(row.ids) - row.num_known + new > limit
        if row.scored and new and (full or over):
            rows.append(TreeRow(known))
            shared = len(known)
        rows[-1].add(sequence, shared)
    return [rows] if known else [[row] for row in rows]


def _num_shared(first: TokenSequence, second: TokenSequence) -> int:
    """Count the tokens of the common prefix, without the last token of either."""
    end = min(first.num_read, second.num_read)
    return next((i for i in range(end) if first.ids[i] != second.ids[i]), end)
