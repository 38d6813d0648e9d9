"""The rules of `data/`, counted: completions, translations and preferences per family.

Each function counts for one family of prompts, and for one sample of a sampler of the pool.
"""

from collections import Counter

from isoglot.models.member import Member, SourceMember
from isoglot.planning.prompts import Shape
from isoglot.recipe.recipe import Recipe


def answered(recipe: Recipe, member: Member, shape: Shape) -> Shape:
    """Return the prompts that a sampler answers; kind source answers the untranslated ones."""
    if isinstance(member, SourceMember) and recipe.prompts.translate_from:
        shape = tuple(each for each in shape if each[0] == recipe.prompts.translate_from)
    if member.answers_in == "dominant":
        return tuple(each for each in shape if each[0] == recipe.dominant_language)
    return tuple(each for each in shape if member.serves(each[1]))


def translations(
    recipe: Recipe, member: Member, shape: Shape, place: int = 0
) -> list[tuple[str, str]]:
    """List the translations of one answer by a translator: source and target prompt language."""
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
    """Count the pairs of a family over all samplers and samples, or its demonstrations, or its
    prompts with a context.

    An upper bound for methods that rank, since rewards may be equal, for routes and for contexts.
    """
    if recipe.privilege:
        tags = [tag for tag, _ in shape]
        return len(tags) - 1 if recipe.dominant_language in tags else 0
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
    if recipe.pair.pool == "family" and recipe.route is None:
        return int(candidates.total() > 1)
    return sum(candidates[prompt] > (0 if recipe.route else 1) for prompt in shape)


def num_samples(recipe: Recipe, member: Member) -> int:
    """Return the number of samples per prompt."""
    if isinstance(member, SourceMember):
        return 1
    return (member.sampling or recipe.generate.sampling).num_samples


def _by_imbalance(recipe: Recipe, shape: Shape) -> int:
    """Count by the rule of LIDR, see `data/pair.py`."""
    dominant, wanted = recipe.dominant_language, recipe.pair.dominant_pairs
    answer_in = dict(shape)
    if dominant not in answer_in:
        return 0
    others = [(tag, answer) for tag, answer in shape if tag != dominant]
    back = [tag for tag, answer in others if answer != answer_in[dominant]]
    return len(others) + sum(wanted in ("all", tag) for tag in back)
