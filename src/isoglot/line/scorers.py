"""Checks of the scorers of a recipe, before anything runs."""

from isoglot.core.errors import InputError
from isoglot.core.scorers import (
    AgreementConfig,
    ConsistencyConfig,
    GoldConfig,
    ImplicitRewardConfig,
    PythonConfig,
    ScorerConfig,
    SiblingsConfig,
    SimilarityConfig,
    TranslationLikelihoodConfig,
    is_fitted,
)
from isoglot.evals.graders import FINAL_ANSWERS, GRADERS
from isoglot.execute.child import accelerator_present, run_in_child
from isoglot.models.load import check_translator, sampler_revision
from isoglot.models.scorers.load import sibling_judge_config, translation_model, weights_of
from isoglot.models.scorers.python import try_python_scorer
from isoglot.recipe.recipe import Recipe


def check_scorer(scorer: ScorerConfig, recipe: Recipe, *, is_trained: bool = False) -> None:
    """Raise InputError for a scorer that lacks something of the recipe, such as siblings.

    `is_trained`: an earlier round has trained the policy, so that it is not the one of the recipe.
    A function of the user's is tried out, in a child process where there is an accelerator, so that
    a model of its own does not stay there.
    """
    match scorer:
        case GoldConfig():
            _check_grader(scorer, list(GRADERS))
        case AgreementConfig():
            _check_grader(scorer, list(FINAL_ANSWERS))
            _check_family(scorer, recipe, needs_dominant=False)
        case SiblingsConfig():
            _check_siblings(scorer, recipe)
        case ImplicitRewardConfig():
            _check_implicit(scorer, recipe, is_trained)
        case SimilarityConfig() | ConsistencyConfig():
            _check_embedding(scorer, recipe)
        case TranslationLikelihoodConfig():
            _check_family(scorer, recipe)
            check_translator(translation_model(scorer), recipe.languages)
        case PythonConfig():
            _check_python(scorer, recipe)


def _check_grader(scorer: GoldConfig | AgreementConfig, known: list[str]) -> None:
    if scorer.grader not in known:
        raise InputError(
            f"score.scorers: no grader {scorer.grader!r} for {scorer.kind}; expected one of "
            f"{', '.join(known)}"
        )


def _check_family(scorer: ScorerConfig, recipe: Recipe, *, needs_dominant: bool = True) -> None:
    """Raise InputError where no family is seen as a whole, or has one language only."""
    if recipe.is_online:
        raise InputError(
            f"score.scorers: {scorer.kind} needs the answers of all languages at once, and method "
            f"{recipe.train.method if recipe.train else ''} sees a prompt at a time; pair by it"
        )
    if len(recipe.languages) < 2:
        raise InputError(
            f"score.scorers: {scorer.kind} compares languages; expected two or more, got "
            f"{recipe.languages[0]}"
        )
    if needs_dominant:
        _check_dominant(scorer, recipe)


def _check_dominant(scorer: ScorerConfig, recipe: Recipe) -> None:
    if recipe.dominant_language not in recipe.languages:
        raise InputError(
            f"score.scorers: {scorer.kind} needs the dominant language, and "
            f"{recipe.dominant_language!r} is not among `languages`; add it"
        )


def _check_siblings(scorer: SiblingsConfig, recipe: Recipe) -> None:
    """Raise InputError where a prompt has one answer only, or a reference is lacking."""
    sibling_judge_config(scorer)
    if scorer.reference != "none":
        _check_family(scorer, recipe)
    if recipe.launch and recipe.train and recipe.is_online:
        get, num = recipe.train.training.get, recipe.train.num_generations
        passes = get("steps_per_generation") or get("gradient_accumulation_steps", 1)
        answers = get("per_device_train_batch_size", 8) * passes
        if answers % num:
            raise InputError(
                f"score.scorers: siblings compares the {num} answers to a prompt, expected them in "
                f"one process, got {answers} answers in each; set "
                f"train.training.per_device_train_batch_size to a multiple of {num}"
            )
    if recipe.train and recipe.train.choose:
        raise InputError(
            f"score.scorers: {scorer.kind} compares the answers to a prompt, and train.choose "
            "takes one for each; leave `choose` out, or score by something else"
        )
    sampling = recipe.generate.sampling
    num = sum((member.sampling or sampling).num_samples for member in recipe.pool)
    if num < 2 and not recipe.is_online and not recipe.translates_answers:
        raise InputError(
            f"score.scorers: {scorer.kind} compares the answers to a prompt; expected two or more, "
            "got one; raise generate.sampling.num_samples"
        )


def _check_implicit(scorer: ImplicitRewardConfig, recipe: Recipe, is_trained: bool) -> None:
    """Raise InputError for two models that are one, and a fit without the answers to fit it to."""
    _check_dominant(scorer, recipe)
    policy = weights_of(scorer, scorer.policy) if scorer.policy else recipe.policy
    is_known = scorer.policy is not None or not is_trained
    reference = weights_of(scorer, scorer.reference)
    if is_known and sampler_revision(policy) == sampler_revision(reference):
        raise InputError(
            f"score.scorers: implicit_reward compares a policy with the model that it was trained "
            f"from, got the weights of {scorer.reference} for both, where every reward is 0; name "
            "two models"
        )
    if is_fitted(scorer) and recipe.train and (recipe.is_online or recipe.train.choose):
        what = f"method {recipe.train.method}" if recipe.is_online else "train.choose"
        raise InputError(
            f"score.scorers: length_penalty fitted needs the answers to all prompts, and {what} "
            "sees a few at a time; give a number"
        )


def _check_embedding(scorer: SimilarityConfig | ConsistencyConfig, recipe: Recipe) -> None:
    _check_family(scorer, recipe)
    if scorer.calibrate and recipe.train and recipe.train.choose:
        raise InputError(
            f"score.scorers: {scorer.kind} is calibrated by the prompts of a round, and "
            "train.choose has a few; set calibrate to false, or leave `choose` out"
        )


def _check_python(scorer: PythonConfig, recipe: Recipe) -> None:
    if accelerator_present():
        run_in_child(try_python_scorer, scorer, recipe.languages)
    else:
        try_python_scorer(scorer, recipe.languages)
