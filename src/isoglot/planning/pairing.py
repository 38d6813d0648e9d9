"""How many translations and preferences families make: the rules of `data/`, counted."""

from collections import Counter
from collections.abc import Mapping, Sequence

from isoglot.config import Recipe
from isoglot.planning.texts import Shape


def translations(
    shapes: Mapping[Shape, int], dominant: str, languages: Sequence[str]
) -> Counter[tuple[str, str]]:
    """Rows of `translate_completions` by source and target, for one answer to each prompt."""
    found: Counter[tuple[str, str]] = Counter()
    for shape, num in shapes.items():
        for pair in _pairs_of_languages(shape, dominant, languages):
            found[pair] += num
    return found


def _pairs_of_languages(
    shape: Shape, dominant: str, languages: Sequence[str]
) -> list[tuple[str, str]]:
    """Of one family: the language of each prompt that was answered, and of the one it goes to."""
    answer_in = dict(shape)
    others = [tag for tag in dict.fromkeys(languages) if tag != dominant]
    return [
        (own, target)
        for own, answer in shape
        for target in (others if own == dominant else [dominant] if own in others else [])
        if target in answer_in and answer_in[target] != answer
    ]


def num_pairs(recipe: Recipe, shapes: Mapping[Shape, int]) -> tuple[int, bool]:
    """The candidates of the pairer, and whether there are just as many: rewards may be equal."""
    samples = recipe.generate.sampling.num_samples
    samplers = len(recipe.samplers) or 1
    if recipe.pair.method == "translated_vs_direct":
        each = samples * samplers
        return each * sum(num * _by_imbalance(recipe, shape) for shape, num in shapes.items()), True
    total = 0
    for shape, num in shapes.items():
        moves = _pairs_of_languages(shape, recipe.dominant_language, recipe.languages)
        arrivals = Counter(target for _, target in moves) if recipe.translate else Counter()
        candidates = [samples * samplers * (1 + arrivals[tag]) for tag, _ in shape]
        total += num * sum(each > 1 for each in candidates)
    return total, False


def _by_imbalance(recipe: Recipe, shape: Shape) -> int:
    """Pairs of one family and one sample by the rule of LIDR, see `data/pair.py`."""
    dominant, wanted = recipe.dominant_language, recipe.pair.dominant_pairs
    answer_in = dict(shape)
    if dominant not in answer_in:
        return 0
    others = [(tag, answer) for tag, answer in shape if tag != dominant]
    back = [tag for tag, answer in others if answer != answer_in[dominant]]
    return len(others) + sum(wanted in ("all", tag) for tag in back)
