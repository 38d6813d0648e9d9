"""Checks of the scorers of a recipe, before anything runs."""

from isoglot.core.errors import InputError
from isoglot.core.scorers import AgreementConfig, GoldConfig, PythonConfig, ScorerConfig
from isoglot.evals.graders import FINAL_ANSWERS, GRADERS
from isoglot.execute.child import accelerator_present, run_in_child
from isoglot.models.scorers.python import try_python_scorer
from isoglot.recipe.recipe import Recipe


def check_scorer(scorer: ScorerConfig, recipe: Recipe) -> None:
    """Raise InputError for a scorer that the recipe has no use of, or that lacks something.

    A function of the user's is tried out, in a child process where there is an accelerator, so that
    a model of its own does not stay there.
    """
    if isinstance(scorer, PythonConfig):
        if accelerator_present():
            run_in_child(try_python_scorer, scorer, recipe.languages)
        else:
            try_python_scorer(scorer, recipe.languages)
    if isinstance(scorer, GoldConfig | AgreementConfig):
        known = list(GRADERS if isinstance(scorer, GoldConfig) else FINAL_ANSWERS)
        if scorer.grader not in known:
            raise InputError(
                f"score.scorers: no grader {scorer.grader!r} for {scorer.kind}; expected one of "
                f"{', '.join(known)}"
            )
    if isinstance(scorer, AgreementConfig) and recipe.is_online:
        raise InputError(
            "score.scorers: agreement needs the answers of all languages at once, and method "
            f"{recipe.train.method if recipe.train else ''} sees a prompt at a time; pair by it"
        )
    if isinstance(scorer, AgreementConfig) and len(recipe.languages) < 2:
        raise InputError(
            f"score.scorers: agreement compares languages; expected two or more, got "
            f"{recipe.languages[0]}"
        )
