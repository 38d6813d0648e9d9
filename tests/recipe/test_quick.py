"""A rehearsal of a recipe: every shipped one has its caps, and is still a recipe."""

import pytest

from isoglot.recipe.loading import packaged
from isoglot.recipe.quick import quick_recipe
from isoglot.recipe.recipe import load_recipe, resolved


def numbers(value, key):
    """Every number of a key, in sections of any depth."""
    if isinstance(value, list):
        return [number for each in value for number in numbers(each, key)]
    if not isinstance(value, dict):
        return []
    own = [value[key]] if isinstance(value.get(key), int) else []
    return own + [number for each in value.values() for number in numbers(each, key)]


@pytest.mark.parametrize("name", packaged("recipe"))
def test_every_recipe_has_a_quick_one(name):
    recipe = load_recipe(name)
    quick = quick_recipe(recipe)
    assert quick.name == f"{recipe.name}-quick"
    assert quick.num_rounds == (1 if isinstance(recipe.rounds, int) else recipe.num_rounds)
    assert quick.policy == recipe.policy.model_copy()
    assert quick.languages == recipe.languages
    for each, whole in zip(quick.different_rounds, recipe.different_rounds, strict=True):
        assert each.train.method == whole.train.method if whole.train else each.train is None
        assert [type(one) for one in each.pool] == [type(one) for one in whole.pool]
        assert each.prompts.num_families is None or each.prompts.num_families <= 24
        values = resolved(each)
        assert max(numbers(values, "max_new_tokens"), default=0) <= 96
        assert max(numbers(values, "per_device_train_batch_size"), default=0) <= 2
    assert all(task.num_families <= 12 for task in quick.evaluate.all_tasks)
    assert quick_recipe(quick).prompts == quick.prompts, "twice changes nothing more"
