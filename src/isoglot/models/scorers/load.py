"""Load scorers from their configs: the one module that knows every kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from isoglot.core.errors import InputError
from isoglot.core.protocols import LanguageIdentifier, Scorer
from isoglot.core.records import Prompt
from isoglot.core.scorers import (
    AgreementConfig,
    ConsistencyConfig,
    EmbeddingSection,
    GoldConfig,
    ImplicitRewardConfig,
    JudgeScorerConfig,
    LanguageMatchConfig,
    LengthConfig,
    PythonConfig,
    RewardModelConfig,
    ScorerConfig,
    SiblingsConfig,
    SimilarityConfig,
    TranslationLikelihoodConfig,
)
from isoglot.core.section import validated
from isoglot.models.judges.comparison import JudgeConfig
from isoglot.models.judges.rating import JudgeScorer, RatingConfig
from isoglot.models.load import (
    PolicyConfig,
    answer_settings,
    load_judge,
    load_sampler,
    model_config,
)
from isoglot.models.local.embedding import HiddenStates
from isoglot.models.local.likelihood import TransformersLikelihood
from isoglot.models.local.reward import RewardModel
from isoglot.models.local.weights import model_revision
from isoglot.models.scorers.agreement import AgreementScorer, FinalAnswer
from isoglot.models.scorers.implicit_reward import ImplicitReward
from isoglot.models.scorers.python import PythonScorer, python_revision
from isoglot.models.scorers.rules import GoldScorer, LanguageMatch, LengthScorer
from isoglot.models.scorers.siblings import TEMPLATE_WITH_REFERENCE, SiblingScorer
from isoglot.models.scorers.similarity import SimilarityScorer, calibration_means
from isoglot.models.scorers.translation_likelihood import TranslationLikelihoodScorer
from isoglot.models.translation.seq2seq import Seq2SeqConfig, Seq2SeqTranslator, seq2seq_revision

Named = TypeVar("Named")

Graders = Mapping[str, Callable[[str, str], float | None]]
"""Graders by name; each takes a completion and the gold."""


def scorer_config(text: str) -> ScorerConfig:
    """Parse the name of a scorer: `language_match`, `length`, `gold:GRADER`, `judge:MODEL`,
    `python:MODULE:NAME`, or the folder or hub id of a reward model."""
    if text == "language_match":
        return LanguageMatchConfig()
    if text == "length":
        return LengthConfig()
    kind, separator, name = text.partition(":")
    if not separator or kind not in ("gold", "judge", "python"):
        return RewardModelConfig(path=text)
    if not name:
        raise InputError(
            f"expected {kind}:NAME, got {text!r}; gold:last_number, judge:openai:gpt-4o, "
            "python:mylab.rewards:score"
        )
    if kind == "python":
        return validated(PythonConfig, {"path": name}, f"scorer {text}")
    return GoldConfig(grader=name) if kind == "gold" else JudgeScorerConfig(model=name)


def scorer_settings(config: ScorerConfig) -> Mapping[str, Any]:
    """Return the settings that decide the rewards of a scorer, for fingerprints."""
    settings = config.model_dump(mode="json", exclude={"path", "device", "batch_tokens"})
    if isinstance(config, JudgeScorerConfig | SiblingsConfig):
        settings = {**settings, "model": answer_settings(model_config(config.model))}
    if isinstance(config, SiblingsConfig):
        return {**settings, "judge": sibling_judge_config(config).model_dump(mode="json")}
    if isinstance(config, ImplicitRewardConfig):
        models = {"policy": config.policy, "reference": config.reference}
        return {
            **settings,
            **{
                name: answer_settings(weights_of(config, path))
                for name, path in models.items()
                if path
            },
        }
    if isinstance(config, TranslationLikelihoodConfig):
        return {**settings, "revision": seq2seq_revision(translation_model(config))}
    if isinstance(config, EmbeddingSection):
        path = config.path
        return {**settings, "revision": model_revision(path, config.revision) if path else None}
    if isinstance(config, RewardModelConfig):
        return {**settings, "revision": model_revision(config.path, config.revision)}
    if isinstance(config, PythonConfig):
        return {**settings, "revision": python_revision(config)}
    return settings


def load_scorers(
    configs: Sequence[ScorerConfig | str],
    identifier: LanguageIdentifier,
    graders: Graders | None = None,
    final_answers: Mapping[str, FinalAnswer] | None = None,
    dominant_language: str | None = None,
    *,
    policy: PolicyConfig | None = None,
    dominant_prompts: Mapping[str, Prompt] | None = None,
    calibration: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Scorer]:
    """Load scorers by their configs, or names as in `scorer_config`, in this order.

    `graders` are those that a scorer of kind gold may name, `final_answers` those of kind
    agreement. Kinds that compare the languages of a family need its dominant language; `policy` is
    the policy of the round, `dominant_prompts` are the prompts in the dominant language by family,
    where the scorers do not see whole families, and `calibration` has the means of scorers by
    embeddings, by their names. Raises InputError for an unknown grader, and as the models do.
    """
    read = [scorer_config(each) if isinstance(each, str) else each for each in configs]
    context = _Context(
        identifier,
        graders or {},
        final_answers or {},
        dominant_language,
        policy,
        dominant_prompts or {},
        calibration or {},
    )
    return [_load_scorer(config, context) for config in read]


class _Context(NamedTuple):
    """Surroundings of a scorer, besides its own settings."""

    identifier: LanguageIdentifier
    graders: Graders
    final_answers: Mapping[str, FinalAnswer]
    dominant_language: str | None
    policy: PolicyConfig | None
    dominant_prompts: Mapping[str, Prompt]
    calibration: Mapping[str, Mapping[str, float]]


def _load_scorer(config: ScorerConfig, context: _Context) -> Scorer:
    match config:
        case LanguageMatchConfig():
            return LanguageMatch(context.identifier, thought=config.thought)
        case GoldConfig():
            return GoldScorer(_grader(config, context.graders), config.grader)
        case AgreementConfig():
            read = _grader(config, context.final_answers)
            return AgreementScorer(config, read, _dominant(config, context))
        case LengthConfig():
            return LengthScorer()
        case PythonConfig():
            return PythonScorer(config)
        case _:
            return _load_model(config, context)


def _load_model(config: ScorerConfig, context: _Context) -> Scorer:
    """Load a scorer that holds a language model."""
    match config:
        case JudgeScorerConfig():
            sampler = load_sampler(model_config(config.model))
            return JudgeScorer(sampler, RatingConfig(show_gold=config.show_gold))
        case SiblingsConfig():
            dominant = None if config.reference == "none" else _dominant(config, context)
            judge = load_judge(model_config(config.model), sibling_judge_config(config))
            return SiblingScorer(judge, config, dominant)
        case ImplicitRewardConfig():
            return _implicit_reward(config, context)
        case SimilarityConfig() | ConsistencyConfig():
            dominant = _dominant(config, context)
            means = context.calibration[config.name] if config.calibrate else None
            return SimilarityScorer(_embedder(config, context.policy), config, dominant, means)
        case TranslationLikelihoodConfig():
            dominant = _dominant(config, context)
            translator = Seq2SeqTranslator(translation_model(config), [dominant])
            return TranslationLikelihoodScorer(translator, config, dominant)
        case _:
            assert isinstance(config, RewardModelConfig)
            return RewardModel(config)


def _implicit_reward(config: ImplicitRewardConfig, context: _Context) -> ImplicitReward:
    dominant = _dominant(config, context)
    policy = weights_of(config, config.policy) if config.policy else context.policy
    assert policy is not None
    fixed = 0.0 if config.length_penalty == "fitted" else config.length_penalty
    return ImplicitReward(
        TransformersLikelihood(policy),
        TransformersLikelihood(weights_of(config, config.reference)),
        dominant,
        length_penalty=fixed,
        dominant_prompts=context.dominant_prompts,
    )


def translation_model(config: TranslationLikelihoodConfig) -> Seq2SeqConfig:
    """Return the translation model of a scorer."""
    return Seq2SeqConfig(
        path=config.path,
        revision=config.revision,
        backend=config.backend,
        dtype=config.dtype,
        device=config.device,
        batch_tokens=config.batch_tokens,
    )


def calibrated(
    configs: Sequence[ScorerConfig], prompts: Sequence[Prompt], policy: PolicyConfig, dominant: str
) -> dict[str, dict[str, float]]:
    """Return the calibration of each scorer that takes one, by name and language."""
    return {
        each.name: calibration_means(
            prompts, _embedder(each, policy), dominant, each.calibration_families
        )
        for each in configs
        if isinstance(each, SimilarityConfig | ConsistencyConfig) and each.calibrate
    }


def _embedder(config: EmbeddingSection, policy: PolicyConfig | None) -> HiddenStates:
    if config.path is None:
        assert policy is not None
        return HiddenStates(policy, config.layer_share)
    keys = ("path", "revision", "dtype", "device", "batch_tokens")
    weights = PolicyConfig(engine="transformers", **{key: getattr(config, key) for key in keys})
    return HiddenStates(weights, config.layer_share)


def weights_of(config: ScorerConfig, model: str) -> PolicyConfig:
    """Return the model with weights of one's own that a scorer names; raise InputError for another,
    which gives no likelihoods of whole answers."""
    found = model_config(model)
    if not isinstance(found, PolicyConfig):
        raise InputError(
            f"score.scorers: {config.kind} needs a model with weights of one's own, got {model!r} "
            f"(engine {found.engine}); name its folder or hub id"
        )
    return found


def sibling_judge_config(config: SiblingsConfig) -> JudgeConfig:
    """Return the settings of the judge that compares siblings; InputError for a template that lacks
    a field."""
    template = config.template
    if template is None and config.reference != "none":
        template = TEMPLATE_WITH_REFERENCE
    values = {} if template is None else {"template": template}
    return validated(JudgeConfig, values, f"scorer {config.name}")


def _dominant(config: ScorerConfig, context: _Context) -> str:
    if context.dominant_language is None:
        raise InputError(
            f"the scorer {config.name!r} compares the languages of a family: expected a "
            "recipe with parallel prompts, got prompts alone"
        )
    return context.dominant_language


def _grader(config: GoldConfig | AgreementConfig, known: Mapping[str, Named]) -> Named:
    if config.grader not in known:
        raise InputError(
            f"expected a grader among {', '.join(known) or '(none)'}, got {config.grader!r}; "
            f"correct `grader` of the scorer {config.name!r}"
        )
    return known[config.grader]
