"""How likely each of a few labels is, from the likeliest first tokens of an answer."""

import math
from collections.abc import Sequence

from isoglot.core.protocols import Likelihood


def label_likelihoods(
    labels: Sequence[str], top: Sequence[tuple[str, float]]
) -> list[Likelihood | None]:
    """The likelihood of each label, from tokens with their log-probabilities, best first.

    A token counts for the label that it is, or whose beginning it is when no other label begins so;
    blanks around it are nothing, case is. Of a label that no token begins, only a bound is known:
    it is at most as likely as the last token, and as what all tokens leave; it gets that bound. A
    token that could begin several labels makes each of them None, since they are not told apart,
    and all are None where no token begins any: that is no answer to the question.
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
        if token in begun:  # a longer label that has a token of its own does not begin with this
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
    return [
        None
        if name in unclear
        else Likelihood(_log_sum(found[name]) if found[name] else bound, 1, name == greedy)
        for name in names
    ]


def _log_sum(values: Sequence[float]) -> float:
    best = max(values)
    return min(best + math.log(sum(math.exp(value - best) for value in values)), 0.0)
