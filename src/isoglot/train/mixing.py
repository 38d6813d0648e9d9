"""Mixing of languages: whole rows are drawn before a trainer sees them.

    rows ─▶ sizes n_l ─▶ shares of a number of examples ─▶ places of rows

The draw is a function of seed and content alone: the same rows in another order give the same rows,
in the same order.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from isoglot.core.errors import InputError
from isoglot.core.records import content_id
from isoglot.core.section import Section


class MixingConfig(Section):
    """Rows of each language in an epoch; rows are repeated or left out for it."""

    method: Literal["proportional", "uniform", "temperature", "unimax"]
    """With n_l rows in language l: `proportional` draws p_l ∝ n_l, `uniform` p_l = 1 / L,
    `temperature` p_l ∝ n_l^(1 / tau) (1 / tau is alpha, 0.3 in mT5, arXiv:2010.11934, and in XLM-R,
    arXiv:1911.02116), `unimax` an even share of each, but its rows at most `max_epochs` times
    (arXiv:2304.09151, algorithm 1)."""
    tau: float | None = Field(None, gt=0)
    """Temperature of `temperature`: 1 is proportional, and the higher, the nearer to uniform."""
    max_epochs: int | None = Field(None, ge=1)
    """Limit of `unimax` on the repetitions of a row."""
    num_examples: int | None = Field(None, ge=1)
    """Rows in an epoch; left out, as many as there are."""

    @model_validator(mode="after")
    def _has_its_setting(self) -> Self:
        for method, key in (("temperature", "tau"), ("unimax", "max_epochs")):
            is_given = getattr(self, key) is not None
            if is_given != (self.method == method):
                raise InputError(
                    f"expected {key!r} with method {method} and no other, got "
                    f"{'one' if is_given else 'none'} with {self.method}; "
                    f"{'remove it' if is_given else 'give it'}"
                )
        return self


def language_shares(sizes: Mapping[str, int], config: MixingConfig) -> dict[str, int]:
    """Return the rows of each language in an epoch; `sizes` are the rows that there are.

    Whole numbers that differ from num_examples * p_l by less than one and add up to it (the largest
    remainders are rounded up).

    Raises:
        InputError: `unimax` cannot fill `num_examples`.
    """
    num = config.num_examples or sum(sizes.values())
    if config.method == "unimax":
        assert config.max_epochs
        return _unimax(sizes, num, config.max_epochs)
    exponent = {"proportional": 1.0, "uniform": 0.0}.get(config.method, 1 / (config.tau or 1))
    largest = max(sizes.values())  # in place of n_l itself, which overflows with a small tau
    weights = {tag: Fraction((size / largest) ** exponent) for tag, size in sizes.items()}
    exact = {tag: num * weight / sum(weights.values()) for tag, weight in weights.items()}
    whole = {tag: int(share) for tag, share in exact.items()}
    by_remainder = sorted(exact, key=lambda tag: (whole[tag] - exact[tag], tag))
    for tag in by_remainder[: num - sum(whole.values())]:
        whole[tag] += 1
    return whole


def _unimax(sizes: Mapping[str, int], num: int, max_epochs: int, seed: int = 0) -> dict[str, int]:
    """UniMax (arXiv:2304.09151, algorithm 1), in rows where the paper has characters.

    The smallest language first: an even share of the rows left or, where it has fewer, all of its
    rows `max_epochs` times; the larger languages share the rest.
    """
    if num > max_epochs * sum(sizes.values()):
        raise InputError(
            f"expected at most {max_epochs * sum(sizes.values())} examples of "
            f"{sum(sizes.values())} rows with max_epochs {max_epochs}, got num_examples {num}; set "
            f"it lower or max_epochs higher"
        )
    found: dict[str, int] = {}
    by_size = sorted(sizes, key=lambda tag: (sizes[tag], content_id(str(seed), tag)))
    for position, tag in enumerate(by_size):
        share = (num - sum(found.values())) // (len(by_size) - position)
        found[tag] = min(share, max_epochs * sizes[tag])
    return found


def mix(rows: Sequence[Mapping[str, Any]], config: MixingConfig, seed: int) -> list[int]:
    """Draw the places of the rows that make up an epoch, by `language_shares`."""
    return _draw(rows, lambda sizes: language_shares(sizes, config), seed)


def draw_evenly(rows: Sequence[Mapping[str, Any]], num: int, seed: int) -> list[int]:
    """Draw the places of `num` rows, equally many of each language as far as it has them.

    Raises:
        InputError: fewer rows than `num`.
    """
    if len(rows) < num:
        raise InputError(
            f"expected {num} pairs (train.num_preferences), got {len(rows)}; set it lower or take "
            f"more prompts"
        )
    return _draw(rows, lambda sizes: _unimax(sizes, num, 1, seed), seed)


def _draw(
    rows: Sequence[Mapping[str, Any]],
    shares: Callable[[Mapping[str, int]], Mapping[str, int]],
    seed: int,
) -> list[int]:
    """Draw the share of each language, its rows in turn by the hash of seed and content."""
    ranked: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for place, row in enumerate(rows):
        content = json.dumps(row, sort_keys=True, ensure_ascii=False)
        ranked[row["language"]].append((content_id(str(seed), content), place))
    numbers = shares({tag: len(group) for tag, group in ranked.items()})
    drawn = []
    for tag, group in ranked.items():
        group.sort()
        turns = (divmod(i, len(group)) for i in range(numbers[tag]))
        drawn += [(turn, *group[k]) for turn, k in turns]
    return [place for _, _, place in sorted(drawn)]
