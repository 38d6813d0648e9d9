"""Completions that people ranked, with a reward that the pairers read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from isoglot.core.errors import InputError
from isoglot.core.records import Completion, FinishReason, Prompt, PromptKey, prompt_key

RANK = "rank"
"""Reward of a ranked completion: minus its mean rank."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of one prompt's completions by one annotator."""

    prompt: Prompt
    """Its id is that of the item, which several annotators may rank."""
    completions: Sequence[str]
    ranks: Sequence[int]
    """Rank of each completion; 1 is the best."""
    annotator: str
    models: Sequence[str]
    """Model of each completion."""


def mid_ranks(ranks: Sequence[int]) -> list[float]:
    """Return the ranks with each tie at the mean of the places that it takes.

    The ranks after a tie may go on (1, 1, 2) or skip (1, 1, 3): both are (1.5, 1.5, 3). Raises
    InputError for ranks that do not begin at 1, or have another gap.
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
    """Return the prompt of each item, and its completions with the reward `rank`.

    The reward is minus the mean of `mid_ranks` over annotators; two completions with the same mean
    are a tie, which no pairer makes a pair of.
    """
    prompts, completions = [], []
    for key, found in by_item(rankings).items():
        first = found[0]
        prompts.append(first.prompt)
        ranks_of = zip(*(mid_ranks(each.ranks) for each in found), strict=True)
        for model, text, ranks in zip(first.models, first.completions, ranks_of, strict=True):
            columns = (*key, first.prompt.answer_language, model, 0, text, FinishReason.STOP)
            completions.append(Completion(*columns, rewards={RANK: -fmean(ranks)}))
    return prompts, completions


def by_item(rankings: Sequence[Ranking]) -> Mapping[PromptKey, list[Ranking]]:
    """Group rankings by item (family, prompt id), in the order in which items first appear."""
    found: dict[PromptKey, list[Ranking]] = {}
    for each in rankings:
        found.setdefault(prompt_key(each.prompt), []).append(each)
    return found
