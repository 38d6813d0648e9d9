"""Answers that people ranked become completions with a reward, which the pairers read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, FinishReason, Prompt

RANK = "rank"
"""The reward of a ranked answer: minus its mean rank."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How one annotator ordered the answers to one prompt."""

    prompt: Prompt
    """Its id is that of the item: what several annotators ranked."""
    completions: Sequence[str]
    ranks: Sequence[int]
    """Of each answer; 1 is the best."""
    annotator: str
    models: Sequence[str]
    """Who wrote each answer."""


def mid_ranks(ranks: Sequence[int]) -> list[float]:
    """The ranks with ties shared: the mean of the places that equal ones take.

    Equal ranks are a tie, and what follows may count on (1, 1, 2) or skip (1, 1, 3): both are
    (1.5, 1.5, 3). Raises InputError for ranks that do not begin at 1, or have another gap.
    """
    counts = Counter(ranks)
    dense = {rank: place for place, rank in enumerate(sorted(counts), 1)}
    skipping = {rank: 1 + sum(counts[r] for r in counts if r < rank) for rank in counts}
    if dense != {r: r for r in counts} and skipping != {r: r for r in counts}:
        raise InputError(
            f"expected ranks from 1 without gaps, came {', '.join(map(str, ranks))}; equal ranks "
            "are a tie, after which 1, 1, 2 and 1, 1, 3 are both fine"
        )
    return [skipping[rank] + (counts[rank] - 1) / 2 for rank in ranks]


def ranked_completions(rankings: Sequence[Ranking]) -> tuple[list[Prompt], list[Completion]]:
    """Each item's prompt, and its answers with minus the mean of their ranks as reward `rank`.

    The mean is over annotators, of ranks with ties shared (`mid_ranks`); where two answers have
    the same mean they are a tie, and no pairer makes a pair of them.
    """
    prompts, completions = [], []
    for (family, prompt_id), found in by_item(rankings).items():
        first = found[0]
        prompts.append(first.prompt)
        columns = zip(*(mid_ranks(each.ranks) for each in found), strict=True)
        for model, text, ranks in zip(first.models, first.completions, columns, strict=True):
            completions.append(
                Completion(
                    family=family,
                    prompt_id=prompt_id,
                    language=first.prompt.answer_language,
                    sampler=model,
                    sample=0,
                    text=text,
                    finish_reason=FinishReason.STOP,
                    rewards={RANK: -fmean(ranks)},
                )
            )
    return prompts, completions


def by_item(rankings: Sequence[Ranking]) -> Mapping[tuple[str, str], list[Ranking]]:
    """The rankings of each item, in the order in which items first appear."""
    found: dict[tuple[str, str], list[Ranking]] = {}
    for each in rankings:
        found.setdefault((each.prompt.family, each.prompt.prompt_id), []).append(each)
    return found
