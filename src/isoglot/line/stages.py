"""The stages of the line, one row each. Nothing else in the package lists them.

The pipeline walks this table, and so do resuming, child processes and `planning`: a new stage is
one row here and one function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.core.failures import (
    Failures,
    completion_failures,
    evaluation_failures,
    prompt_failures,
    translation_failures,
)
from isoglot.core.records import (
    Completion,
    Demonstration,
    Graded,
    Preference,
    PrivilegedPrompt,
    Prompt,
)
from isoglot.core.scorers import FAMILY_KINDS
from isoglot.line.answers import make_completions, make_planted, make_translations
from isoglot.line.demonstrations import make_clean, make_demonstrations
from isoglot.line.job import Job
from isoglot.line.pairs import make_filtered, make_pairs, make_scores
from isoglot.line.privilege import make_privileged
from isoglot.line.prompts import (
    make_cross_lingual,
    make_prompt_translations,
    make_prompts,
    make_transformed,
)
from isoglot.line.sources import PromptSources, file_revisions
from isoglot.line.task import make_evaluation
from isoglot.line.training import make_policy
from isoglot.models.load import answer_settings
from isoglot.models.member import PolicyMember
from isoglot.models.scorers.load import scorer_settings
from isoglot.recipe.recipe import Recipe
from isoglot.recipe.sections import EvaluationTask
from isoglot.train.trackers import without_trackers

Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of the table."""

    name: str
    """Its folder in `round-t/`, and the title of its progress bar."""
    version: int
    """Raise it when `run` writes something else, so that old shards are not taken for new ones."""
    reads: tuple[str, ...] | Callable[[Recipe], tuple[str, ...]]
    """Its inputs: stages by their name, or the latest of a role."""
    writes: type
    """The record of its rows; NoneType for a policy."""
    run: Callable[[Job, Path], Settings]
    """Writes the folder, and returns the counts of the run's record."""
    depends_on: Callable[[Job], Settings]
    """The settings that decide its rows, besides its inputs, the languages and the policy."""
    applies: Callable[[Recipe], bool] = lambda recipe: True  # noqa: ARG005
    holds_model: bool = False
    """True if it loads a language model; it runs in a child process if there is an accelerator."""
    failures: Callable[[Path], Failures] | None = None
    """Counts the answers that its folder lacks because a server gave none."""
    role: str = ""
    """Prompts or completions: later stages read the latest rows of a role."""
    also_reads: Callable[[Recipe], tuple[str, ...]] = lambda recipe: ()  # noqa: ARG005
    """Folders of the round that it reads in part; `depends_on` says in which."""

    def inputs(self, recipe: Recipe) -> tuple[str, ...]:
        """The names of its inputs for a recipe."""
        return self.reads(recipe) if callable(self.reads) else self.reads


def evaluation_folder(task: EvaluationTask) -> str:
    """The folder of a task's evaluation in `round-t/`."""
    return f"{EVALUATE.name}/{task.name}"


def contamination_tasks(recipe: Recipe) -> tuple[EvaluationTask, ...]:
    """The tasks whose prompts no demonstration may hold."""
    return recipe.evaluate.all_tasks if recipe.clean.max_overlap else ()


def _prompts(job: Job) -> Settings:
    config = job.recipe.prompts.model_copy(update={"cross_lingual": None})
    # A stage of its own: the prompts of runs that were made before there was one stay.
    return {
        "prompts": config.model_dump(mode="json", exclude={"transform"}),
        **_source(job, config.source),
    }


def _source(job: Job, source: PromptSources) -> Settings:
    """Describe the prompts of a source, user's files by their content."""
    recipe = job.recipe
    return {"system": recipe.system, "seed": recipe.seed, "files": file_revisions(source)}


def _transform(job: Job) -> Settings:
    passes = job.recipe.prompts.transform
    samplers = [answer_settings(each.sampler) if each.sampler else None for each in passes]
    made = [each.model_dump(mode="json", exclude={"sampler"}) for each in passes]
    return {"transform": made, "samplers": samplers}


def _cross_lingual(job: Job) -> Settings:
    return {"cross_lingual": job.recipe.prompts.cross_lingual, "seed": job.recipe.seed}


def _generation(job: Job) -> Settings:
    samplers = [
        each.model_dump(mode="json") if isinstance(each, PolicyMember) else answer_settings(each)
        for each in job.recipe.samplers
    ]
    return {"generate": job.recipe.generate, "samplers": samplers}


def _translation(job: Job) -> Settings:
    recipe = job.recipe
    translators = [
        # Only a translator that serves some of the languages has them among its settings.
        {k: v for k, v in answer_settings(each).items() if k != "languages" or v is not None}
        for each in recipe.translators
    ]
    settings: dict[str, Any] = {
        "translate": recipe.translate,
        "dominant_language": recipe.dominant_language,
        "artefacts": recipe.prompts.artefacts,
    }
    if translators:
        settings["translator"] = translators if len(translators) > 1 else translators[0]
    return settings


def _planting(job: Job) -> Settings:
    recipe = job.recipe
    return {
        "faults": recipe.faults,
        "dominant_language": recipe.dominant_language,
        "seed": recipe.seed,
    }


def _reward(job: Job) -> Settings:
    score, recipe = job.recipe.score, job.recipe
    scorers = score.scorers if score else ()
    settings: dict[str, Any] = {"score": score, "scorers": list(map(scorer_settings, scorers))}
    if any(scorer.kind in FAMILY_KINDS for scorer in scorers):
        settings["dominant_language"] = recipe.dominant_language
    return settings


def _pairing(job: Job) -> Settings:
    # Runs without foreign sentences were made before there were any.
    unused = set() if job.recipe.pair.spliced else {"spliced"}
    pair = job.recipe.pair.model_dump(mode="json", exclude=unused)
    return {"pair": pair, "dominant_language": job.recipe.dominant_language}


def _privilege(job: Job) -> Settings:
    return {"privilege": job.recipe.privilege, "dominant_language": job.recipe.dominant_language}


def _routing(job: Job) -> Settings:
    return {"route": job.recipe.route, "artefacts": job.recipe.prompts.artefacts.is_used}


def _cleaning(job: Job) -> Settings:
    """Describe the prompts of the evaluations, without their decoding and grading."""
    prompt_keys = {"prompts", "num_families", "cross_lingual"}
    return {
        "clean": job.recipe.clean,
        "evaluation": {
            task.name: {
                **task.model_dump(mode="json", include=prompt_keys),
                **_source(job, task.prompts),
                "languages": sorted(job.recipe.all_languages),
            }
            for task in contamination_tasks(job.recipe)
        },
    }


def _training(job: Job) -> Settings:
    recipe = job.recipe
    settings: dict[str, Any] = {
        "train": without_trackers(recipe.train) if recipe.train else None,
        "seed": recipe.seed,
    }
    if recipe.launch:
        settings["launch"] = recipe.launch.settings
    if recipe.is_online or (recipe.train and recipe.train.choose):
        settings |= _reward(job)
    return settings


def _evaluation(job: Job) -> Settings:
    assert job.task is not None
    return {"task": job.task.deciding, **_source(job, job.task.prompts)}


def _training_rows(recipe: Recipe) -> tuple[str, ...]:
    if recipe.is_online:
        return ("prompts",)
    held_out = ("prompts",) if recipe.train and recipe.train.choose else ()
    stage = "clean" if recipe.route else "privilege" if recipe.privilege else "filter"
    return (stage, *held_out)


def _makes_completions(recipe: Recipe) -> bool:
    """True unless the policy learns from rewards in training."""
    return not recipe.is_online


def _makes_demonstrations(recipe: Recipe) -> bool:
    return not recipe.is_online and recipe.route is not None


STAGES = (
    Stage(
        name="prompts",
        version=3,
        reads=(),
        writes=Prompt,
        run=make_prompts,
        depends_on=_prompts,
    ),
    Stage(
        name="translate_prompts",
        version=5,
        reads=("prompts",),
        writes=Prompt,
        run=make_prompt_translations,
        depends_on=_translation,
        applies=lambda recipe: recipe.prompts.translate_from is not None,
        holds_model=True,
        failures=prompt_failures,
        role="prompts",
    ),
    Stage(
        name="transform_prompts",
        version=1,
        reads=("prompts",),
        writes=Prompt,
        run=make_transformed,
        depends_on=_transform,
        applies=lambda recipe: bool(recipe.prompts.transform),
        holds_model=True,
        failures=prompt_failures,
        role="prompts",
    ),
    Stage(
        name="cross_lingual",
        version=1,
        reads=("prompts",),
        writes=Prompt,
        run=make_cross_lingual,
        depends_on=_cross_lingual,
        applies=lambda recipe: recipe.prompts.cross_lingual is not None,
        role="prompts",
    ),
    Stage(
        name="generate",
        version=4,
        reads=("prompts",),
        writes=Completion,
        run=make_completions,
        depends_on=_generation,
        applies=_makes_completions,
        holds_model=True,
        failures=completion_failures,
        role="completions",
    ),
    Stage(
        name="translate",
        version=5,
        reads=("prompts", "generate"),
        writes=Completion,
        run=make_translations,
        depends_on=_translation,
        applies=lambda recipe: _makes_completions(recipe) and recipe.translates_answers,
        holds_model=True,
        failures=translation_failures,
        role="completions",
    ),
    Stage(
        name="plant",
        version=1,
        reads=("prompts", "completions"),
        writes=Completion,
        run=make_planted,
        depends_on=_planting,
        applies=lambda recipe: recipe.faults is not None,
        role="completions",
    ),
    Stage(
        name="score",
        version=4,
        reads=("prompts", "completions"),
        writes=Completion,
        run=make_scores,
        depends_on=_reward,
        applies=lambda recipe: _makes_completions(recipe) and recipe.score is not None,
        holds_model=True,
        role="completions",
    ),
    Stage(
        name="pair",
        version=5,
        reads=("prompts", "completions"),
        writes=Preference,
        run=make_pairs,
        depends_on=_pairing,
        applies=lambda recipe: recipe.makes_pairs,
    ),
    Stage(
        name="filter",
        version=3,
        reads=("pair",),
        writes=Preference,
        run=make_filtered,
        depends_on=lambda job: {"filter": job.recipe.filter},
        applies=lambda recipe: recipe.makes_pairs,
    ),
    Stage(
        name="route",
        version=2,
        reads=("prompts", "completions"),
        writes=Demonstration,
        run=make_demonstrations,
        depends_on=_routing,
        applies=_makes_demonstrations,
    ),
    Stage(
        name="clean",
        version=1,
        reads=("route",),
        writes=Demonstration,
        run=make_clean,
        depends_on=_cleaning,
        applies=_makes_demonstrations,
        also_reads=lambda recipe: tuple(map(evaluation_folder, contamination_tasks(recipe))),
    ),
    Stage(
        name="privilege",
        version=1,
        reads=("prompts", "completions"),
        writes=PrivilegedPrompt,
        run=make_privileged,
        depends_on=_privilege,
        applies=lambda recipe: recipe.privilege is not None,
    ),
    Stage(
        name="train",
        version=2,
        reads=_training_rows,
        writes=type(None),
        run=make_policy,
        depends_on=_training,
        applies=lambda recipe: recipe.train is not None,
        holds_model=True,
    ),
)
"""One round, in order: prompts → completions → preferences, demonstrations or contexts → the next
policy."""

EVALUATE = Stage(
    name="evaluate",
    version=6,
    reads=(),
    writes=Graded,
    run=make_evaluation,
    depends_on=_evaluation,
    holds_model=True,
    failures=evaluation_failures,
)
"""Every policy, M0 too, on one task of the recipe; its folder is `evaluate/TASK`."""

VERSIONS = {stage.name: stage.version for stage in (*STAGES, EVALUATE)}
"""The version of each stage's code."""
