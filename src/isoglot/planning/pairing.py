"""How many completions, translations and preferences families make: the rules of `data/`, counted.

Each function counts in one family of prompts, for one sample of a member of the pool.
"""

from collections import Counter

from isoglot.models.member import Member, SourceMember
from isoglot.planning.prompts import Shape
from isoglot.recipe.recipe import Recipe


def answered(recipe: Recipe, member: Member, shape: Shape) -> Shape:
    """The prompts that a member answers; the source itself those that were not translated."""
    if isinstance(member, SourceMember) and recipe.prompts.translate_from:
        shape = tuple(each for each in shape if each[0] == recipe.prompts.translate_from)
    if member.answers_in == "dominant":
        return tuple(each for each in shape if each[0] == recipe.dominant_language)
    return tuple(each for each in shape if member.serves(each[1]))


def translations(
    recipe: Recipe, member: Member, shape: Shape, place: int = 0
) -> list[tuple[str, str]]:
    """Of each translation of an answer by the translator of a place: the language of its prompt,
    and of the one it goes to."""
    if member not in recipe.translated_members:
        return []
    dominant, answer_in = recipe.dominant_language, dict(shape)
    others = [tag for tag in recipe.translated_languages(place) if tag != dominant]
    back = [] if recipe.translates_one_way else [dominant]
    forth = [tag for tag in others if member.serves(tag)] if recipe.translates_one_way else others
    return [
        (own, target)
        for own, answer in answered(recipe, member, shape)
        for target in (forth if own == dominant else back if own in others else [])
        if target in answer_in and answer_in[target] != answer
    ]


def num_examples(recipe: Recipe, shape: Shape) -> int:
    """Pairs of a family, all members and samples together, or demonstrations; the most there can be
    where they rank, since rewards may be equal, and where ways are chosen."""
    if recipe.pair.method == "translated_vs_direct" and recipe.route is None:
        return sum(
            num_samples(recipe, member) * _by_imbalance(recipe, answered(recipe, member, shape))
            for member in recipe.pool
        )
    candidates: Counter[tuple[str, str]] = Counter()
    answer_in = dict(shape)
    for member in recipe.pool:
        each = num_samples(recipe, member)
        for prompt in answered(recipe, member, shape):
            candidates[prompt] += each
        for place in range(len(recipe.translators) or 1):
            for _, tag in translations(recipe, member, shape, place):
                candidates[tag, answer_in[tag]] += each
    return sum(candidates[prompt] > (0 if recipe.route else 1) for prompt in shape)


def num_samples(recipe: Recipe, member: Member) -> int:
    """How often a member answers each prompt."""
    if isinstance(member, SourceMember):
        return 1
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
