"""A recipe cut down to a rehearsal: the same stages on the same models, within minutes."""

from typing import Any

from isoglot.core.section import validated
from isoglot.recipe.recipe import Recipe, resolved
from isoglot.train.settings import NUM_GENERATIONS

_MAX_FAMILIES = 24
_MAX_EVALUATED = 12
_MAX_NEW_TOKENS = 96
_MAX_BATCH = 2
_TOKENS = ("max_new_tokens", "max_completion_length")
_BATCH = ("per_device_train_batch_size", "gradient_accumulation_steps")


def quick_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe with one round, few families, short answers and small batches.

    A recipe whose rounds differ keeps them: each has stages of its own. The name ends in `-quick`,
    so that the run of the whole recipe is another one.
    """
    values = _capped(recipe)
    if isinstance(recipe.rounds, int):
        values["rounds"] = 1
    else:
        rounds = map(_capped, recipe.different_rounds)
        values["rounds"] = [
            {key: whole[key] for key in dict.fromkeys(name.partition(".")[0] for name in given)}
            for given, whole in zip(recipe.rounds, rounds, strict=True)
        ]
    values["name"] = f"{recipe.name}-quick"
    return validated(Recipe, values, f"recipe {recipe.name}")


def _capped(recipe: Recipe) -> dict[str, Any]:
    """Return every key of a recipe, with its numbers capped."""
    values = resolved(recipe)
    _cap(values["prompts"], "num_families", _MAX_FAMILIES)
    values["families_per_shard"] = min(recipe.families_per_shard, _MAX_FAMILIES)
    for task in filter(None, [*values["evaluate"]["tasks"], values["evaluate"]["validation"]]):
        _cap(task, "num_families", _MAX_EVALUATED)
    _cap_everywhere({**values, "rounds": None})
    return values


def _cap_everywhere(value: Any) -> None:
    """Cap lengths, batches and families that are held out, in sections of any depth."""
    if isinstance(value, list):
        for each in value:
            _cap_everywhere(each)
    if not isinstance(value, dict):
        return
    for key in _TOKENS:
        _cap(value, key, _MAX_NEW_TOKENS)
    for key in _BATCH:
        _cap(value, key, _MAX_BATCH)
    for key, each in value.items():
        if key == "choose" and each:
            _cap(each, "num_families", _MAX_FAMILIES // 4)
        if key == "training" and value.get("method") in NUM_GENERATIONS:
            each["num_generations"] = _MAX_BATCH  # a batch holds all completions of a prompt
        if key == "training":
            # without the key, TRL's own batch of 8 would hold
            each.setdefault(_BATCH[0], _MAX_BATCH)
        _cap_everywhere(each)


def _cap(section: dict[str, Any], key: str, most: int) -> None:
    """Lower the number of a key to `most`, also one without a limit."""
    if key in section:
        section[key] = min(section[key] or most, most)
