"""Load models from their configs: alone, with `scorers/load.py`, in knowing implementations."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast, get_args
from weakref import WeakValueDictionary

from pydantic import Tag

from isoglot.core.errors import InputError
from isoglot.core.files import read_file_text
from isoglot.core.protocols import LanguageIdentifier, LikelihoodModel, Sampler, Translator
from isoglot.core.records import content_id
from isoglot.core.rows import is_rows_file
from isoglot.core.section import validated
from isoglot.core.yaml import read_yaml
from isoglot.execute.child import accelerator_present
from isoglot.models.engine import WEIGHTS, by_engine
from isoglot.models.file import FileSampler, FileSamplerConfig, file_revision
from isoglot.models.judges.comparison import JudgeConfig, SamplerJudge
from isoglot.models.local.config import WeightsConfig, WeightsEngine
from isoglot.models.local.likelihood import TransformersLikelihood
from isoglot.models.local.template import read_template
from isoglot.models.local.transformers import TransformersSampler
from isoglot.models.local.weights import model_name, model_revision
from isoglot.models.server.config import (
    OPENAI_OPERATION,
    OpenAIConfig,
    server_model_name,
    server_revision,
)
from isoglot.models.server.key import read_key
from isoglot.models.server.openai import OpenAISampler
from isoglot.models.server.process import logging_to
from isoglot.models.server.spending import spending_in
from isoglot.models.server.vllm import VLLMModel
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
    load_codes,
    seq2seq_name,
    seq2seq_revision,
)

ModelConfig = Annotated[
    Annotated[WeightsConfig, Tag(WEIGHTS)]
    | Annotated[FileSamplerConfig, Tag("file")]
    | Annotated[OpenAIConfig, Tag("openai")],
    by_engine("openai", "file"),
]
"""Any model that answers prompts, by its `engine`."""

TranslatorConfig = Annotated[
    Annotated[WeightsConfig, Tag(WEIGHTS)]
    | Annotated[FileSamplerConfig, Tag("file")]
    | Annotated[OpenAIConfig, Tag("openai")]
    | Annotated[Seq2SeqConfig, Tag("seq2seq")]
    | Annotated[GoogleConfig, Tag("google")],
    by_engine("openai", "file", "seq2seq", "google"),
]
"""Any model that translates: a prompted sampler, or a translation model (`seq2seq`, `google`)."""

PolicyConfig = WeightsConfig
"""The model to train: its weights must be local."""


class _Engine(NamedTuple):
    """Functions that load and identify the models of one engine."""

    load: Callable[[Any], Any]
    revision: Callable[[Any], str]
    name: Callable[[Any], str]
    operation: frozenset[str]
    """Settings that do not change the answers: speed, cost, and where the model is."""


def _weights_name(config: WeightsConfig) -> str:
    return model_name(config.path, config.revision)


def _weights_revision(config: WeightsConfig) -> str:
    revision = model_revision(config.path, config.revision)
    # The content of a template counts, not its path.
    template = config.chat_template
    return f"{revision}+{content_id(read_template(template))}" if template else revision


def _file_name(config: FileSamplerConfig) -> str:
    return f"{config.sampler or config.path.name.split('.')[0]}@{file_revision(config.path)}"


def is_served(config: TranslatorConfig | SourceConfig) -> bool:
    """True if vLLM runs the model, in servers that isoglot starts."""
    if not isinstance(config, WeightsConfig):
        return False
    if config.engine != "auto":
        return config.engine == "vllm"
    command = os.path.expanduser(config.vllm.command[0])
    return shutil.which(command) is not None and accelerator_present()


def _load_weights(config: WeightsConfig) -> Sampler:
    return _served(config) if is_served(config) else TransformersSampler(config)


_SERVED: WeakValueDictionary[str, VLLMModel] = WeakValueDictionary()


def _served(config: WeightsConfig) -> VLLMModel:
    """Return the running servers of a model, or start them: two would not fit on an accelerator."""
    key = config.model_dump_json()
    model = _SERVED.get(key)
    if model is None or model.is_closed:
        model = _SERVED[key] = VLLMModel(config)
    return model


_LOCAL = frozenset({"path", "device", "chat_template", "batch_tokens", "vllm"})
_ENGINES = {
    **dict.fromkeys(
        get_args(WeightsEngine),
        _Engine(_load_weights, _weights_revision, _weights_name, _LOCAL),
    ),
    "openai": _Engine(OpenAISampler, server_revision, server_model_name, OPENAI_OPERATION),
    "file": _Engine(FileSampler, lambda config: file_revision(config.path), _file_name, _LOCAL),
    "source": _Engine(lambda _: SourceSampler(), lambda _: "", lambda _: SOURCE, frozenset()),
    "seq2seq": _Engine(Seq2SeqTranslator, seq2seq_revision, seq2seq_name, _LOCAL),
    "google": _Engine(GoogleTranslator, google_revision, google_name, GOOGLE_OPERATION),
}


def _engine(config: TranslatorConfig | SourceConfig) -> _Engine:
    return _ENGINES[config.kind if isinstance(config, SourceConfig) else config.engine]


@contextmanager
def servers_in(run: Path) -> Iterator[None]:
    """Log the servers that the block starts in `run/logs`, and end them with the block.

    What the models of the block cost is recorded in `run`.
    """
    with logging_to(run / "logs"), spending_in(run):
        try:
            yield
        finally:
            for model in list(_SERVED.values()):
                model.close()


def load_sampler(config: ModelConfig | SourceConfig) -> Sampler:
    """Load the sampler that a config describes.

    Example:
        >>> sampler = isoglot.load_sampler(isoglot.load_recipe("lidr-lab").policy)
        >>> sampler.sample([isoglot.Prompt.from_text("1 + 1?", language="en")], isoglot.Sampling())
    """
    return _engine(config).load(config)


def load_translator(
    config: TranslatorConfig,
    prompted: PromptTranslatorConfig | None = None,
    languages: Sequence[str] = (),
) -> Translator:
    """Load the translator that a config describes; `prompted` has the prompt for a sampler.

    Raises InputError for a language that engine seq2seq or google does not know.
    """
    if isinstance(config, Seq2SeqConfig):
        return Seq2SeqTranslator(config, languages)
    if isinstance(config, GoogleConfig):
        return GoogleTranslator(config, languages)
    return PromptTranslator(load_sampler(config), prompted)


def check_key(config: Any) -> None:
    """Raise InputError if the environment lacks the key of a model's server."""
    name = config.key_name if isinstance(config, OpenAIConfig) else None
    name = name or getattr(config, "api_key_env", None)
    if name:
        read_key(name, config.base_url)


def check_translator(config: TranslatorConfig, languages: Sequence[str]) -> None:
    """Raise InputError for a language that engine seq2seq or google does not know, by its
    vocabulary or the list of the service; a sampler takes any."""
    if isinstance(config, Seq2SeqConfig):
        load_codes(config, languages)
    elif isinstance(config, GoogleConfig):
        GoogleTranslator(config, languages)


def load_likelihood(config: ModelConfig) -> LikelihoodModel:
    """Load the model that a config describes for log-likelihoods of given continuations.

    Raises InputError if its weights are not local: a file has none, and a chat server gives the
    log-probabilities of the first token only, which suffices for a verdict but not for a text.
    """
    if not isinstance(config, WeightsConfig):
        raise InputError(
            f"expected a model with weights of one's own to score choices by likelihood, got "
            f"engine {config.engine}; name its folder or hub id, or ask the task by generation"
        )
    return _served(config) if is_served(config) else TransformersLikelihood(config)


def load_judge(config: ModelConfig, settings: JudgeConfig) -> SamplerJudge:
    """Load a sampler as a judge; one with local weights also gives likelihoods."""
    has_likelihoods = settings.reading != "text"
    if has_likelihoods and isinstance(config, WeightsConfig) and not is_served(config):
        sampler = TransformersSampler(config)
        return SamplerJudge(sampler, settings, TransformersLikelihood(config, sampler.loaded))
    return SamplerJudge(load_sampler(config), settings)


def sampler_revision(config: TranslatorConfig | SourceConfig) -> str:
    """Identify the answers of a model for fingerprints, without loading it."""
    return _engine(config).revision(config)


def model_name_of(config: TranslatorConfig | SourceConfig) -> str:
    """Return `model@revision` without loading the model."""
    return _engine(config).name(config)


def answer_settings(config: TranslatorConfig | SourceConfig) -> Mapping[str, Any]:
    """Return the settings that decide the answers of a model, without its location and speed.

    `auto` has those of transformers, so that a run does not depend on the machine that resumes it.
    """
    settings = config.model_dump(mode="json", exclude=set(_engine(config).operation))
    # In run directories `kind` names the engine, as it did in recipes before.
    engine = settings.pop("engine", settings.get("kind"))
    settings["kind"] = "transformers" if engine == "auto" else engine
    if isinstance(config, WeightsConfig) and engine == "vllm" and config.vllm.quantization:
        settings["quantization"] = config.vllm.quantization
    return {**settings, "revision": sampler_revision(config)}


def model_config(text: str) -> ModelConfig:
    """Parse the name of a model, as given on the command line.

    A folder or hub id, `ID@REVISION` for a commit, branch or tag, `vllm:ID` or `transformers:ID`
    to select the engine; a file of completions (JSONL, JSON, CSV, TSV, Parquet); `URL#MODEL`, a
    model on an OpenAI-compatible server, and `openai:MODEL`, one of OpenAI's; or a `.yaml` file
    with the settings of a model as in a recipe.
    Raises InputError for a file without valid settings, with the wrong key.
    """
    if text.endswith((".yaml", ".yml")):
        return _read_model(Path(text))
    if is_rows_file(text):
        return FileSamplerConfig(path=Path(text))
    if text.startswith(("http://", "https://")):
        address, separator, model = text.partition("#")
        if not separator or not model:
            raise InputError(f"expected URL#MODEL, got {text!r}; http://localhost:8000/v1#llama")
        return _validate({"engine": "openai", "model": model, "base_url": address}, text)
    if text.startswith("openai:"):
        return OpenAIConfig(model=text.removeprefix("openai:"))
    engine, path = split_engine(text)
    hub_id, separator, revision = path.partition("@")
    if separator and not Path(path).expanduser().exists():
        return WeightsConfig(engine=engine, path=hub_id, revision=revision)
    return WeightsConfig(engine=engine, path=path)


def split_engine(text: str) -> tuple[WeightsEngine, str]:
    """Split `vllm:MODEL` or `transformers:MODEL` into engine and model; by default `auto`."""
    engine, separator, model = text.partition(":")
    if separator and engine in get_args(WeightsEngine):
        return cast(WeightsEngine, engine), model
    return "auto", text


def with_cost_cap(config: ModelConfig, max_cost_usd: float) -> ModelConfig:
    """Return the same model with a cap on its cost; raise InputError for one without prices."""
    if not isinstance(config, OpenAIConfig):
        raise InputError(
            f"expected a model on a server with a cost cap, got engine {config.engine}"
        )
    return _validate({**config.model_dump(), "max_cost_usd": max_cost_usd}, config.model)


def _read_model(path: Path) -> ModelConfig:
    try:
        text = read_file_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the model {path} ({error}); correct the file") from None
    return _validate(read_yaml(text, f"model {path}"), str(path))


def _validate(values: Any, name: str) -> ModelConfig:
    return validated(ModelConfig, values, f"model {name}")  # type: ignore[arg-type]


def load_identifier(languages: Sequence[str], fasttext: Path | None = None) -> LanguageIdentifier:
    """Load the language identifier, restricted to the languages of a run.

    `fasttext` is the file of a fastText model, such as GlotLID, to identify by instead of the
    shipped one.

    Example:
        >>> isoglot.load_identifier(["sw", "en"]).identify(["Good morning to you all"])
        ['en']
    """
    from isoglot.models.language.identifier import RestrictedIdentifier

    if fasttext is None:
        return RestrictedIdentifier(languages)
    from isoglot.models.language.fasttext import FasttextIdentifier

    return FasttextIdentifier(fasttext, languages)
