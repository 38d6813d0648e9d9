"""Models named in one word, as recipes and the command line take them; `lab:NAME` among them."""

from typing import Any

from isoglot.core.errors import InputError
from isoglot.core.scorers import ScorerConfig
from isoglot.lab.shipped import lab_path
from isoglot.models.load import ModelConfig, PolicyConfig, model_config, split_engine
from isoglot.models.scorers.load import scorer_config


def model_path(text: str) -> str:
    """Return the folder of a model of the lab, and any other path as it is."""
    return lab_path(text)


def model_of(text: str, *, plain: bool = False) -> ModelConfig:
    """Parse a model as `models.load.model_config` does; `plain` leaves out its chat template.

    Raises InputError for an unknown model of the lab, and for `plain` without local weights.
    """
    engine, path = split_engine(text)
    folder = lab_path(path)
    # The lab's numbers are those of transformers, and so small a model needs no server.
    config = model_config(
        text if folder == path else f"{engine.replace('auto', 'transformers')}:{folder}"
    )
    if not plain:
        return config
    if not isinstance(config, PolicyConfig):
        raise InputError(f"expected a model with weights of one's own with --plain, came {text!r}")
    return config.model_copy(update={"format": "plain"})


def scorer_of(text: str) -> ScorerConfig:
    """Parse a scorer as `models.scorers.load.scorer_config` does."""
    return scorer_config(lab_path(text))


_PATHS = ("path", "policy", "reference")
"""Keys whose value may be the path of a model."""


def resolve_paths(values: Any) -> Any:
    """Replace every `path: lab:NAME` in nested values by the folder in the package, and likewise
    the `policy` and `reference` of a scorer."""
    if isinstance(values, list):
        return [resolve_paths(value) for value in values]
    if isinstance(values, dict):
        return {
            key: lab_path(value)
            if key in _PATHS and isinstance(value, str)
            else resolve_paths(value)
            for key, value in values.items()
        }
    return values
