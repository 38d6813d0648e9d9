"""The one place that knows the implementations."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from isoglot.models.file import FileSamplerConfig
from isoglot.models.protocols import LanguageIdentifier, Sampler, Scorer
from isoglot.models.transformers import TransformersConfig

ModelConfig = Annotated[TransformersConfig | FileSamplerConfig, Field(discriminator="kind")]
"""Any model that answers prompts; `kind` says how it runs."""

PolicyConfig = TransformersConfig
"""The model that is trained: its weights must be here."""


def load_sampler(config: ModelConfig) -> Sampler:
    """The sampler that a config describes, with its weights in memory."""
    match config:
        case TransformersConfig():
            from isoglot.models.transformers import TransformersSampler

            return TransformersSampler(config)
        case FileSamplerConfig():
            from isoglot.models.file import FileSampler

            return FileSampler(config)


def sampler_revision(config: ModelConfig) -> str:
    """What identifies the answers of a sampler, without loading it: for fingerprints."""
    match config:
        case TransformersConfig():
            from isoglot.models.transformers import model_revision

            return model_revision(config.path, config.revision)
        case FileSamplerConfig():
            from isoglot.models.file import file_revision

            return file_revision(config.path)


def load_identifier(languages: Sequence[str]) -> LanguageIdentifier:
    """The language identifier, restricted to the languages of a run."""
    from isoglot.models.langid import RestrictedIdentifier

    return RestrictedIdentifier(languages)


def load_scorers(names: Sequence[str], identifier: LanguageIdentifier) -> list[Scorer]:
    """The scorers of a recipe, by name."""
    from isoglot.models.language_match import LanguageMatch

    known = {"language_match": LanguageMatch}
    return [known[name](identifier) for name in names]
