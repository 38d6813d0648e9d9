"""How many completions, translations and preferences families make: the rules of `data/`, counted.

Each function counts in one family of prompts, for one sample of a member of the pool.
"""

from collections import Counter

from isoglot.config import Recipe
from isoglot.models.member import Member
from isoglot.planning.texts import Shape


def answered(recipe: Recipe, member: Member, shape: Shape) -> Shape:
    """The prompts that a member answers."""
    if member.answers_in == "dominant":
        return tuple(each for each in shape if each[0] == recipe.dominant_language)
    return tuple(each for each in shape if member.serves(each[1]))


def translations(recipe: Recipe, member: Member, shape: Shape) -> list[tuple[str, str]]:
    """Of each translation of an answer: the language of its prompt, and of the one it goes to."""
    if not recipe.translates_answers:
        return []
    dominant, answer_in = recipe.dominant_language, dict(shape)
    others = [tag for tag in recipe.languages if tag != dominant]
    back = [] if recipe.is_translated_pool else [dominant]
    if recipe.is_translated_pool and member.answers_in != "dominant":
        return []
    forth = [tag for tag in others if member.serves(tag)] if recipe.is_translated_pool else others
    return [
        (own, target)
        for own, answer in answered(recipe, member, shape)
        for target in (forth if own == dominant else back if own in others else [])
        if target in answer_in and answer_in[target] != answer
    ]


def num_pairs(recipe: Recipe, shape: Shape) -> int:
    """Pairs of a family, all members and samples together; the most there can be where they rank:
    rewards may be equal."""
    if recipe.pair.method == "translated_vs_direct":
        return sum(
            _num_samples(recipe, member) * _by_imbalance(recipe, answered(recipe, member, shape))
            for member in recipe.pool
        )
    candidates: Counter[tuple[str, str]] = Counter()
    answer_in = dict(shape)
    for member in recipe.pool:
        each = _num_samples(recipe, member)
        for prompt in answered(recipe, member, shape):
            candidates[prompt] += each
        for _, tag in translations(recipe, member, shape):
            candidates[tag, answer_in[tag]] += each
    return sum(candidates[prompt] > 1 for prompt in shape)


def _num_samples(recipe: Recipe, member: Member) -> int:
    return (member.sampling or recipe.generate.sampling).num_samples


def _by_imbalance(recipe: Recipe, shape: Shape) -> int:
    """The rule of LIDR over the prompts that a member answered, see `data/pair.py`."""
    dominant, wanted = recipe.dominant_language, recipe.pair.dominant_pairs
    answer_in = dict(shape)
    if dominant not in answer_in:
        return 0
    others = [(tag, answer) for tag, answer in shape if tag != dominant]
    back = [tag for tag, answer in others if answer != answer_in[dominant]]
    return len(others) + sum(wanted in ("all", tag) for tag in back)
