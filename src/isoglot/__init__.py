"""isoglot: make a language model as good in every language as it is in its best one.

    from isoglot import load_recipe, run
    summary = run(load_recipe("lidr-lab", ["seed=2"]), Path("runs/mine"))

A name is imported when it is first used, so that `import isoglot` costs nothing.
"""

from importlib import import_module
from typing import Any

from isoglot.core.version import __version__

_WHERE = {
    "Completion": "core.records",
    "Dropped": "core.records",
    "LANGUAGES": "core.languages",
    "Language": "core.languages",
    "LanguageIdentifier": "core.protocols",
    "Preference": "core.records",
    "Prompt": "core.records",
    "Recipe": "recipe.recipe",
    "Result": "core.records",
    "Sampler": "core.protocols",
    "Sampling": "core.protocols",
    "Scorer": "core.protocols",
    "Translator": "core.protocols",
    "load_identifier": "models.load",
    "load_recipe": "recipe.recipe",
    "load_sampler": "models.load",
    "read_shard": "core.store",
    "recipe_names": "recipe.recipe",
    "run": "line.pipeline",
    "write_report": "report.pages.run",
}

__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'isoglot' has no attribute {name!r}")
    return getattr(import_module(f"isoglot.{_WHERE[name]}"), name)
