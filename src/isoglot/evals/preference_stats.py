"""What a set of verdicts says: the win rate, and how far both orders of showing agree.

Pure functions of preferences and verdicts, whoever judged. AlpacaEval: Dubois et al. 2023,
arXiv:2305.14387; both orders against gold labels: LLMBar, Zeng et al. 2023, arXiv:2310.07641.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from isoglot.core.errors import InputError


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often A is preferred to B."""

    value: float
    """Mean preference for A, 0 to 1; a tie is 0.5."""
    standard_error: float | None
    """Of the mean, examples taken as independent; None of one preference."""
    wins: int
    losses: int
    ties: int
    unknown: int
    """Comparisons without a verdict: in none of the other counts."""

    @property
    def n(self) -> int:
        """Comparisons that the rate is a mean of."""
        return self.wins + self.losses + self.ties

    @property
    def discrete(self) -> float:
        """Share of wins, a tie as half of one: the rate when each preference is rounded."""
        return (self.wins + self.ties / 2) / self.n


def win_rate(preferences: Sequence[float | None]) -> WinRate:
    """The win rate of preferences for A: 1 for A, 0 for B, 0.5 a tie, between where unsure.

    A win is more than 0.5 and a loss less. None is no verdict.

    Raises:
        InputError: a preference outside of 0 to 1, or no preference at all.
    """
    known = np.array([p for p in preferences if p is not None], dtype=float)
    if len(known) == 0:
        raise InputError(f"win rate of 0 verdicts: {len(preferences)} comparisons have none")
    outside = known[~((known >= 0) & (known <= 1))]
    if len(outside):
        raise InputError(f"expected preferences for A from 0 to 1, came {outside[0]}")
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None
    return WinRate(
        value=float(known.mean()),
        standard_error=error,
        wins=int((known > 0.5).sum()),
        losses=int((known < 0.5).sum()),
        ties=int((known == 0.5).sum()),
        unknown=len(preferences) - len(known),
    )


@dataclass(frozen=True, slots=True)
class BothOrders:
    """Verdicts on the same comparisons shown in both orders, as counts."""

    n: int
    """Comparisons."""
    answered: int
    """Those with a verdict in both orders."""
    consistent: int
    """Those with the same verdict in both orders."""
    correct_first: int
    """Those whose first verdict is the gold one; no verdict is not correct."""
    correct_swapped: int
    correct_both: int

    @property
    def accuracy(self) -> float:
        """Share of verdicts of either order that are the gold one, no verdict being wrong."""
        return (self.correct_first + self.correct_swapped) / (2 * self.n)

    @property
    def swap_consistency(self) -> float | None:
        """Share of answered comparisons with one verdict; None where none is answered."""
        return self.consistent / self.answered if self.answered else None


def both_orders(
    first: Sequence[Hashable | None],
    swapped: Sequence[Hashable | None],
    gold: Sequence[Hashable] | None = None,
) -> BothOrders:
    """Count agreement of the orders, and with `gold`; without `gold` nothing is correct.

    Verdicts name the answer, not its place: that of the swapped order is already mapped back.
    None is no verdict, and agrees with nothing, another None included.

    Raises:
        InputError: not as many verdicts on both sides, or as many gold labels.
    """
    labels = [None] * len(first) if gold is None else gold
    if not len(first) == len(swapped) == len(labels):
        raise InputError(
            f"expected a verdict in each order for each comparison, came {len(first)}, "
            f"{len(swapped)} and {len(labels)} gold labels; pair them first"
        )
    rows = list(zip(first, swapped, labels, strict=True))
    return BothOrders(
        n=len(rows),
        answered=sum(a is not None and b is not None for a, b, _ in rows),
        consistent=sum(a is not None and a == b for a, b, _ in rows),
        correct_first=sum(a is not None and a == label for a, _, label in rows),
        correct_swapped=sum(b is not None and b == label for _, b, label in rows),
        correct_both=sum(a is not None and a == b == label for a, b, label in rows),
    )
