"""Likelihoods of labels from the most likely first tokens of an answer."""

import math
from collections.abc import Sequence

from isoglot.core.protocols import Likelihood


def label_likelihoods(
    labels: Sequence[str], top: Sequence[tuple[str, float]]
) -> list[Likelihood | None]:
    """Return the likelihood of each label, from tokens with log-probabilities, best first.

    A token counts for the label that it equals, or that it begins if it begins no other;
    surrounding spaces are ignored, case is not. A label that no token begins gets an upper bound:
    the probability of the last token, or the remaining probability if that is lower. A token that
    could begin several labels makes each of them None, since they cannot be distinguished; all are
    None if no token begins any.
    """
    names = [label.strip() for label in labels]
    assert all(names), "an empty label"
    found: dict[str, list[float]] = {name: [] for name in names}
    tokens = [(token.strip(), value) for token, value in top]
    whole = {token for token, _ in tokens} & set(names)
    unclear: set[str] = set()
    greedy: str | None = None
    for rank, (token, value) in enumerate(tokens):
        begun = {name for name in names if token and name.startswith(token)}
        if token in begun:  # a longer label with a token of its own does not begin with this one
            begun = {token} | (begun - whole)
        if len(begun) == 1:
            (name,) = begun
            found[name].append(value)
            greedy = name if rank == 0 else greedy
        unclear |= begun if len(begun) > 1 else set()
    if not any(found.values()):
        return [None] * len(names)
    left = 1 - sum(math.exp(value) for _, value in top)
    bound = min(top[-1][1], math.log(max(left, 1e-12)))
    sums = {name: _log_sum(values) if values else bound for name, values in found.items()}
    return [
        None if name in unclear else Likelihood(sums[name], 1, name == greedy) for name in names
    ]


def _log_sum(values: Sequence[float]) -> float:
    best = max(values)
    return min(best + math.log(sum(math.exp(value - best) for value in values)), 0.0)
