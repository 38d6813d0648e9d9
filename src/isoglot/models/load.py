"""The one place that knows the implementations."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from isoglot.core.errors import InputError
from isoglot.core.protocols import (
    GoldConfig,
    JudgeScorerConfig,
    LanguageIdentifier,
    LanguageMatchConfig,
    LengthConfig,
    LikelihoodModel,
    RewardModelConfig,
    Sampler,
    Scorer,
    ScorerConfig,
    Translator,
)
from isoglot.core.records import content_id
from isoglot.core.rows import is_rows_file
from isoglot.core.section import validated
from isoglot.core.yaml import read_yaml
from isoglot.models.file import FileSamplerConfig
from isoglot.models.judges.comparison import JudgeConfig, SamplerJudge
from isoglot.models.judges.rating import RatingConfig
from isoglot.models.local.transformers import TransformersConfig
from isoglot.models.local.vllm import VLLM_OPERATION, VLLMConfig, VLLMSampler
from isoglot.models.server.openai import OPERATION, OpenAIConfig, server_revision
from isoglot.models.source import SOURCE, SourceConfig, SourceSampler
from isoglot.models.translation.google import (
    GOOGLE_OPERATION,
    GoogleConfig,
    GoogleTranslator,
    google_name,
    google_revision,
)
from isoglot.models.translation.prompted import PromptTranslator, PromptTranslatorConfig
from isoglot.models.translation.seq2seq import (
    Seq2SeqConfig,
    Seq2SeqTranslator,
    seq2seq_codes,
    seq2seq_name,
    seq2seq_revision,
)

ModelConfig = Annotated[
    TransformersConfig | FileSamplerConfig | OpenAIConfig | VLLMConfig, Field(discriminator="kind")
]
"""Any model that answers prompts; `kind` says how it runs."""

TranslatorConfig = Annotated[
    TransformersConfig
    | FileSamplerConfig
    | OpenAIConfig
    | VLLMConfig
    | Seq2SeqConfig
    | GoogleConfig,
    Field(discriminator="kind"),
]
"""Any model that translates: one that is asked to, or one made for it (`seq2seq`, `google`)."""

PolicyConfig = TransformersConfig
"""The model that is trained: its weights must be here."""


def load_sampler(config: ModelConfig | SourceConfig) -> Sampler:
    """The sampler that a config describes, with its weights in memory."""
    match config:
        case TransformersConfig():
            from isoglot.models.local.transformers import TransformersSampler

            return TransformersSampler(config)
        case FileSamplerConfig():
            from isoglot.models.file import FileSampler

            return FileSampler(config)
        case OpenAIConfig():
            from isoglot.models.server.openai import OpenAISampler

            return OpenAISampler(config)
        case VLLMConfig():
            return VLLMSampler(config)
        case SourceConfig():
            return SourceSampler()


def load_translator(
    config: TranslatorConfig,
    how: PromptTranslatorConfig | None = None,
    languages: Sequence[str] = (),
) -> Translator:
    """The translator that a config describes; `how` says how a sampler is asked for translations.

    Raises InputError for a language that a model of kind seq2seq or google does not know.
    """
    if isinstance(config, Seq2SeqConfig):
        return Seq2SeqTranslator(config, languages)
    if isinstance(config, GoogleConfig):
        return GoogleTranslator(config, languages)
    how = how or PromptTranslatorConfig()
    return PromptTranslator(
        load_sampler(config), how.sampling, how.template, how.prefill, how.pattern
    )


def check_translator(config: TranslatorConfig, languages: Sequence[str]) -> None:
    """Raise InputError for a language that a model of kind seq2seq or google does not know.

    Only the vocabulary is read, or the service asked for its list; any other model is asked in
    words, and may know any language.
    """
    if isinstance(config, Seq2SeqConfig):
        seq2seq_codes(config, languages)
    elif isinstance(config, GoogleConfig):
        GoogleTranslator(config, languages)


def load_likelihood(config: ModelConfig) -> LikelihoodModel:
    """The model that a config describes, ready to weigh given continuations.

    Raises InputError where its weights are not here: a file has none, and a chat server tells the
    likelihood of an answer's first token only, which is a verdict but no choice between texts.
    """
    if not isinstance(config, TransformersConfig):
        raise InputError(
            f"expected a model of kind transformers to weigh choices by their likelihood, got kind "
            f"{config.kind}; name a model whose weights are here, or ask the task by generation"
        )
    from isoglot.models.local.likelihood import TransformersLikelihood

    return TransformersLikelihood(config)


def sampler_revision(config: TranslatorConfig | SourceConfig) -> str:
    """What identifies the answers of a sampler, without loading it: for fingerprints."""
    match config:
        case Seq2SeqConfig():
            return seq2seq_revision(config)
        case GoogleConfig():
            return google_revision(config)
        case TransformersConfig() | VLLMConfig():
            from isoglot.models.local.template import read_template
            from isoglot.models.local.transformers import model_revision

            revision = model_revision(config.path, config.revision)
            template = getattr(config, "chat_template", None)
            # The path of a template decides nothing, its content does.
            return f"{revision}+{content_id(read_template(template))}" if template else revision
        case FileSamplerConfig():
            from isoglot.models.file import file_revision

            return file_revision(config.path)
        case OpenAIConfig():
            return server_revision(config)
        case SourceConfig():
            return ""  # they are the prompts'


def model_name_of(config: TranslatorConfig | SourceConfig) -> str:
    """`model@revision`, without loading it: whose results these are."""
    match config:
        case Seq2SeqConfig():
            return seq2seq_name(config)
        case GoogleConfig():
            return google_name(config)
        case TransformersConfig() | VLLMConfig():
            from isoglot.models.local.transformers import model_name

            return model_name(config.path, config.revision)
        case FileSamplerConfig():
            name = config.sampler or config.path.name.split(".")[0]
            return f"{name}@{sampler_revision(config)}"
        case OpenAIConfig():
            return f"{config.model}@{server_revision(config)}"
        case SourceConfig():
            return SOURCE


def model_config(text: str) -> ModelConfig:
    """The model that a user names in one word.

    A folder or hub id, `ID@REVISION` at a commit, branch or tag; completions that are there
    (JSONL, JSON, CSV, TSV, Parquet); `URL#MODEL`, a model on an OpenAI-compatible server, and
    `openai:MODEL`, one of OpenAI's; or a `.yaml` file with the settings of a model as in a recipe.

    Raises:
        InputError: a file that does not hold the settings of a model; says which key is wrong.
    """
    if text.endswith((".yaml", ".yml")):
        return _read_model(Path(text))
    if is_rows_file(text):
        return FileSamplerConfig(path=Path(text))
    if text.startswith(("http://", "https://")):
        address, separator, model = text.partition("#")
        if not separator or not model:
            raise InputError(f"expected URL#MODEL, got {text!r}; http://localhost:8000/v1#llama")
        return OpenAIConfig(model=model, base_url=address)
    if text.startswith("openai:"):
        return OpenAIConfig(model=text.removeprefix("openai:"))
    hub_id, separator, revision = text.partition("@")
    if separator and not Path(text).expanduser().exists():
        return TransformersConfig(path=hub_id, revision=revision)
    return TransformersConfig(path=text)


def with_cost_cap(config: ModelConfig, max_cost_usd: float) -> ModelConfig:
    """The same model, which asks for nothing more once it has cost so much.

    Raises InputError for a model that costs nothing, or whose prices are not given.
    """
    if not isinstance(config, OpenAIConfig):
        raise InputError(f"expected a model on a server with a cost cap, got kind {config.kind}")
    return _validated({**config.model_dump(), "max_cost_usd": max_cost_usd}, config.model)


def _read_model(path: Path) -> ModelConfig:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the model {path} ({error}); correct the file") from None
    return _validated(read_yaml(text, f"model {path}"), str(path))


def _validated(values: Any, name: str) -> ModelConfig:
    return validated(ModelConfig, values, f"model {name}")  # type: ignore[arg-type]


def answer_settings(config: TranslatorConfig | SourceConfig) -> Mapping[str, Any]:
    """What decides the answers of a model: not where it lies, nor what only makes it fast."""
    elsewhere = {
        "path",
        "device",
        "chat_template",
        "batch_tokens",
        *OPERATION,
        *VLLM_OPERATION,
        *GOOGLE_OPERATION,
    }
    settings = config.model_dump(mode="json", exclude=elsewhere)
    return {**settings, "revision": sampler_revision(config)}


def load_judge(config: ModelConfig, how: JudgeConfig) -> SamplerJudge:
    """The judge that a sampler makes; a model in this process also says likelihoods."""
    sampler = load_sampler(config)
    if isinstance(config, TransformersConfig) and how.reading != "text":
        from isoglot.models.local.likelihood import TransformersLikelihood
        from isoglot.models.local.transformers import TransformersSampler

        assert isinstance(sampler, TransformersSampler)
        return SamplerJudge(sampler, how, TransformersLikelihood(config, sampler.loaded))
    return SamplerJudge(sampler, how)


def load_identifier(languages: Sequence[str]) -> LanguageIdentifier:
    """The language identifier, restricted to the languages of a run."""
    from isoglot.models.language.langid import RestrictedIdentifier

    return RestrictedIdentifier(languages)


def scorer_config(text: str) -> ScorerConfig:
    """The scorer that a user names in one word: `language_match`, `length`, `gold:GRADER`,
    `judge:MODEL`, or the folder or hub id of a reward model."""
    kind, separator, which = text.partition(":")
    if separator and kind in ("gold", "judge") and not which:
        raise InputError(
            f"expected {kind}:NAME, got {text!r}; gold:last_number, judge:openai:gpt-4o"
        )
    match kind:
        case "language_match" if not separator:
            return LanguageMatchConfig()
        case "length" if not separator:
            return LengthConfig()
        case "gold" if separator:
            return GoldConfig(grader=which)
        case "judge" if separator:
            return JudgeScorerConfig(model=which)
    return RewardModelConfig(path=text)


def load_scorers(
    configs: Sequence[ScorerConfig | str],
    identifier: LanguageIdentifier,
    graders: Mapping[str, Callable[[str, str], float | None]] | None = None,
) -> list[Scorer]:
    """The scorers that configs describe, or words as in `scorer_config`, in this order.

    `graders` are those that a scorer of kind gold may name. Raises InputError for one that there is
    not, and as the models do.
    """
    return [
        _load_scorer(
            scorer_config(config) if isinstance(config, str) else config, identifier, graders
        )
        for config in configs
    ]


def scorer_settings(config: ScorerConfig) -> Mapping[str, Any]:
    """What decides the rewards of a scorer, without loading it: for fingerprints."""
    elsewhere = {"path", "device", "batch_tokens"}
    settings = config.model_dump(mode="json", exclude=elsewhere)
    if isinstance(config, JudgeScorerConfig):
        return {**settings, "model": answer_settings(model_config(config.model))}
    if not isinstance(config, RewardModelConfig):
        return settings
    from isoglot.models.local.transformers import model_revision

    return {**settings, "revision": model_revision(config.path, config.revision)}


def _load_scorer(
    config: ScorerConfig,
    identifier: LanguageIdentifier,
    graders: Mapping[str, Callable[[str, str], float | None]] | None,
) -> Scorer:
    match config:
        case LanguageMatchConfig():
            from isoglot.models.language.match import LanguageMatch

            return LanguageMatch(identifier)
        case GoldConfig():
            from isoglot.models.local.reward import GoldScorer

            if config.grader not in (graders or {}):
                raise InputError(
                    f"expected a grader among {', '.join(graders or {}) or '(none)'}, got "
                    f"{config.grader!r}; correct `grader` of the scorer {config.name!r}"
                )
            assert graders is not None
            return GoldScorer(graders[config.grader], config.grader)
        case LengthConfig():
            from isoglot.models.local.reward import Length

            return Length()
        case JudgeScorerConfig():
            from isoglot.models.judges.rating import JudgeScorer

            asked = RatingConfig(show_gold=config.show_gold)
            return JudgeScorer(load_sampler(model_config(config.model)), asked)
        case RewardModelConfig():
            from isoglot.models.local.reward import RewardModel

            return RewardModel(config)
