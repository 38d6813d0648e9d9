"""Checks of the scorers of a recipe, before anything runs."""

from isoglot.core.errors import InputError
from isoglot.core.scorers import (
    AgreementConfig,
    GoldConfig,
    PythonConfig,
    ScorerConfig,
    SiblingsConfig,
)
from isoglot.evals.graders import FINAL_ANSWERS, GRADERS
from isoglot.execute.child import accelerator_present, run_in_child
from isoglot.models.scorers.load import sibling_judge_config
from isoglot.models.scorers.python import try_python_scorer
from isoglot.recipe.recipe import Recipe


def check_scorer(scorer: ScorerConfig, recipe: Recipe) -> None:
    """Raise InputError for a scorer that lacks something of the recipe, such as siblings.

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
            sibling_judge_config(scorer)
            _check_siblings(scorer, recipe)
            if scorer.reference != "none":
                _check_family(scorer, recipe)
        case PythonConfig():
            if accelerator_present():
                run_in_child(try_python_scorer, scorer, recipe.languages)
            else:
                try_python_scorer(scorer, recipe.languages)


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
    if needs_dominant and recipe.dominant_language not in recipe.languages:
        raise InputError(
            f"score.scorers: {scorer.kind} needs answers in the dominant language, and "
            f"{recipe.dominant_language!r} is not among `languages`; add it"
        )


def _check_siblings(scorer: ScorerConfig, recipe: Recipe) -> None:
    """Raise InputError where a prompt has one answer only."""
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
